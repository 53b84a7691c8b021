import { CliError, isRecordAway, isUnreachable } from './errors.js';
import { hasEnded } from './exit-codes.js';
import { Attention, neededOf, type Needed } from './needed.js';
import { problemText } from './problem-text.js';
import { NotAdmittedYet, readRun, type RunReading } from './read-run.js';
import type { Session } from './session.js';

export interface FollowOptions {
  /** Milliseconds between two polls. */
  everyMs: number;
  /** Epoch milliseconds after which following ends; never unless given. */
  until?: number | undefined;
  signal: AbortSignal;
  /** Called with the reason when the run cannot be read, and with null when it can again. */
  onTrouble(why: string | null): void;
}

export interface Followed extends RunReading {
  /** What the run needs people for now. */
  needed: Needed | null;
  /** Nobody seems to be answering: a verb that waits says so, and ends. */
  isUnanswered: boolean;
}

/** Milliseconds between two polls while no server answers. */
const troubleMs = 1_000;

/**
 * Polls the run until it has ended and the record knows it, time is up or the signal aborts. Waits
 * for a server or worker that is down: the run does not end because nobody can read it.
 * @throws CliError when there is no such run
 */
export async function* follow(
  session: Session,
  run: string,
  options: FollowOptions,
): AsyncGenerator<Followed> {
  let trouble: string | null = null;
  const attention = new Attention();
  const tell = (why: string | null): void => {
    if (why === trouble) return;
    trouble = why;
    options.onTrouble(why);
  };
  while (!options.signal.aborted && (options.until === undefined || Date.now() < options.until)) {
    let pauseMs = options.everyMs;
    try {
      const reading = await readRun(session, run);
      tell(reading.trouble ? `The run is stuck: ${problemText(reading.trouble)}` : reading.note);
      const ended = hasEnded(reading.view.state);
      // After the end the caller may read the record next, or delete the run.
      if (!ended || reading.isClosed)
        yield { ...reading, needed: neededOf(reading), isUnanswered: attention.stands(reading) };
      if (ended && reading.isClosed) return;
    } catch (error) {
      const why = waitable(error);
      if (why === null) throw error;
      tell(why);
      pauseMs = error instanceof NotAdmittedYet ? options.everyMs : troubleMs;
    }
    await pause(
      Math.min(
        pauseMs,
        options.until === undefined ? pauseMs : Math.max(1, options.until - Date.now()),
      ),
      options.signal,
    );
  }
}

/** Why polling goes on after this error; null when it does not. */
function waitable(error: unknown): string | null {
  if (error instanceof NotAdmittedYet) return 'The run waits for a worker to admit it.';
  if (error instanceof CliError && /answers/.test(error.message))
    return `${error.message} Trying again.`;
  if (isUnreachable(error)) return 'The Temporal server does not answer; trying again.';
  return isRecordAway(error) ? 'The record in PostgreSQL does not answer; trying again.' : null;
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((wake) => {
    const timer = setTimeout(done, ms);
    function done(): void {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      wake();
    }
    signal.addEventListener('abort', done);
  });
}
