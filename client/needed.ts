import type { WaitView } from '../common/view.js';
import { pausedText, resumeCommand } from '../common/run-pause.js';
import { pauseText, type TemporalPause } from '../common/temporal-pauses.js';
import { exitCodes, hasEnded } from './exit-codes.js';
import type { Io } from './io.js';
import { painter, print, printValue, remark } from './output.js';
import type { RunReading } from './read-run.js';
import type { Session } from './session.js';
import type { GlobalFlags } from './settings.js';

/* What a run needs people for. Verbs that wait end with it, because nobody may be watching. */

export interface Needed {
  waits: WaitView[];
  pauses: readonly TemporalPause[];
  /** An operator has paused the run. */
  isPaused: boolean;
}

/** What a reading tells of the run itself. */
type Standing = Pick<RunReading, 'view' | 'pauses' | 'note'>;

/** A run that waits for another one goes on by itself. */
export function asksPeople({ kind }: Pick<WaitView, 'kind'>): boolean {
  return kind !== 'lease';
}

/** Null while the run goes on, or will by itself: so it does when it waits for another run. */
export function neededOf({ view, pauses }: Standing): Needed | null {
  if (hasEnded(view.state)) return null;
  const waits = view.waitingFor.filter(asksPeople);
  const isPaused = view.state === 'paused';
  return waits.length > 0 || pauses.length > 0 || isPaused ? { waits, pauses, isPaused } : null;
}

/**
 * Milliseconds after which a question counts as one that nobody has answered: an answer that was
 * sent is judged in less. What only the record says may be older.
 */
const standsAfterMs = { live: 1_000, recorded: 5_000 };

/** Tells since when people have been needed for the same. */
export class Attention {
  private same = '';
  private since = 0;

  /** Whether they are needed, and nobody seems to be answering. */
  stands(reading: Standing): boolean {
    const needed = neededOf(reading);
    const key = JSON.stringify(needed);
    if (key !== this.same) this.since = Date.now();
    this.same = key;
    const limit = reading.note === null ? standsAfterMs.live : standsAfterMs.recorded;
    return needed !== null && Date.now() - this.since >= limit;
  }
}

/**
 * Prints what people are needed for, with the commands that answer.
 * @returns the exit code of a run that waits for people
 */
export async function tellNeeded(
  session: Session,
  { view }: Standing,
  { waits, pauses, isPaused }: Needed,
  { color, output = 'text' }: Pick<GlobalFlags, 'color' | 'output'>,
  io: Io,
): Promise<number> {
  if (output !== 'text') {
    printValue(io, output, { id: view.id, state: view.state, waitingFor: view.waitingFor });
    return exitCodes.waiting;
  }
  const { renderWait } = await import('./view-wait.js');
  const { command } = session;
  const paint = painter(io, color);
  for (const wait of waits)
    print(io, `${view.id}\n${renderWait(view.id, wait, { paint, columns: io.columns, command })}`);
  for (const pause of pauses) print(io, `${view.id}: ${pauseText(pause)}\n  go on: ${pause.next}`);
  if (isPaused)
    print(io, `${view.id}: ${pausedText(view)}\n  go on: ${resumeCommand(command, view.id)}`);
  remark(io, needsPeople(view.id, command));
  return exitCodes.waiting;
}

/** The last line of a verb that has waited. */
export function needsPeople(run: string, command: string): string {
  return `The run needs people, so this waits no longer. Wait again with: ${command} wait ${run}`;
}
