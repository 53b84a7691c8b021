import { readFileSync } from 'node:fs';

const lookMs = 500;

/**
 * When a process started, as the system counts; '' where the system does not tell, undefined when
 * there is none.
 */
export function startOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' ? undefined : fields[19];
  } catch {
    if (process.platform === 'linux') return undefined;
    try {
      process.kill(pid, 0);
      return '';
    } catch {
      return undefined;
    }
  }
}

/** A process by its number and its start, as `PID:START`: numbers come round again. */
export function nameOf(pid: number): string {
  return `${pid}:${startOf(pid) ?? ''}`;
}

export function livesStill(name: string): boolean {
  const [pid = '', started = ''] = name.split(':');
  return startOf(Number(pid)) === started;
}

/**
 * Calls back once, soon after the process named has ended, however it ended.
 * @param owner undefined: never
 */
export function whenOwnerEnds(owner: string | undefined, ended: () => void): void {
  if (owner === undefined) return;
  const timer = setInterval(() => {
    if (livesStill(owner)) return;
    clearInterval(timer);
    ended();
  }, lookMs);
  timer.unref();
}
