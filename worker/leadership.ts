import pg from 'pg';

/**
 * Elects one of all workers of a record to do a job: the one that holds a session-level advisory
 * lock. A leader that loses its connection loses the lock, and the next worker that asks gets it.
 */
export class Leadership {
  private client: pg.Client | undefined;

  /**
   * @param databaseUrl the record; the lock needs a connection of its own that goes to one
   *   PostgreSQL session
   * @param job name of the job; each has one leader
   */
  constructor(
    private readonly databaseUrl: string,
    private readonly job: string,
  ) {}

  /**
   * True when this worker is, or has just become, the leader.
   * @throws Error when PostgreSQL is unreachable
   */
  async isLeader(): Promise<boolean> {
    if (this.client) return true;
    const client = new pg.Client({
      connectionString: this.databaseUrl,
      application_name: `runbook leader: ${this.job}`.slice(0, 63),
      connectionTimeoutMillis: 5_000,
      query_timeout: 10_000,
      keepAlive: true,
    });
    client.on('error', () => this.lost(client));
    client.on('end', () => this.lost(client));
    try {
      await client.connect();
      const { rows } = await client.query<{ held: boolean }>(
        'SELECT pg_try_advisory_lock(hashtextextended($1, 0)) AS held',
        [`runbook ${this.job}`],
      );
      if (rows[0]?.held) this.client = client;
      return this.client === client;
    } finally {
      if (this.client !== client) await client.end().catch(() => undefined);
    }
  }

  /** Releases the lock. */
  async close(): Promise<void> {
    const { client } = this;
    this.client = undefined;
    await client?.end().catch(() => undefined);
  }

  private lost(client: pg.Client): void {
    if (this.client === client) this.client = undefined;
  }
}
