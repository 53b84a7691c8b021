import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { asServer, walSegmentBytes } from './database.js';
import { vaultPlaces, type SiteConfig } from './site-config.js';

/*
 * The WAL in the vault: which segments follow a base backup without a gap, and until when they
 * lead.
 */

const segmentsPerLog = 2 ** 32 / walSegmentBytes;
/** How many segments are searched backwards for a commit. */
const searched = 200;

/** Position in the WAL, from its text form such as 0/3000028. */
export function lsnOf(text: string): bigint {
  const [high = '0', low = '0'] = text.split('/');
  return (BigInt(`0x${high}`) << 32n) + BigInt(`0x${low}`);
}

function segmentNumber(lsn: bigint): number {
  return Number(lsn / BigInt(walSegmentBytes));
}

function segmentName(timeline: number, number: number): string {
  const hex = (value: number): string => value.toString(16).toUpperCase().padStart(8, '0');
  return hex(timeline) + hex(Math.floor(number / segmentsPerLog)) + hex(number % segmentsPerLog);
}

/** A timeline that came to its end, and where. */
interface Fork {
  timeline: number;
  end: bigint;
}

/** The newest timeline in the vault, and those that it came from. */
export function newestTimeline(vault: string): { timeline: number; forks: Fork[] } {
  const { wal } = vaultPlaces(vault);
  const newest = readdirSync(wal)
    .filter((name) => /^[0-9A-F]{8}\.history$/.test(name))
    .sort()
    .at(-1);
  if (newest === undefined) return { timeline: 1, forks: [] };
  const forks = readFileSync(join(wal, newest), 'utf8')
    .split('\n')
    .map((line) => /^\s*(\d+)\s+([0-9A-F]+\/[0-9A-F]+)/.exec(line))
    .filter((match) => match !== null)
    .map(([, timeline, end = '']) => ({ timeline: Number(timeline), end: lsnOf(end) }));
  return { timeline: parseInt(newest.slice(0, 8), 16), forks };
}

/** Is this position, of this timeline, on the way to the newest timeline? */
export function leadsToNewest(vault: string, timeline: number, lsn: bigint): boolean {
  const { timeline: newest, forks } = newestTimeline(vault);
  const fork = forks.find((each) => each.timeline === timeline);
  return timeline === newest || (fork !== undefined && lsn <= fork.end);
}

export interface WalChain {
  timeline: number;
  /** First and last segment of what can be replayed; null: there is none yet. */
  from: string;
  to: string | null;
  segments: number;
  /** Not there, or not what its digest says. */
  missing: string[];
}

/** The segments after a base backup, on the way to the newest timeline; each is read. */
export function chainFrom(vault: string, startLsn: string): WalChain {
  const { wal } = vaultPlaces(vault);
  const { timeline, forks } = newestTimeline(vault);
  const nameOf = (number: number): string =>
    segmentName(
      forks.find((fork) => number < segmentNumber(fork.end))?.timeline ?? timeline,
      number,
    );
  const first = segmentNumber(lsnOf(startLsn));
  const numbers = readdirSync(wal)
    .filter((name) => /^[0-9A-F]{24}$/.test(name))
    .map((name) => parseInt(name.slice(8, 16), 16) * segmentsPerLog + parseInt(name.slice(16), 16))
    .filter((number) => existsSync(join(wal, nameOf(number))));
  const last = numbers.reduce((most, number) => Math.max(most, number), -1);
  const missing: string[] = [];
  let to: string | null = null;
  let segments = 0;
  for (let number = first; number <= last; number += 1) {
    const name = nameOf(number);
    if (!isWhole(join(wal, name))) missing.push(name);
    if (missing.length > 0) continue;
    to = name;
    segments += 1;
  }
  return { timeline, from: nameOf(first), to, segments, missing };
}

function isWhole(segment: string): boolean {
  try {
    const sum = readFileSync(`${segment}.sha256`, 'utf8').trim();
    return createHash('sha256').update(readFileSync(segment)).digest('hex') === sum;
  } catch {
    return false;
  }
}

/** When the last transaction in these segments was committed; null when none is found. ISO time. */
export async function lastCommitIn(config: SiteConfig, chain: WalChain): Promise<string | null> {
  if (chain.to === null) return null;
  const { wal } = vaultPlaces(config.vault);
  const names = readdirSync(wal)
    .filter(
      (name) =>
        /^[0-9A-F]{24}$/.test(name) &&
        name.slice(8) <= (chain.to ?? '').slice(8) &&
        name <= (chain.to ?? ''),
    )
    .filter((name) => name.slice(8) >= chain.from.slice(8))
    .sort((one, other) => other.slice(8).localeCompare(one.slice(8)) || other.localeCompare(one));
  for (const name of names.slice(0, searched)) {
    const { stdout } = await execa(
      join(config.programs, 'pg_waldump'),
      ['--rmgr=Transaction', join(wal, name)],
      {
        env: { TZ: 'UTC', LC_ALL: 'C' },
        // It ends with an error where the WAL goes on in the next segment.
        reject: false,
        ...asServer(),
      },
    );
    const commits = [
      ...stdout.matchAll(/COMMIT (\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d(?:\.\d+)?) UTC/g),
    ].map(([, day, time]) => `${day}T${time}Z`);
    // Commit times need not be in the order of the WAL.
    const newest = commits.sort().at(-1);
    if (newest !== undefined) return newest;
  }
  return null;
}
