import { createHash } from 'node:crypto';
import { chmodSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import type { NotThere } from '../../lab/web-system/sites/compare.js';
import { withDatabase } from '../../lab/web-system/sites/database.js';
import { vaultPlaces } from '../../lab/web-system/sites/site-config.js';
import type { SiteName, SiteSystem } from '../../lab/web-system/sites/system.js';

/*
 * What the archive allows, found without anything that the sites or the runbook know: where a base
 * backup begins says its own manifest, which segments are whole says their digest, and what they
 * hold says pg_waldump.
 */

interface Commit {
  xid: string;
  /** ISO time with microseconds. */
  at: string;
}

export interface Archive {
  /** The base backup that leads furthest; null: there is none that is good. */
  backup: string | null;
  /**
   * Every transaction that was committed in the WAL behind it, in the order of the WAL, up to the
   * first gap.
   */
  commits: readonly Commit[];
}

/**
 * When the last transaction was committed that the archive can bring back; null: there is none
 * after the backup.
 */
export function newestOf({ commits }: Archive): string | null {
  return commits.at(-1)?.at ?? null;
}

/** @param broken base backups that nobody may use @param timeline whose WAL is read */
export async function readArchive(
  system: SiteSystem,
  broken: readonly string[],
  timeline = 1,
): Promise<Archive> {
  const { base, wal } = vaultPlaces(system.vault);
  const whole = join(system.folder, 'whole-segments');
  rmSync(whole, { recursive: true, force: true });
  mkdirSync(whole);
  chmodSync(whole, 0o755);
  for (const name of readdirSync(wal).filter((each) => /^[0-9A-F]{24}$/.test(each)))
    if (isWhole(join(wal, name))) symlinkSync(join(wal, name), join(whole, name));
  let furthest: Archive = { backup: null, commits: [] };
  for (const backup of readdirSync(base).filter(
    (name) => !name.startsWith('.') && !broken.includes(name),
  )) {
    const start = startOfBackup(join(base, backup), timeline);
    if (start === undefined) continue;
    const commits = await commitsFrom(system, whole, timeline, start);
    const isFurther = (newestOf({ backup, commits }) ?? '') >= (newestOf(furthest) ?? '');
    if (furthest.backup === null || isFurther) furthest = { backup, commits };
  }
  return furthest;
}

/**
 * Of lost writes those that are in the archive: they were acknowledged before its last commit was
 * made.
 */
export function archivedOf(lost: readonly NotThere[], archive: Archive): NotThere[] {
  return acknowledgedBefore(lost, newestOf(archive) ?? '1970-01-01T00:00:00Z');
}

/** @param time ISO time */
export function acknowledgedBefore(lost: readonly NotThere[], time: string): NotThere[] {
  // The journal's times have no microseconds.
  return lost.filter(({ at }) => Date.parse(at) + 1 <= Date.parse(time));
}

/** A file whose row is there, and whose content had not left the site. */
export function isContent({ kind, why }: NotThere): boolean {
  return kind === 'upload' && why.includes('content');
}

/** Transactions of the archive that are not at a site, or were committed there at another time. */
export function notAt(system: SiteSystem, site: SiteName, { commits }: Archive): Promise<Commit[]> {
  return withDatabase(system.databaseUrl(site), async (client) => {
    const { rows } = await client.query<Commit>(
      `SELECT xid, at FROM unnest($1::text[], $2::text[]) AS archived (xid, at)
       WHERE pg_xact_commit_timestamp(xid::xid) IS DISTINCT FROM at::timestamptz`,
      [commits.map(({ xid }) => xid), commits.map(({ at }) => at)],
    );
    return rows;
  });
}

function isWhole(segment: string): boolean {
  try {
    const digest = createHash('sha256').update(readFileSync(segment)).digest('hex');
    return readFileSync(`${segment}.sha256`, 'utf8').trim() === digest;
  } catch {
    return false;
  }
}

/** Undefined for a backup of another timeline. */
function startOfBackup(folder: string, timeline: number): string | undefined {
  const manifest = JSON.parse(readFileSync(join(folder, 'data', 'backup_manifest'), 'utf8')) as {
    'WAL-Ranges': { Timeline: number; 'Start-LSN': string }[];
  };
  const [range] = manifest['WAL-Ranges'];
  return range?.Timeline === timeline ? range['Start-LSN'] : undefined;
}

async function commitsFrom(
  system: SiteSystem,
  folder: string,
  timeline: number,
  start: string,
): Promise<Commit[]> {
  const { stdout } = await execa(
    join(system.config('a').programs, 'pg_waldump'),
    ['--path', folder, '--timeline', String(timeline), '--start', start, '--rmgr=Transaction'],
    // It ends with an error where the next segment is not there.
    { reject: false, env: { TZ: 'UTC', LC_ALL: 'C' } },
  );
  return [...stdout.matchAll(/ tx: +(\d+), .*desc: COMMIT (\S+) (\S+) UTC/g)].map(
    ([, xid = '', day, time]) => ({
      xid,
      at: `${day}T${time}Z`,
    }),
  );
}
