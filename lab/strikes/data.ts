import type pg from 'pg';
import { withClient } from '../with-client.js';
import { schema, steps, tableOf, type Step } from './schema.js';
import { readStrikes, totalsOf, unnamed, type Strike, type Totals } from './source.js';

export interface StrikesOptions {
  databaseUrl: string;
  /** The database of the last step's table; absent: that of all the others. */
  bookedUrl?: string;
  rows: number;
  chunk: number;
}

/** The databases of the pipeline, and what is found in them. */
export class StrikesData {
  protected constructor(protected readonly options: StrikesOptions) {}

  get databaseUrl(): string {
    return this.options.databaseUrl;
  }

  protected get urls(): string[] {
    return [...new Set([this.options.databaseUrl, this.urlOf('booked')])];
  }

  protected urlOf(step: Step): string {
    const { databaseUrl, bookedUrl = databaseUrl } = this.options;
    return step === 'booked' ? bookedUrl : databaseUrl;
  }

  /** Empty tables. */
  protected async makeTables(): Promise<void> {
    for (const url of this.urls) await withClient(url, (client) => client.query(schema));
  }

  truth(skipped: readonly string[] = []): Totals {
    return totalsOf(readStrikes(this.options.rows), skipped);
  }

  /** Reports that come to the last step. */
  bookable(): Strike[] {
    return readStrikes(this.options.rows).filter(({ species }) => species !== unnamed);
  }

  /** The last step's table, by SQL of our own. */
  async found(skipped: readonly string[] = []): Promise<Totals> {
    const { key, cost, speed } = steps.booked;
    const [found] = await this.queryOf<Totals & { keys: number }>(
      'booked',
      `SELECT count(*)::int AS rows, coalesce(sum("${cost}"), 0)::int AS cost,
              coalesce(sum("${speed}"), 0)::int AS speed,
              (count(*) - count(DISTINCT "${key}"))::int AS twice,
              count(DISTINCT "${key}")::int AS keys
       FROM ${tableOf('booked')}`,
    );
    const { keys = 0, rows = 0, cost: sum = 0, speed: knots = 0, twice = 0 } = found ?? {};
    return { rows, cost: sum, speed: knots, twice, lost: this.truth(skipped).rows - keys };
  }

  query<T extends pg.QueryResultRow>(text: string, values: unknown[] = []): Promise<T[]> {
    return this.queryOf('received', text, values);
  }

  /** A query on the database of the step's table. */
  queryOf<T extends pg.QueryResultRow>(
    step: Step,
    text: string,
    values: unknown[] = [],
  ): Promise<T[]> {
    return withClient(this.urlOf(step), async (client) => {
      return (await client.query<T>(text, values)).rows;
    });
  }

  protected isDone(step: Step, chunk: number): Promise<boolean> {
    return withClient(this.urlOf('received'), (client) => isClaimed(client, step, chunk));
  }
}

/** Whether the pipeline says that the chunk has passed through the step. */
export async function isClaimed(client: pg.Client, step: Step, chunk: number): Promise<boolean> {
  const { rowCount } = await client.query(
    'SELECT 1 FROM wildlife."Done" WHERE "Step" = $1 AND "Chunk" = $2',
    [step, chunk],
  );
  return rowCount !== 0;
}
