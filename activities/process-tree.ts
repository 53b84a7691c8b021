import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

/** How long a process tree may take to end after SIGTERM before it is killed, in milliseconds. */
export const termGraceMs = 5_000;

/** A process; its start time distinguishes it from a later one with the same id. */
export interface ProcessId {
  pid: number;
  started: string;
}

/**
 * The processes of one command: its leader's group, their descendants, and all that carry the mark.
 */
export interface Tree extends ProcessId {
  /**
   * Value of `RUNBOOK_CLAIM` in the environment; finds children that have made sessions of their
   * own.
   */
  mark: string;
}

interface Seen extends ProcessId {
  parent: number;
  group: number;
}

const onLinux = process.platform === 'linux';

/** When the process started, as the system reports it; undefined when there is no such process. */
export function startOf(pid: number): string | undefined {
  return onLinux ? seenInProc(pid)?.started : allByPs().find((each) => each.pid === pid)?.started;
}

export function isAlive({ pid, started }: ProcessId): boolean {
  return startOf(pid) === started;
}

/** Ends a command's whole tree: TERM, then KILL, until no process of it is found. */
export async function endTree(tree: Tree, graceMs = termGraceMs): Promise<void> {
  const known = new Map<number, string>();
  const killAt = Date.now() + graceMs;
  const signalled = new Set<string>();
  for (;;) {
    const members = membersOf(tree, known);
    if (members.length === 0) return;
    const signal = Date.now() >= killAt ? 'SIGKILL' : 'SIGTERM';
    for (const { pid, started } of members) {
      known.set(pid, started);
      const id = `${pid} ${started} ${signal}`;
      // TERM once: a program may count how often it is signalled.
      if (signal === 'SIGTERM' && signalled.has(id)) continue;
      signalled.add(id);
      send(pid, signal);
    }
    await delay(25);
  }
}

/**
 * The tree's current members. `known`: members found before; processes that they start while they
 * end belong to it too.
 */
function membersOf(tree: Tree, known: ReadonlyMap<number, string>): Seen[] {
  const all = onLinux ? allInProc() : allByPs();
  const leaderLives = all.some(({ pid, started }) => pid === tree.pid && started === tree.started);
  const members = new Map<number, Seen>();
  for (const each of all) {
    if (
      (each.pid === tree.pid && each.started === tree.started) ||
      known.get(each.pid) === each.started ||
      (each.group === tree.pid && (leaderLives || !onLinux)) ||
      isMarked(each.pid, tree.mark)
    )
      members.set(each.pid, each);
  }
  for (let grown = true; grown;) {
    grown = false;
    for (const each of all) {
      if (members.has(each.pid) || !members.has(each.parent)) continue;
      members.set(each.pid, each);
      grown = true;
    }
  }
  return [...members.values()];
}

function allInProc(): Seen[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => seenInProc(Number(name)) ?? []);
}

function seenInProc(pid: number): Seen | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The program's name, in parentheses, may itself hold spaces and parentheses.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    if (fields[0] === 'Z' || fields[0] === 'X') return undefined;
    return { pid, parent: Number(fields[1]), group: Number(fields[2]), started: fields[19] ?? '' };
  } catch {
    return undefined;
  }
}

/**
 * Where there is no /proc, marks cannot be read: groups and descendants are found, sessions of
 * their own are not.
 */
function allByPs(): Seen[] {
  const text = execFileSync('ps', ['-A', '-o', 'pid=,ppid=,pgid=,stat=,lstart='], {
    encoding: 'utf8',
    maxBuffer: 2 ** 24,
  });
  return text.split('\n').flatMap((line) => {
    const [, pid, parent, group, state = '', started = ''] =
      /^\s*(\d+)\s+(\d+)\s+(\d+)\s+(\S+)\s+(.*)$/.exec(line) ?? [];
    return pid === undefined || state.startsWith('Z')
      ? []
      : [
          {
            pid: Number(pid),
            parent: Number(parent),
            group: Number(group),
            started: started.trim(),
          },
        ];
  });
}

function isMarked(pid: number, mark: string): boolean {
  if (!onLinux) return false;
  try {
    return readFileSync(`/proc/${pid}/environ`, 'utf8')
      .split('\0')
      .includes(`RUNBOOK_CLAIM=${mark}`);
  } catch {
    return false;
  }
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It has ended, or its id is another process by now.
  }
}
