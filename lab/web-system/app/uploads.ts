import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, open, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import type pg from 'pg';

export interface Upload {
  name: string;
  sha256: string;
  size: number;
}

export function sha256Of(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/**
 * Where content lies below a folder, by its digest: the same content is there once, and never
 * changes.
 */
export function contentPath(folder: string, sha256: string): string {
  return join(folder, sha256.slice(0, 2), sha256);
}

let written = 0;

/**
 * Puts content there for good: on disk, under its final name, when this returns. What is there
 * already is left.
 */
export async function keepContent(folder: string, sha256: string, bytes: Buffer): Promise<void> {
  const path = contentPath(folder, sha256);
  if (existsSync(path)) return;
  const below = join(folder, sha256.slice(0, 2));
  await mkdir(below, { recursive: true });
  written += 1;
  const half = `${path}.${process.pid}.${written}`;
  const file = await open(half, 'w', 0o644);
  try {
    await file.writeFile(bytes);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(half, path);
  for (const each of [below, folder]) await syncFolder(each);
}

export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/**
 * Files that tenants upload: content below the site's folder, a row for each name, and a job for
 * the worker.
 */
export class Uploads {
  constructor(private readonly folder: string) {}

  /** File first, row second: a row never names content that is not there. */
  async write(db: pg.Pool, tenant: string, name: string, bytes: Buffer): Promise<Upload> {
    const upload = { name, sha256: sha256Of(bytes), size: bytes.length };
    await keepContent(this.folder, upload.sha256, bytes);
    await db.query(
      `WITH file AS (
         INSERT INTO files (tenant, name, sha256, size) VALUES ($1, $2, $3, $4)
         ON CONFLICT (tenant, name) DO UPDATE SET sha256 = excluded.sha256, size = excluded.size, uploaded_at = excluded.uploaded_at)
       INSERT INTO jobs (tenant, name, sha256, size) VALUES ($1, $2, $3, $4)`,
      [tenant, name, upload.sha256, upload.size],
    );
    return upload;
  }

  /**
   * @returns undefined when there is no such file
   * @throws Error when its content is not what its row says
   */
  async read(
    db: pg.Pool,
    tenant: string,
    name: string,
  ): Promise<(Upload & { bytes: Buffer }) | undefined> {
    const { rows } = await db.query<Upload>(
      'SELECT name, sha256, size FROM files WHERE tenant = $1 AND name = $2',
      [tenant, name],
    );
    if (!rows[0]) return undefined;
    const bytes = await readFile(contentPath(this.folder, rows[0].sha256));
    if (sha256Of(bytes) !== rows[0].sha256)
      throw new Error(`the content of ${tenant}/${name} is not what its row says`);
    return { ...rows[0], bytes };
  }
}
