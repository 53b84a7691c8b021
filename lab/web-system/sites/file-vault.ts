import { existsSync, mkdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { contentPath, keepContent, sha256Of } from '../app/uploads.js';
import { databaseState, databaseUrl, withDatabase } from './database.js';
import { jsonLines } from './durable-files.js';
import { placesOf, vaultPlaces, type SiteConfig } from './site-config.js';

/** A line of the vault's manifest of files. */
interface Shipped {
  at: string;
  tenant: string;
  name: string;
  sha256: string;
  size: number;
}

export interface FileName {
  tenant: string;
  name: string;
  sha256: string;
}

export interface RestoredFiles {
  restored: number;
  bytes: number;
  rowsChecked: boolean;
  /** Named by a row, or by the manifest, and not in the vault. */
  missing: FileName[];
  /** There, with other content than its digest says. */
  wrong: FileName[];
}

/** What was shipped last under each name. */
function shipped(vault: string): Shipped[] {
  const newest = new Map<string, Shipped>();
  for (const line of jsonLines<Shipped>(vaultPlaces(vault).manifest))
    newest.set(`${line.tenant}/${line.name}`, line);
  return [...newest.values()];
}

/** Are the files of the manifest in the vault, each with the content that its digest says? */
export function judgeFiles(vault: string): {
  count: number;
  bytes: number;
  shippedUntil: string | null;
  problem: string | null;
} {
  const { files } = vaultPlaces(vault);
  const all = shipped(vault);
  const bad = all.filter(({ sha256 }) => contentIn(files, sha256) !== 'good');
  const [first] = bad;
  return {
    count: all.length,
    bytes: all.reduce((sum, { size }) => sum + size, 0),
    shippedUntil: all.reduce<string | null>(
      (newest, { at }) => (newest === null || at > newest ? at : newest),
      null,
    ),
    problem: first
      ? `${bad.length} of ${all.length} files are missing or wrong in the vault, first ` +
        `${first.tenant}/${first.name}`
      : null,
  };
}

/** Is this content below the folder? */
export function contentIn(folder: string, sha256: string): 'good' | 'missing' | 'wrong' {
  const path = contentPath(folder, sha256);
  if (!existsSync(path)) return 'missing';
  return sha256Of(readFileSync(path)) === sha256 ? 'good' : 'wrong';
}

/**
 * Fetches files from the vault: those that the restored database names, or those of the manifest
 * while there is no database. Each is checked before and after it is copied.
 */
export async function restoreFiles(config: SiteConfig): Promise<RestoredFiles> {
  const state = await databaseState(config);
  const rowsChecked = state === 'standby' || state === 'primary';
  const wanted = rowsChecked ? await fileRows(config) : shipped(config.vault);
  const from = vaultPlaces(config.vault).files;
  const { files: to } = placesOf(config);
  mkdirSync(to, { recursive: true });
  const result: RestoredFiles = { restored: 0, bytes: 0, rowsChecked, missing: [], wrong: [] };
  for (const { tenant, name, sha256 } of wanted) {
    const found = contentIn(to, sha256) === 'good' ? 'good' : contentIn(from, sha256);
    if (found === 'good') {
      const path = contentPath(to, sha256);
      if (contentIn(to, sha256) !== 'good') {
        rmSync(path, { force: true });
        await keepContent(to, sha256, readFileSync(contentPath(from, sha256)));
      }
      result.restored += 1;
      result.bytes += statSync(path).size;
    } else result[found].push({ tenant, name, sha256 });
  }
  return result;
}

export function fileRows(config: SiteConfig): Promise<FileName[]> {
  return withDatabase(
    databaseUrl(config),
    async (client) =>
      (await client.query<FileName>('SELECT tenant, name, sha256 FROM files ORDER BY tenant, name'))
        .rows,
  );
}

/** Rows whose content is not at the site as it should be. */
export async function filesNotThere(config: SiteConfig): Promise<FileName[]> {
  const { files } = placesOf(config);
  return (await fileRows(config)).filter(({ sha256 }) => contentIn(files, sha256) !== 'good');
}
