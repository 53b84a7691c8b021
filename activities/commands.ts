import { createHash } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { StepFile } from './attempt-files.js';
import { StepFailure } from './failure.js';
import { hostId, placeOf } from './host.js';
import { sweepJournals } from './journal-sweep.js';
import { Journal, type JournaledProcess, type JournalStream, type Outcome } from './journal.js';
import { journalFailure } from './not-started.js';
import { endTree, isAlive } from './process-tree.js';
import { Supervisor } from './supervisor.js';
import type { StartCommand } from './supervisor-messages.js';

/** How often a followed command is polled for output and for its end, in milliseconds. */
const everyMs = 50;
const sweepEveryMs = 3_600_000;
/** How long a supervisor may take from the ticket to the first record of the process, in ms. */
const startingMs = 10_000;

/** Which attempt of which step a command belongs to. */
export interface CommandOwner {
  run: string;
  firstRunId: string;
  step: string;
  attempt: number;
  /** Fencing token: raised by every worker that takes the attempt over. */
  fence: number;
  /** Where an earlier worker of this attempt ran; null when this is the first. */
  resumedFrom: string | null;
  /** The number of the poll when a check runs the command: it only reads, and is not taken over. */
  poll?: number;
  /**
   * Called before an attempt that was taken over starts anything new.
   * @throws StepFailure LeaseLost
   */
  assertLeaseHeld?: () => void;
}

export interface CommandSpec extends Pick<StartCommand, 'argv' | 'env' | 'cwd' | 'timeoutMs'> {
  /** It runs in a folder of its own that holds these, and ends with it. */
  files?: readonly StepFile[];
}

export interface CommandWatch {
  signal: AbortSignal;
  /** Called right before a new command is started. @throws when it must not start */
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

  /** Folder of the journals. */
  get folder(): string {
    return this.journals;
  }

  /** The command of one attempt, whether or not it was started already. */
  claim(owner: CommandOwner): CommandClaim {
    return new CommandClaim(owner, this);
  }

  /**
   * Ends the commands that an attempt may have left running.
   * @returns false when they ran on another host, or on this one before a restart
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
   * Ends every command of an attempt on this host, whichever worker started it, checks included.
   * @returns the outcome of its command if it had already ended by itself
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

  /** Detaches from the commands: they run on, and the next worker of this host takes them over. */
  close(): void {
    clearInterval(this.tidying);
    this.supervisor.close();
  }
}

/** The right to run one attempt's command: once, on one host, whichever worker asks. */
export class CommandClaim {
  constructor(
    private readonly owner: CommandOwner,
    private readonly commands: Commands,
  ) {}

  /**
   * Runs the command to its end, or follows the one that an earlier worker of this attempt started.
   * @throws StepFailure OutcomeUnknown when the outcome of that one is lost, LeaseLost when nothing
   *   new may be started; the signal's reason on abort
   */
  async run({ files, ...spec }: CommandSpec, watch: CommandWatch): Promise<Outcome> {
    const earlier = this.earlierJournal();
    if (earlier) return this.followToEnd(earlier, watch);
    this.owner.assertLeaseHeld?.();
    await watch.starting();
    const journal = this.commands.journalOf(this.owner, this.owner.fence);
    let { cwd } = spec;
    try {
      journal.create();
      if (files) cwd = journal.placeFiles(files);
    } catch (error) {
      journal.discard();
      throw journalFailure(error, this.commands.folder);
    }
    const { folder } = journal;
    const ended = this.commands.start({ ...spec, cwd, folder, mark: markOf(journal) });
    try {
      return await this.followToEnd(journal, watch, ended);
    } finally {
      if (this.owner.poll !== undefined) journal.remove();
    }
  }

  /** As `follow`; the files of a command that has ended are removed. */
  private async followToEnd(
    journal: Journal,
    watch: CommandWatch,
    ended?: Promise<Outcome | undefined>,
  ): Promise<Outcome> {
    try {
      return await this.follow(journal, watch, ended);
    } finally {
      if (!(watch.signal.aborted && isHandover(watch.signal.reason))) journal.removeFiles();
    }
  }

