import { z } from 'zod';
import { parseJson } from '../../language/json.js';
import type { SiteConfig } from './config.js';
import type { Database } from './database.js';
import { mustBeOf } from './place.js';
import { Refused } from './refused.js';
import type { Store } from './store.js';
import { each } from './tools.js';

/*
 * Uploaded files. The store has each of them under its digest, and a manifest of those that there
 * are; the site has them by tenant and name. The store itself copies them, and computes the digest
 * of what it copied: up to 5 GB for a file.
 */

const manifestKey = 'files/manifest.json';
const digestText = z.string().regex(/^[0-9a-f]{64}$/);
const row = z.object({ tenant: z.string().min(1), name: z.string().min(1), sha256: digestText });
const manifest = z.object({
  savedAt: z.string(),
  files: z.array(row.extend({ bytes: z.number() })),
});

type FileRow = z.infer<typeof row>;
type Manifest = z.infer<typeof manifest>;

export async function judgeFiles(
  store: Store,
): Promise<{ count: number; bytes: number; shippedUntil: string | null; problem: string | null }> {
  try {
    const { savedAt, files } = await readManifest(store);
    const there = await keysOf(store);
    const missing = files.filter(({ sha256, bytes }) => there.get(sha256) !== bytes);
    const bytes = files.reduce((sum, each) => sum + each.bytes, 0);
    const problem =
      missing.length === 0
        ? null
        : `${missing.length} of ${files.length} files are not in the store, or not whole`;
    return { count: files.length, bytes, shippedUntil: savedAt, problem };
  } catch (error) {
    return { count: 0, bytes: 0, shippedUntil: null, problem: (error as Error).message };
  }
}

/**
 * Brings every file of the manifest to the site, each proved by its digest; with a database that
 * answers, also those that it knows and the manifest does not.
 */
export async function restoreFiles(
  store: Store,
  database: Database,
  config: SiteConfig,
  run: string | null,
): Promise<object> {
  await mustBeOf(config, run);
  const { files } = await readManifest(store);
  // It may be restored just now.
  const answers = await database.state().then(
    () => true,
    () => false,
  );
  const rows = answers ? await readRows(database, config) : null;
  const known = new Map<string, FileRow>();
  for (const file of [...files, ...(rows ?? [])]) known.set(keyOf(file), file);
  const before = new Set((await store.listAt(config.files, '')).map(({ key }) => key));
  const [missing, wrong]: [FileRow[], FileRow[]] = [[], []];
  let restored = 0;
  await each([...known.values()], async ({ tenant, name, sha256 }) => {
    const key = keyOf({ tenant, name });
    if (before.has(key) && (await store.digestAt(config.files, key)) === sha256) return;
    const copied = await store.copy(
      { ...store.place, key: `files/${sha256}` },
      { ...config.files, key },
    );
    if (copied === sha256) {
      restored += 1;
      return;
    }
    (copied === null ? missing : wrong).push({ tenant, name, sha256 });
    // Nobody is to take it for the file.
    if (copied !== null) await store.remove({ ...config.files, key });
  });
  const bytes = files.reduce((sum, each) => sum + each.bytes, 0);
  return {
    restored,
    bytes,
    rowsChecked: rows !== null,
    missing: missing.sort(byKey),
    wrong: wrong.sort(byKey),
  };
}

/**
 * Brings what the site's database knows of into the store, and says in the manifest what is there.
 * @returns how many there are
 */
export async function saveFiles(
  store: Store,
  database: Database,
  config: SiteConfig,
): Promise<number> {
  store.mustWrite();
  const rows = await readRows(database, config);
  const there = await keysOf(store);
  await each(
    rows.filter(({ sha256 }) => !there.has(sha256)),
    ({ sha256, ...row }) =>
      store.copy({ ...config.files, key: keyOf(row) }, { ...store.place, key: `files/${sha256}` }),
  );
  const now = await keysOf(store);
  const files = rows.flatMap((row) => {
    const bytes = now.get(row.sha256);
    return bytes === undefined ? [] : [{ ...row, bytes }];
  });
  await store.write(
    manifestKey,
    JSON.stringify({ savedAt: new Date().toISOString(), files } satisfies Manifest),
  );
  return files.length;
}

async function readManifest(store: Store): Promise<Manifest> {
  const found = manifest.safeParse(parseJson(await store.read(manifestKey)));
  if (!found.success) throw new Refused(`${manifestKey} does not say which files there are`);
  return found.data;
}

/** Sizes of the stored files, by their digest. */
async function keysOf(store: Store): Promise<Map<string, number>> {
  return new Map(
    (await store.list('files/')).flatMap(({ key, size }) => {
      const sha256 = /^files\/([0-9a-f]{64})$/.exec(key)?.[1];
      return sha256 === undefined ? [] : [[sha256, size] as const];
    }),
  );
}

async function readRows(database: Database, { files }: SiteConfig): Promise<FileRow[]> {
  const found = z.array(row).safeParse(await database.rows('files', files.rows));
  if (!found.success)
    throw new Refused(
      'files.rows of the configuration answers with other columns than tenant, name and sha256',
    );
  return found.data;
}

function keyOf({ tenant, name }: Pick<FileRow, 'tenant' | 'name'>): string {
  return `${tenant}/${name}`;
}

function byKey(one: FileRow, other: FileRow): number {
  return keyOf(one).localeCompare(keyOf(other));
}
