import type pg from 'pg';
import { commandName } from './command-name.js';
import type { Temporal } from './connect.js';
import { CliError, explain, type ErrorContext } from './errors.js';
import type { Io } from './io.js';
import { databaseUrl, uiUrl, type GlobalFlags } from './settings.js';

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

  constructor(
    readonly flags: GlobalFlags,
    readonly io: Io,
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
    return this.opened;
  }

  /** The record, or null when its address is not configured. */
  async record(): Promise<pg.Pool | null> {
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
      `Set RUNBOOK_DATABASE_URL to what the workers use, or start everything here with: ${this.command} dev`,
    );
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

  async close(): Promise<void> {
    await Promise.allSettled([this.opened?.connection.close(), this.pool?.end()]);
  }
}

/**
 * Opens what a command needs, explains what goes wrong, and closes it again.
 * @throws CliError only
 */
export async function withSession<T>(
  flags: GlobalFlags,
  io: Io,
  work: (session: Session) => Promise<T>,
): Promise<T> {
  const session = new Session(flags, io);
  try {
    return await work(session);
  } catch (error) {
    throw explain(error, session.context);
  } finally {
    await session.close();
  }
}
