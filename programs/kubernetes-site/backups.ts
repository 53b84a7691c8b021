import { z } from 'zod';
import { parseJson } from '../../language/json.js';
import { microsOf } from '../../language/instant.js';
import type { SiteConfig } from './config.js';
import { judgeConfiguration } from './configuration.js';
import { judgeFiles } from './files.js';
import { Refused } from './refused.js';
import type { Store } from './store.js';
import { each } from './tools.js';
import { Wal, type WalChain } from './wal.js';
import { askWitness } from './witness.js';

/**
 * Of a restore, beside what taking and reading the backup took: starting pods, and a segment of
 * WAL.
 */
const startMs = 60_000;
const segmentMs = 100;

const iso = z.iso.datetime({ offset: true });
const backupFile = z.object({
  id: z.string(),
  /** When it was complete. */
  takenAt: iso,
  tookMs: z.number(),
  bytes: z.number(),
  systemIdentifier: z.string(),
  version: z.number().int(),
  timeline: z.number().int(),
  /** The first segment of WAL that it needs. */
  startWal: z.string().regex(/^[0-9A-F]{24}$/),
  parts: z
    .array(z.object({ name: z.string().regex(/^[\w.-]+$/), bytes: z.number(), sha256: z.string() }))
    .min(1),
});
const markFile = z.object({ segment: z.string(), lastCommit: iso });

export type BackupFile = z.infer<typeof backupFile>;

export interface JudgedBackup {
  id: string;
  takenAt: string | null;
  bytes: number;
  systemIdentifier: string | null;
  version: number | null;
  timeline: number | null;
  good: boolean;
  problem: string | null;
}

interface Way {
  backup: BackupFile;
  verifiedMs: number;
  chain: WalChain;
  /** The last commit that it leads to; the end of the backup when nothing says of one after it. */
  to: string;
}

/** Reads all of a base backup. @throws nothing: what is wrong stands in `problem` */
export async function judgeBackup(
  store: Store,
  config: SiteConfig,
  id: string,
  maxAgeSeconds: number,
): Promise<{ judged: JudgedBackup; backup: BackupFile | null; verifiedMs: number }> {
  const begun = performance.now();
  let backup: BackupFile | null = null;
  let problem: string | null = null;
  try {
    const found = backupFile.safeParse(parseJson(await store.read(`base/${id}/backup.json`)));
    if (!found.success) throw new Refused('its backup.json does not say what it is');
    backup = found.data;
    problem = await problemOf(store, config, backup, id, maxAgeSeconds);
  } catch (error) {
    problem = error instanceof Refused ? error.message : 'its backup.json is no JSON';
  }
  const {
    takenAt = null,
    bytes = 0,
    systemIdentifier = null,
    version = null,
    timeline = null,
  } = backup ?? {};
  return {
    judged: {
      id,
      takenAt,
      bytes,
      systemIdentifier,
      version,
      timeline,
      good: problem === null,
      problem,
    },
    backup,
    verifiedMs: Math.round(performance.now() - begun),
  };
}

async function problemOf(
  store: Store,
  { database }: SiteConfig,
  backup: BackupFile,
  id: string,
  maxAgeSeconds: number,
): Promise<string | null> {
  if (backup.id !== id) return `it says that it is ${backup.id}`;
  if (backup.version !== database.version)
    return `it is of PostgreSQL ${backup.version}, and ${database.version} runs here`;
  const age = Math.round((Date.now() - Date.parse(backup.takenAt)) / 1_000);
  if (age > maxAgeSeconds) return `it is ${age} s old, and ${maxAgeSeconds} s are allowed`;
  const problems = await each(backup.parts, (part) => store.judge(`base/${id}/${part.name}`, part));
  return problems.find((problem) => problem !== null) ?? null;
}

export async function backupIds(store: Store): Promise<string[]> {
  const ids = (await store.list('base/')).flatMap(
    ({ key }) => /^base\/([\w.-]+)\//.exec(key)?.[1] ?? [],
  );
  return [...new Set(ids)].sort().reverse();
}

/**
 * What the store holds, each base backup and each segment read, and where it leads.
 * @param at ISO time to go back to; undefined: as far as possible
 */