  /** The journal of a command that was, or may have been, started. Others are voided on the way. */
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
    try {
      for (let earlier = fence - 1; earlier >= 1; earlier -= 1) {
        const journal = this.commands.journalOf(this.owner, earlier);
        if (journal.exists && !journal.takeTicket('void') && !journal.isVoid) return journal;
      }
    } catch (error) {
      throw journalFailure(error, this.commands.folder);
    }
    return undefined;
  }

  /**
   * Ships the output as it comes, until the outcome is there.
   * @param ended settles when our own supervisor is done with the command, usually before the next
   *   poll
   */
  private async follow(
    journal: Journal,
    watch: CommandWatch,
    ended?: Promise<Outcome | undefined>,
  ): Promise<Outcome> {
    const reader = new OutputReader(journal, watch);
    const startedAt = Date.now();
    let done = false;
    let reported: Outcome | undefined;
    const wake = ended?.then((outcome) => {
      done = true;
      reported = outcome;
    });
    const pause = (): Promise<unknown> => Promise.race([delay(everyMs), ...(wake ? [wake] : [])]);
    // A command that was just started has nothing to read yet.
    if (wake) await pause();
    let process: JournaledProcess | undefined;
    for (;;) {
      if (watch.signal.aborted) await this.abort(journal, watch.signal);
      // Read the outcome first: then all output that was written before it is read too.
      const outcome = journal.outcome() ?? reported;
      await reader.read();
      if (outcome) return outcome;
      if (!process && (process = journal.process())) watch.attached(process);
      const isWatched = process ? isAlive(process.supervisor) : Date.now() - startedAt < startingMs;
      if (!isWatched || done) {
        if (process) await this.untilGone(process, watch.signal, reader);
        if (journal.outcome() ?? reported) continue;
        throw !process && journal.makeVoid() ? neverStarted() : lostSupervisor();
      }
      await pause();
    }
  }

  /** Without its supervisor a command runs on, but its outcome is never written. */
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
   * Ends the whole tree and throws the reason. On a handover the command is left to the next
   * worker.
   */
  private async abort(journal: Journal, signal: AbortSignal): Promise<never> {
    if (!isHandover(signal.reason)) await endCommand(journal);
    throw signal.reason;
  }
}

/** Voids a command that was not started yet; ends one that was, with its whole tree. */
async function endCommand(journal: Journal): Promise<void> {
  if (journal.takeTicket('void') || journal.isVoid) return;
  const givenUp = Date.now() + startingMs;
  while (!journal.process() && !journal.outcome() && Date.now() < givenUp) await delay(everyMs);
  const process = journal.process();
  if (process && !journal.outcome()) await endTree(process);
  journal.removeFiles();
}

/**
 * Reasons for which Temporal aborts an attempt although the step goes on: this worker shuts down,
 * or missed heartbeats for so long that another worker has the attempt. It must not end the command
 * then.
 */
const handoverReasons = new Set(['WORKER_SHUTDOWN', 'NOT_FOUND', 'TIMED_OUT', 'PAUSED', 'RESET']);

/** True when the attempt is left as it is, for the worker that continues it. */
export function isHandover(reason: unknown): boolean {
  return reason instanceof Error && handoverReasons.has(reason.message);
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
 * The supervisor died, or could not be started, before it started the command; the journal is void.
 */
function neverStarted(): StepFailure {
  return new StepFailure(
    'CommandNotStarted',
    'nothing was started: the process that starts commands is gone or could not be started itself',
    { next: 'It is retried; if it keeps failing, check memory and process limits of the host.' },
  );
}

function lostSupervisor(): StepFailure {
  return new StepFailure(
    'OutcomeUnknown',
    'the supervisor of the command died, so nobody knows how the command ended',
    {
      next: 'Look at what the command did; then retry it, skip it, or mark it done.',
    },
  );
}
