import { createHash } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { StepFailure } from './failure.js';
import { hostId, placeOf } from './host.js';
import { sweepJournals } from './journal-sweep.js';
import { Journal, type JournaledProcess, type JournalStream, type Outcome } from './journal.js';
import { journalFailure } from './not-started.js';
import { endTree, isAlive } from './process-tree.js';
import { Supervisor } from './supervisor.js';
import type { StartCommand } from './supervisor-messages.js';

/**
 * How often a followed command is looked at, in milliseconds: its output, and whether it has ended.
 */
const everyMs = 50;
const sweepEveryMs = 3_600_000;
/**
 * How long a supervisor may take between the ticket and the first word about the process, in
 * milliseconds.
 */
const startingMs = 10_000;

/** Which attempt of which step a command belongs to. */
export interface CommandOwner {
  run: string;
  firstRunId: string;
  step: string;
  attempt: number;
  /** Raised by every worker that takes the attempt over. */
  fence: number;
  /** Where an earlier worker of this attempt ran; null when this is the first. */
  resumedFrom: string | null;
  /**
   * Set when a check asks the command, for the how manieth time: it only reads, and is not taken
   * over.
   */
  poll?: number;
  /**
   * Asked before an attempt that was taken over begins anything anew.
   * @throws StepFailure LeaseLost
   */
  mayAct?: () => void;
}

export type CommandSpec = Pick<StartCommand, 'argv' | 'env' | 'cwd' | 'timeoutMs'>;

export interface CommandWatch {
  signal: AbortSignal;
  /** Asked right before the command is started anew. @throws when it must not be */
  starting(): Promise<void>;
  output(stream: JournalStream, chunk: Buffer): void;
  attached(process: JournaledProcess): void;
}

/** The commands of this host: their journals, and the supervisor that starts them. */
export class Commands {
  /** Names this host, boot and process namespace. */
  readonly place: string;
  readonly hostId: string;
  private readonly supervisor: Supervisor;
  private tidying: NodeJS.Timeout | undefined;

  /** @param journals folder of the journals on a disk of this host */
  constructor(private readonly journals: string) {
    this.place = placeOf(journals);
    this.hostId = hostId(journals);
    this.supervisor = new Supervisor(journals);
  }

  /** Where the journals are. */
  get folder(): string {
    return this.journals;
  }

  /** The command of one attempt, whether or not it was started already. */
  claim(owner: CommandOwner): CommandClaim {
    return new CommandClaim(owner, this);
  }

  /**
   * Ends what an attempt may have left running.
   * @returns false when that is on another host, or was before a restart of this one
   */
  async end(owner: CommandOwner): Promise<boolean> {
    if (owner.resumedFrom !== this.place) return false;
    for (let fence = 1; fence < owner.fence; fence += 1) {
      const journal = this.journalOf(owner, fence);
      if (journal.exists) await endCommand(journal);
    }
    return true;
  }

  /**
   * Ends whatever an attempt has started on this host, by whichever worker, the commands of its
   * checks too.
   * @returns the outcome of its command if that had ended by itself before
   */
  async endAttempt(
    owner: Pick<CommandOwner, 'run' | 'firstRunId' | 'step' | 'attempt'>,
  ): Promise<Outcome | undefined> {
    const folder = this.folderOf(owner);
    const names = await readdir(folder).catch(() => []);
    let outcome: Outcome | undefined;
    for (const name of names.filter((each) => each.startsWith(`${owner.attempt}.`))) {
      const journal = new Journal(join(folder, name));
      outcome ??= journal.outcome();
      await endCommand(journal);
    }
    return outcome;
  }

  journalOf(owner: CommandOwner, fence: number): Journal {
    const { attempt, poll } = owner;
    return new Journal(
      join(this.folderOf(owner), `${attempt}.${fence}${poll === undefined ? '' : `.poll-${poll}`}`),
    );
  }

  private folderOf({
    run,
    firstRunId,
    step,
  }: Pick<CommandOwner, 'run' | 'firstRunId' | 'step'>): string {
    const name = createHash('sha256')
      .update([run, firstRunId, step].join('\0'))
      .digest('hex')
      .slice(0, 24);
    return join(this.journals, name);
  }

  /** Removes old journals now and every hour, until `close`. */
  keepTidy(): void {
    const sweep = (): void => void sweepJournals(this.journals).catch(() => undefined);
    sweep();
    this.tidying ??= setInterval(sweep, sweepEveryMs).unref();
  }

  start(request: Omit<StartCommand, 'id'>): Promise<Outcome | undefined> {
    return this.supervisor.start(request);
  }

  /** Lets go of the commands: they run on, and the next worker of this host takes them over. */
  close(): void {
    clearInterval(this.tidying);
    this.supervisor.close();
  }
}

/** The right to run one attempt's command: once, whoever asks, on one host. */
export class CommandClaim {
  constructor(
    private readonly owner: CommandOwner,
    private readonly commands: Commands,
  ) {}

  /**
   * Runs the command, or follows the one that an earlier worker of this attempt has started, to its
   * end.
   * @throws StepFailure OutcomeUnknown when it cannot be known what became of that one, LeaseLost
   *   when nothing may be begun any more; the signal's reason on abort
   */
  async run(spec: CommandSpec, watch: CommandWatch): Promise<Outcome> {
    const earlier = this.earlierJournal();
    if (earlier) return this.follow(earlier, watch);
    this.owner.mayAct?.();
    await watch.starting();
    const journal = this.commands.journalOf(this.owner, this.owner.fence);
    try {
      journal.create();
    } catch (error) {
      journal.giveUp();
      throw journalFailure(error, this.commands.folder);
    }
    const ended = this.commands.start({ ...spec, folder: journal.folder, mark: markOf(journal) });
    try {
      return await this.follow(journal, watch, ended);
    } finally {
      if (this.owner.poll !== undefined) journal.remove();
    }
  }