export async function assess(
  store: Store,
  config: SiteConfig,
  at: string | undefined,
  maxAgeSeconds: number,
): Promise<object> {
  if (!Number.isFinite(maxAgeSeconds)) throw new Refused('--max-age is a number of seconds');
  const all = [];
  for (const id of await backupIds(store))
    all.push(await judgeBackup(store, config, id, maxAgeSeconds));
  const wal = await Wal.of(store, config);
  const ways: Way[] = [];
  for (const { judged, backup, verifiedMs } of all) {
    if (!judged.good || !backup) continue;
    const { unbroken, ...chain } = await wal.chain(backup.startWal);
    const mark = await lastCommitIn(store, unbroken);
    const to =
      mark !== null && Date.parse(mark) > Date.parse(backup.takenAt) ? mark : backup.takenAt;
    ways.push({ backup, verifiedMs, chain, to });
  }
  const way = choose(ways, at);
  const oldest = ways
    .map(({ backup }) => backup.takenAt)
    .sort()
    .at(0);
  return {
    backups: all.map(({ judged }) => judged),
    chosen: way?.backup.id ?? null,
    wal: way?.chain ?? {
      timeline: wal.newestTimeline,
      from: null,
      to: null,
      segments: 0,
      missing: [],
    },
    reachable: way && oldest !== undefined ? { from: oldest, to: way.to } : null,
    lost: lossOf(way, ways, at),
    files: await judgeFiles(store),
    config: await judgeConfiguration(store, config),
    predicted: {
      restoreMs: way
        ? startMs + way.verifiedMs + way.backup.tookMs + segmentMs * way.chain.segments
        : null,
      rpoMs: way ? Math.max(0, (await endOfWrites(config)) - Date.parse(way.to)) : null,
    },
  };
}

/** The newest mark of a segment that can be replayed. */
async function lastCommitIn(store: Store, segments: readonly string[]): Promise<string | null> {
  const marks = new Set((await store.list('marks/')).map(({ key }) => key));
  for (const segment of [...segments].reverse()) {
    const key = `marks/${segment}.json`;
    if (!marks.has(key)) continue;
    const found = await store
      .read(key)
      .then((text) => markFile.safeParse(parseJson(text)))
      .catch(() => undefined);
    if (found?.success === true && found.data.segment === segment) return found.data.lastCommit;
  }
  return null;
}

/**
 * The one that leads furthest, the newest of those; to a point in time the newest that was taken
 * before it.
 */
function choose(ways: readonly Way[], at: string | undefined): Way | undefined {
  const before = ways.filter(
    ({ backup }) => at === undefined || microsOf(backup.takenAt) <= microsOf(at),
  );
  const furthest = Math.max(...before.map(({ to }) => microsOf(to)));
  const reaches = ({ to }: Way): boolean =>
    microsOf(to) === furthest || (at !== undefined && microsOf(to) >= microsOf(at));
  return before
    .filter(reaches)
    .sort((one, other) => microsOf(other.backup.takenAt) - microsOf(one.backup.takenAt))[0];
}

function lossOf(way: Way | undefined, ways: readonly Way[], at: string | undefined): string | null {
  if (!way) {
    if (ways.length === 0) return 'there is no base backup that is good: nothing can be restored';
    return (
      `no good base backup was taken before ${at}: the earliest time that can be reached is ` +
      `${ways.at(-1)?.backup.takenAt}`
    );
  }
  const [gap] = way.chain.missing;
  if (gap !== undefined && (at === undefined || microsOf(at) > microsOf(way.to)))
    return (
      `WAL segment ${gap} is missing in the store or damaged: nothing that was committed ` +
      `after ${way.to} is sure to be restored`
    );
  if (at !== undefined && microsOf(at) > microsOf(way.to))
    return `the newest commit in the store is of ${way.to}, before ${at}`;
  return at === undefined ? null : `everything that was committed after ${at}`;
}

/**
 * When the site that held the epoch was last heard of; now, while it still is. Milliseconds since
 * 1970.
 */
async function endOfWrites(config: SiteConfig): Promise<number> {
  if (!config.witness) return Date.now();
  const state = await askWitness(config).catch(() => undefined);
  if (!state?.renewedAt) return Date.now();
  const heard = Date.parse(state.renewedAt);
  return Date.now() - heard < config.witness.leaseSeconds * 1_000 ? Date.now() : heard;
}
