import {
  backupIds,
  judgeBackup,
  readBackup,
  type BackupFile,
  type JudgedBackup,
} from './backup-file.js';
import { microsOf } from '../../../language/instant.js';
import { judgeConfig, type JudgedConfig } from './config-backup.js';
import { judgeFiles } from './file-vault.js';
import type { SiteConfig } from './site-config.js';
import { chainFrom, lastCommitIn, newestTimeline, type WalChain } from './wal.js';
import { askWitness } from './witness-client.js';

/**
 * Of the restore, beside what was measured when the backup was taken: starting servers, and a
 * segment of WAL.
 */
const startMs = 2_000;
const segmentMs = 25;

export interface Assessment {
  backups: JudgedBackup[];
  chosen: string | null;
  wal: {
    timeline: number;
    from: string | null;
    to: string | null;
    segments: number;
    missing: string[];
  };
  reachable: { from: string; to: string } | null;
  lost: string | null;
  files: ReturnType<typeof judgeFiles>;
  config: JudgedConfig;
  predicted: { restoreMs: number | null; rpoMs: number | null };
}

interface Way {
  backup: BackupFile;
  chain: WalChain;
  /** The last commit that it leads to; the end of the backup when there is none after it. */
  to: string;
}

/**
 * What the vault holds, each base backup and each segment read, and where it leads.
 * @param at ISO time to go back to; undefined: as far as possible
 */
export async function assess(
  config: SiteConfig,
  at: string | undefined,
  maxAgeSeconds: number,
): Promise<Assessment> {
  const { vault } = config;
  const backups: JudgedBackup[] = [];
  for (const id of backupIds(vault)) backups.push(await judgeBackup(config, id, maxAgeSeconds));
  const ways: Way[] = [];
  for (const { id } of backups.filter(({ good }) => good)) {
    const backup = readBackup(vault, id);
    if (!backup) continue;
    const chain = chainFrom(vault, backup.startLsn);
    const last = await lastCommitIn(config, chain);
    ways.push({ backup, chain, to: last !== null && last > backup.ended ? last : backup.ended });
  }
  const way = choose(ways, at);
  const files = judgeFiles(vault);
  const from = ways.reduce<string | null>(
    (oldest, { backup }) => (oldest === null || backup.ended < oldest ? backup.ended : oldest),
    null,
  );
  return {
    backups,
    chosen: way?.backup.id ?? null,
    wal: way
      ? way.chain
      : {
          timeline: newestTimeline(vault).timeline,
          from: null,
          to: null,
          segments: 0,
          missing: [],
        },
    reachable: way && from !== null ? { from, to: way.to } : null,
    lost: lossOf(way, ways, at),
    files,
    config: judgeConfig(config),
    predicted: {
      restoreMs: way
        ? startMs + way.backup.verifiedMs + way.backup.tookMs + segmentMs * way.chain.segments
        : null,
      rpoMs: way ? Math.max(0, Math.round((await endOfWrites(config)) - Date.parse(way.to))) : null,
    },
  };
}

/**
 * The one that leads furthest, the newest of those; to a point in time the newest that was taken
 * before it.
 */
function choose(ways: readonly Way[], at: string | undefined): Way | undefined {
  const before = ways.filter(
    ({ backup }) => at === undefined || microsOf(backup.ended) <= microsOf(at),
  );
  const furthest = before.reduce((most, { to }) => (to > most ? to : most), '');
  const reaches = (way: Way): boolean =>
    way.to === furthest || (at !== undefined && microsOf(way.to) >= microsOf(at));
  return before
    .filter(reaches)
    .sort((one, other) => other.backup.id.localeCompare(one.backup.id))[0];
}

function lossOf(way: Way | undefined, ways: readonly Way[], at: string | undefined): string | null {
  if (!way) {
    if (ways.length === 0) return 'there is no base backup that is good: nothing can be restored';
    return (
      `no good base backup was taken before ${at}: the earliest time that can be reached is ` +
      `${ways.at(-1)?.backup.ended}`
    );
  }
  const [gap] = way.chain.missing;
  if (gap !== undefined && (at === undefined || microsOf(at) > microsOf(way.to)))
    return (
      `WAL segment ${gap} is missing in the vault or damaged: nothing that was committed ` +
      `after ${way.to} can be restored`
    );
  if (at !== undefined && microsOf(at) > microsOf(way.to))
    return `the newest commit in the vault is of ${way.to}, before ${at}`;
  if (at !== undefined) return `everything that was committed after ${at}`;
  return null;
}

/**
 * When the site that held the epoch was last heard of; now, while it still is. Milliseconds since
 * 1970.
 */
async function endOfWrites({ witness }: SiteConfig): Promise<number> {
  if (witness === null) return Date.now();
  const state = await askWitness(witness).catch(() => undefined);
  if (!state?.renewedAt) return Date.now();
  const heard = Date.parse(state.renewedAt);
  return Date.now() - heard < state.leaseMs ? Date.now() : heard;
}
