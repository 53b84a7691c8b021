import type pg from 'pg';
import { commandName } from './command-name.js';
import type { Temporal } from './connect.js';
import {
  CliError,
  explain,
  isRecordAway,
  isUnreachable,
  nothingAnswers,
  type ErrorContext,
} from './errors.js';
import type { Io } from './io.js';
import { databaseUrl, uiUrl, type GlobalFlags } from './settings.js';
import { withinMs } from './within-ms.js';

/**
 * The connections of one command, to Temporal and the record. Each is loaded and opened only when
 * it is needed, because it costs more time than the rest of the command line.
 */
export class Session {
  readonly databaseUrl: string | null;
  readonly uiUrl: string;
  /** The command's name, for commands that we print. */
  readonly command: string;
  private opened: Temporal | undefined;
  private pool: pg.Pool | undefined;
  private mixture: Promise<void> | undefined;
  private readonly late: Promise<unknown>[] = [];

  constructor(
    readonly flags: GlobalFlags,
    readonly io: Io,
    /** For verbs that look at a stack or set it up. */
    private readonly mayMix = false,
  ) {
    this.databaseUrl = databaseUrl(io.env);
    this.uiUrl = uiUrl(io.env);
    this.command = commandName(io.env);
  }

  /** @throws CliError when the configuration cannot be read */
  async temporal(): Promise<Temporal> {
    if (!this.opened) {
      const { connectTemporal } = await import('./connect.js');
      this.opened = connectTemporal(this.flags, this.io.env);
    }
    await this.refuseMixed();
    return this.opened;
  }

  /** The record, or null when its address is not configured. */
  async record(): Promise<pg.Pool | null> {
    const pool = await this.openRecord();
    if (pool) await this.refuseMixed();
    return pool;
  }

  private async openRecord(): Promise<pg.Pool | null> {
    if (this.databaseUrl === null) return null;
    if (!this.pool) {
      if (!/^postgres(ql)?:\/\//.test(this.databaseUrl) || !URL.canParse(this.databaseUrl)) {
        throw new CliError(
          'RUNBOOK_DATABASE_URL is no address of a PostgreSQL database.',
          'It looks like postgres://user@host:5432/runbook',
        );
      }
      const { openPool } = await import('../store/index.js');
      this.pool = openPool(this.databaseUrl, { applicationName: 'runbook cli', max: 2 });
    }
    return this.pool;
  }

  /** The record. @throws CliError when its address is not configured */
  async needRecord(): Promise<pg.Pool> {
    const pool = await this.record();
    if (pool) return pool;
    throw new CliError(
      'This is read from the record in PostgreSQL, whose address is not configured.',
      'Set RUNBOOK_DATABASE_URL to what the workers use, ' +
        `or start everything here with: ${this.command} dev`,
    );
  }

  /**
   * Checks once that Temporal and the record are those of one stack, before Temporal is used: a
   * verb that reaches Temporal alone would act on another stack than the one whose runs it shows.
   * @throws CliError
   */
  private async refuseMixed(): Promise<void> {
    const { opened } = this;
    if (!opened || this.mayMix) return;
    this.mixture ??= this.compare(opened);
    await this.mixture;
  }

  private async compare(opened: Temporal): Promise<void> {
    // Verbs that need the record say what is wrong with its address.
    const pool = await this.openRecord().catch(() => null);
    if (!pool) return;
    const { refuseMixed } = await import('./stack.js');
    await refuseMixed(opened, pool, this.io.env);
  }

  /** The facts that explanations of errors name. */
  get context(): ErrorContext {
    return {
      command: this.command,
      address: this.opened?.address,
      namespace: this.opened?.namespace,
      databaseUrl: this.databaseUrl,
    };
  }

  /** What nobody waits for: it has until the end of the command. @param work that never fails */
  beforeClose(work: Promise<unknown>): void {
    this.late.push(work);
  }

  /** Does not wait for a server that has fallen silent. */
  async close(): Promise<void> {
    await withinMs(Promise.all(this.late), closeMs);
    await withinMs(Promise.allSettled([this.opened?.close(), this.pool?.end()]), closeMs);
  }
}

/**
 * Opens what a command needs, explains what goes wrong, and closes it again.
 * @param mayMix set by verbs that look at a stack or set it up
 * @throws CliError only
 */
export async function withSession<T>(
  flags: GlobalFlags,
  io: Io,
  work: (session: Session) => Promise<T>,
  { mayMix = false } = {},
): Promise<T> {
  const session = new Session(flags, io, mayMix);
  try {
    return await work(session);
  } catch (error) {
    const isAlone = !isRecordAway(error) || error instanceof CliError;
    if (isAlone || (await answers(session))) throw explain(error, session.context);
    // Whoever reads of PostgreSQL alone looks in the wrong place.
    throw nothingAnswers((await session.temporal()).address, session.command);
  } finally {
    await session.close();
  }
}

const patienceMs = 2_000;
const closeMs = 1_000;

/** Whether the Temporal server answers, whatever it says. */
async function answers(session: Session): Promise<boolean> {
  try {
    const temporal = await session.temporal();
    await temporal.within(patienceMs, () => temporal.connection.workflowService.getSystemInfo({}));
    return true;
  } catch (error) {
    return !isUnreachable(error);
  }
}
