import { setTimeout as delay } from 'node:timers/promises';

/** How long a process group may take to end after SIGTERM before it is killed, in milliseconds. */
const termGraceMs = 5_000;

/** Is any process of the group alive? */
export function groupLives(group: number): boolean {
  return signalGroup(group, 0);
}

/** Ends a whole process group: TERM, then KILL, and returns when nothing of it is left. */
export async function endGroup(group: number): Promise<void> {
  if (!signalGroup(group, 'SIGTERM')) return;
  const killAt = Date.now() + termGraceMs;
  while (groupLives(group)) {
    if (Date.now() >= killAt) signalGroup(group, 'SIGKILL');
    await delay(25);
  }
}

/** @returns false when the group has no member left */
function signalGroup(group: number, signal: NodeJS.Signals | 0): boolean {
  try {
    process.kill(-group, signal);
    return true;
  } catch (error) {
    // EPERM: alive, but somebody else's by now.
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