  /**
   * The journal of a command that was started, or may have been. Those that never will be are out
   * of the way.
   */
  private earlierJournal(): Journal | undefined {
    const { resumedFrom, fence } = this.owner;
    if (resumedFrom === null) return undefined;
    if (resumedFrom !== this.commands.place) {
      throw new StepFailure(
        'OutcomeUnknown',
        'the worker died on another host, or this one was restarted since',
        {
          next: 'Look there at what the command did; then retry it, skip it, or mark it done.',
        },
      );
    }
    for (let earlier = fence - 1; earlier >= 1; earlier -= 1) {
      const journal = this.commands.journalOf(this.owner, earlier);
      if (journal.exists && !journal.takeTicket('void') && !journal.isVoid) return journal;
    }
    return undefined;
  }

  /**
   * Ships the output as it comes, until the outcome is there.
   * @param ended settles when our own supervisor is done with the command, which is sooner than the
   *   next look is due
   */
  private async follow(
    journal: Journal,
    watch: CommandWatch,
    ended?: Promise<Outcome | undefined>,
  ): Promise<Outcome> {
    const reader = new OutputReader(journal, watch);
    const startedAt = Date.now();
    let done = false;
    let told: Outcome | undefined;
    const wake = ended?.then((outcome) => {
      done = true;
      told = outcome;
    });
    const pause = (): Promise<unknown> => Promise.race([delay(everyMs), ...(wake ? [wake] : [])]);
    // Of what was only just begun there is nothing to see yet.
    if (wake) await pause();
    let process: JournaledProcess | undefined;
    for (;;) {
      if (watch.signal.aborted) await this.abort(journal, watch.signal);
      // The outcome first: what was written before it is then read for certain.
      const outcome = journal.outcome() ?? told;
      await reader.read();
      if (outcome) return outcome;
      if (!process && (process = journal.process())) watch.attached(process);
      const isWatched = process ? isAlive(process.supervisor) : Date.now() - startedAt < startingMs;
      if (!isWatched || done) {
        if (process) await this.untilGone(process, watch.signal, reader);
        if (journal.outcome() ?? told) continue;
        throw !process && journal.makeVoid() ? neverStarted() : lostSupervisor();
      }
      await pause();
    }
  }

  /** Without its supervisor a command runs on, but nobody will write how it ended. */
  private async untilGone(
    process: JournaledProcess,
    signal: AbortSignal,
    reader: OutputReader,
  ): Promise<void> {
    while (isAlive(process) && !signal.aborted) {
      await reader.read();
      await delay(everyMs);
    }
  }

  /**
   * Ends the whole tree and throws the reason. A worker that is to let go leaves the command to the
   * next one instead.
   */
  private async abort(journal: Journal, signal: AbortSignal): Promise<never> {
    if (!isLetGo(signal.reason)) await endCommand(journal);
    throw signal.reason;
  }
}

/** A command that was not started yet never will be; one that was is ended with its whole tree. */
async function endCommand(journal: Journal): Promise<void> {
  if (journal.takeTicket('void') || journal.isVoid) return;
  const givenUp = Date.now() + startingMs;
  while (!journal.process() && !journal.outcome() && Date.now() < givenUp) await delay(everyMs);
  const process = journal.process();
  if (process && !journal.outcome()) await endTree(process);
}

/**
 * Temporal aborts attempts for other reasons than that the step is to stop: this worker shuts down,
 * or fell silent for so long that the attempt is, or will be, another worker's. What it began is
 * then not its to end.
 */
const letGo = new Set(['WORKER_SHUTDOWN', 'NOT_FOUND', 'TIMED_OUT', 'PAUSED', 'RESET']);

/**
 * True for the reasons for which an attempt is left as it is, to the worker that goes on with it.
 */
export function isLetGo(reason: unknown): boolean {
  return reason instanceof Error && letGo.has(reason.message);
}

class OutputReader {
  private readonly offsets = { stdout: 0, stderr: 0 };

  constructor(
    private readonly journal: Journal,
    private readonly watch: CommandWatch,
  ) {}

  async read(): Promise<void> {
    for (const stream of ['stdout', 'stderr'] as const) {
      this.offsets[stream] = await this.journal.readFrom(stream, this.offsets[stream], (chunk) =>
        this.watch.output(stream, chunk),
      );
    }
  }
}

function markOf(journal: Journal): string {
  return createHash('sha256').update(journal.folder).digest('hex').slice(0, 32);
}

/**
 * The supervisor died, or could not be started, before it began the command: from now on nobody
 * will.
 */
function neverStarted(): StepFailure {
  return new StepFailure(
    'CommandNotStarted',
    'nothing was started: the process that starts commands is gone or could not be started itself',
    { next: 'It is tried again; if it stays, look at memory and processes of the host.' },
  );
}

function lostSupervisor(): StepFailure {
  return new StepFailure(
    'OutcomeUnknown',
    'what watched the command died, so nobody saw how the command ended',
    {
      next: 'Look at what the command did; then retry it, skip it, or mark it done.',
    },
  );
}
