import { Runtime, DefaultLogger } from '@temporalio/worker';
import pg from 'pg';
import { freePort } from '../embedded/ports.js';

/** What one side of a comparison asked of the servers. */
export interface Asked {
  /** Statements sent to PostgreSQL, each awaited: so many round trips. */
  statements: number;
  /** Times that PostgreSQL put its log on the disk. */
  walSyncs: number;
  /** Requests to Temporal, by name; polls are not among them. */
  temporal: Record<string, number>;
}

/**
 * Counts what this process asks of PostgreSQL and Temporal. To be made before anything else of the
 * SDK.
 */
export class Counters {
  private statements = 0;

  private constructor(
    private readonly metricsUrl: string,
    private readonly pool: pg.Pool,
    private readonly syncsQuery: string,
  ) {}

  static async start(databaseUrl: string): Promise<Counters> {
    const bindAddress = `127.0.0.1:${await freePort()}`;
    Runtime.install({
      logger: new DefaultLogger('ERROR'),
      telemetryOptions: { metrics: { prometheus: { bindAddress } } },
    });
    const pool = new pg.Pool({ connectionString: databaseUrl, max: 1 });
    const { rows } = await pool.query<{ version: number }>(
      `SELECT current_setting('server_version_num')::integer AS version`,
    );
    const query =
      (rows[0]?.version ?? 0) >= 180_000
        ? `SELECT coalesce(sum(fsyncs), 0) AS syncs FROM pg_stat_io WHERE object = 'wal'`
        : 'SELECT wal_sync AS syncs FROM pg_stat_wal';
    return new Counters(`http://${bindAddress}/metrics`, pool, query);
  }

  /** Counts what goes over the pool from now on. */
  watch(pool: pg.Pool): void {
    pool.on('connect', (client) => {
      const query = client.query.bind(client) as (...args: unknown[]) => unknown;
      client.query = ((...args: unknown[]) => {
        this.statements += 1;
        return query(...args);
      }) as typeof client.query;
    });
  }

  /** What was asked while `work` ran. */
  async during<T>(work: () => Promise<T>): Promise<{ result: T; asked: Asked }> {
    const before = await this.read();
    const result = await work();
    const after = await this.read();
    const temporal: Record<string, number> = {};
    for (const [name, count] of Object.entries(after.temporal)) {
      const asked = count - (before.temporal[name] ?? 0);
      if (asked > 0) temporal[name] = asked;
    }
    return {
      result,
      asked: {
        statements: after.statements - before.statements,
        walSyncs: after.walSyncs - before.walSyncs,
        temporal,
      },
    };
  }

  stop(): Promise<void> {
    return this.pool.end();
  }

  private async read(): Promise<Asked> {
    const { rows } = await this.pool.query<{ syncs: string }>(this.syncsQuery);
    const temporal: Record<string, number> = {};
    const text = await (await fetch(this.metricsUrl)).text();
    for (const [, operation = '', count] of text.matchAll(
      /^temporal_request\{[^}]*operation="(\w+)"[^}]*\} (\d+)/gm,
    )) {
      temporal[operation] = (temporal[operation] ?? 0) + Number(count);
    }
    return { statements: this.statements, walSyncs: Number(rows[0]?.syncs), temporal };
  }
}
