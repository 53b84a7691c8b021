import { readdirSync, readFileSync } from 'node:fs';

/*
 * A server of Airflow leads a session of its own. Its tasks lead groups of their own in it: a
 * signal to the group of the server does not reach them.
 */

/** Processes of the session that this process leads, with its leader. */
export function membersOf(leader: number): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => sessionOf(pid) === leader);
}

/** Undefined where the process is gone, or has ended and only waits to be looked at. */
function sessionOf(pid: number): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' ? undefined : Number(fields[3]);
  } catch {
    return undefined;
  }
}

/** Kills all processes of the session; its leader last, and not where that is this process. */
export function killSession(leader: number): void {
  // One that is being killed may just have begun another.
  for (let pass = 0; pass < 3; pass += 1)
    for (const pid of process.platform === 'linux' ? membersOf(leader) : [-leader])
      if (pid !== leader) kill(pid, 'SIGKILL');
  if (leader !== process.pid) kill(leader, 'SIGKILL');
}

/** Signals a process, or a group by its negative number; one that is gone is no failure. */
export function kill(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It has ended already.
  }
}
