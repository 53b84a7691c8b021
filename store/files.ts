import type pg from 'pg';

/** Bytes, and the digest by which they are found again. */
export interface StoredContent {
  /** `sha256:…` */
  digest: string;
  content: Buffer;
}

/** Keeps the files of a plan, in the transaction that admits its run; what is there stays. */
export async function keepFiles(
  client: pg.PoolClient,
  files: readonly StoredContent[],
): Promise<void> {
  if (files.length === 0) return;
  await client.query({
    name: 'files-keep',
    text: `INSERT INTO runbook.files (digest, content)
           SELECT DISTINCT ON (digest) * FROM unnest($1::text[], $2::bytea[]) AS f (digest, content)
           ON CONFLICT (digest) DO NOTHING`,
    values: [files.map(({ digest }) => digest), files.map(({ content }) => content)],
  });
}

/** The bytes of files, by digest; without those that the record does not have. */
export async function readFiles(
  pool: pg.Pool,
  digests: readonly string[],
): Promise<ReadonlyMap<string, Buffer>> {
  const { rows } = await pool.query<StoredContent>({
    name: 'files-read',
    text: 'SELECT digest, content FROM runbook.files WHERE digest = ANY ($1)',
    values: [digests],
  });
  return new Map(rows.map(({ digest, content }) => [digest, content]));
}
