import { setTimeout as delay } from 'node:timers/promises';
import { parseJson } from '../../language/json.js';
import type { SiteConfig } from './config.js';
import { Refused } from './refused.js';
import { call } from './tools.js';

const answerSeconds = 60;
/** A query that looks at everything. */
const longSeconds = 20 * 60;

const time = (of: string): string =>
  `to_char((${of}) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`;
const lastCommit = time(
  'CASE WHEN pg_is_in_recovery() THEN pg_last_xact_replay_timestamp() ' +
    'ELSE (SELECT timestamp FROM pg_last_committed_xact()) END',
);

/** Each of them answers with one value; the name is seen in pg_stat_activity. */
export const statements = {
  state: `SELECT json_build_object(
    'role', CASE WHEN pg_is_in_recovery() THEN 'standby' ELSE 'primary' END,
    'systemIdentifier', (SELECT system_identifier::text FROM pg_control_system()),
    'timeline', (SELECT timeline_id FROM pg_control_checkpoint()),
    'lastCommit', ${lastCommit})`,
  replay: `SELECT json_build_object(
    'paused', CASE WHEN pg_is_in_recovery() THEN pg_get_wal_replay_pause_state() = 'paused' ELSE false END,
    'lsn', pg_last_wal_replay_lsn()::text,
    'timeline', (SELECT min_recovery_end_timeline FROM pg_control_recovery()),
    'lastCommit', ${lastCommit})`,
  pause: `SELECT CASE WHEN pg_is_in_recovery() THEN pg_wal_replay_pause()::text ELSE '' END`,
  promote: `SELECT CASE WHEN pg_is_in_recovery() THEN pg_promote(true, 60) ELSE true END`,
  checkpoint: `CHECKPOINT`,
  /**
   * What was committed before is in this segment, or in one before it. At the border of two it is
   * the one that ends there.
   */
  switchWal: `SELECT json_build_object('lsn', switched::text, 'segment', pg_walfile_name(switched - 1))
    FROM (SELECT pg_switch_wal() AS switched OFFSET 0) AS wal`,
  /** Of everybody but ourselves: transactions that have changed something. */
  writing:
    'SELECT count(*) FROM pg_stat_activity WHERE backend_xid IS NOT NULL ' +
    'AND pid <> pg_backend_pid()',
} as const;

export interface DatabaseState {
  role: 'standby' | 'primary';
  systemIdentifier: string;
  timeline: number;
  lastCommit: string | null;
}

export interface Replay {
  paused: boolean;
  lsn: string | null;
  timeline: number;
  lastCommit: string | null;
}

/** The database of a site, by psql. */
export class Database {
  constructor(private readonly config: Pick<SiteConfig, 'programs' | 'database'>) {}

  state(): Promise<DatabaseState> {
    return this.json<DatabaseState>('state', statements.state);
  }

  replay(): Promise<Replay> {
    return this.json<Replay>('replay', statements.replay);
  }

  async pause(): Promise<void> {
    await this.ask('pause', statements.pause);
  }

  /** @throws Refused when it takes no writes within a minute */
  async promote(): Promise<void> {
    if ((await this.ask('promote', statements.promote)) !== 't')
      throw new Refused('the database could not be promoted within 60 s');
    await this.ask('checkpoint', statements.checkpoint);
  }

  switchWal(): Promise<{ lsn: string; segment: string }> {
    return this.json('switch-wal', statements.switchWal);
  }

  async writing(): Promise<number> {
    return Number(await this.ask('writing', statements.writing));
  }

  /** Rows of a query of the configuration, as JSON. */
  rows<T>(what: string, sql: string): Promise<T[]> {
    return this.json<T[]>(
      what,
      `SELECT coalesce(json_agg(found), '[]') FROM (${withoutEnd(sql)}) AS found`,
      longSeconds,
    );
  }

  /** The number that a query of the configuration answers with. */
  async count(what: string, sql: string): Promise<number> {
    return Number(await this.ask(what, sql));
  }

  /** How many rows a query of the configuration finds. */
  async found(what: string, sql: string): Promise<number> {
    return Number(
      await this.ask(what, `SELECT count(*) FROM (${withoutEnd(sql)}) AS found`, longSeconds),
    );
  }

  private async json<T>(what: string, sql: string, seconds = answerSeconds): Promise<T> {
    const said = await this.ask(what, sql, seconds);
    try {
      return parseJson(said) as T;
    } catch {
      throw new Refused(`the database gave no answer to ${what}`);
    }
  }

  private async ask(what: string, sql: string, seconds = answerSeconds): Promise<string> {
    const { host, port, user, name, passwordFile, sslmode } = this.config.database;
    const { stdout } = await call(
      this.config,
      'psql',
      [
        ...[
          '--no-psqlrc',
          '--no-password',
          '--quiet',
          '--tuples-only',
          '--no-align',
          '--set=ON_ERROR_STOP=1',
        ],
        ...[`--host=${host}`, `--port=${port}`, `--username=${user}`, `--dbname=${name}`],
        `--command=/* site: ${what} */ ${sql.replace(/\s+/g, ' ')}`,
      ],
      {
        seconds,
        env: {
          PGPASSFILE: passwordFile,
          PGSSLMODE: sslmode,
          PGCONNECT_TIMEOUT: '10',
          PGAPPNAME: 'site-program',
        },
      },
    );
    return stdout.trim();
  }
}

/** Asks again until it is so. @throws Refused when it is not within the time */
export async function waitFor(
  what: string,
  seconds: number,
  look: () => Promise<boolean>,
): Promise<void> {
  const endAt = performance.now() + seconds * 1_000;
  for (let pauseMs = 100; !(await look()); pauseMs = Math.min(2 * pauseMs, 5_000)) {
    if (performance.now() > endAt)
      throw new Refused(`waited ${seconds} s in vain for ${what}: tell it again`);
    await delay(pauseMs);
  }
}

function withoutEnd(sql: string): string {
  return sql.trim().replace(/;$/, '');
}
