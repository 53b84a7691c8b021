import type pg from 'pg';

/** Deadlock and serialization failure: nothing was written, and a retry succeeds. */
const retryable = new Set(['40P01', '40001']);
const tries = 4;

/**
 * Retries a write that PostgreSQL rolled back in favour of another one. Every write of the record
 * is idempotent.
 */
export async function retrying<T>(write: () => Promise<T>): Promise<T> {
  for (let left = tries - 1; ; left -= 1) {
    try {
      return await write();
    } catch (error) {
      if (left === 0 || !retryable.has((error as { code?: string }).code ?? '')) throw error;
    }
  }
}

/** Where statements run: on any connection of the pool, or on the one with the open transaction. */
export type Connection = pg.Pool | pg.PoolClient;

/** Reads in one transaction: a consistent snapshot, whatever is written meanwhile. */
export function inSnapshot<T>(
  pool: pg.Pool,
  read: (client: pg.PoolClient) => Promise<T>,
): Promise<T> {
  return inTransaction(pool, read, 'BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
}

/** Runs `work` in one transaction: all of it is written, or nothing. */
export function inTransaction<T>(
  pool: pg.Pool,
  work: (client: pg.PoolClient) => Promise<T>,
  begin = 'BEGIN',
): Promise<T> {
  return retrying(async () => {
    const client = await pool.connect();
    let failure: Error | undefined;
    try {
      await client.query(begin);
      const result = await work(client);
      await client.query('COMMIT');
      return result;
    } catch (error) {
      failure = error as Error;
      await client.query('ROLLBACK').then(
        // The connection works: only the statement failed, so it can go back to the pool.
        () => (failure = undefined),
        () => undefined,
      );
      throw error;
    } finally {
      client.release(failure);
    }
  });
}
