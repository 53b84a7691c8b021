import pg from 'pg';

/**
 * One connection to PostgreSQL, for some questions.
 * @throws Error when the server does not answer, and what `work` throws
 */
export async function withClient<T>(
  address: string | pg.ClientConfig,
  work: (client: pg.Client) => Promise<T>,
): Promise<T> {
  const client = new pg.Client(address);
  // A server that ends in between fails the question that is asked; nobody listens at other times.
  client.on('error', () => undefined);
  try {
    await client.connect();
    return await work(client);
  } finally {
    await client.end().catch(() => undefined);
  }
}
