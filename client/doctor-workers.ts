import type { WorkerReport } from '../store/index.js';
import { duration } from '../common/times.js';
import type { Check } from '../common/check.js';
import type { PollingWorker } from './workers.js';

/** Milliseconds without a report after which a worker counts as gone. */
export const workerSilenceMs = 180_000;
/** Milliseconds that clocks may differ before times in reports mislead. */
export const skewMs = 2_000;

/** Free space below which journals soon run out, and below which no command can start. */
const soon = { share: 0.05, bytes: 1024 ** 3, files: 10_000 };
const none = { bytes: 64 * 1024 ** 2, files: 100 };

/** The clocks of the workers, and the disks of their journals. */
export function workerChecks(workers: readonly WorkerReport[]): Check[] {
  if (workers.length === 0) {
    const found = 'no worker of this release has reported within three minutes';
    return ['worker clocks', 'journals'].map((name) => ({
      ...{ name, state: 'skipped', found, fix: null },
    }));
  }
  return [clocks(workers), journals(workers)];
}

/** What tells of the workers of a task queue. */
export interface WorkerSigns {
  /** Temporal lists a dead worker for some minutes more. */
  polls: readonly Pick<PollingWorker, 'identity' | 'lastSeen'>[];
  /** Heartbeats, of versioned workers only: the time of each in milliseconds since 1970. */
  beats: readonly { identity: string; at: number }[];
  /** Their own reports; one that ended in order has taken its report away. */
  reports: readonly Pick<WorkerReport, 'worker' | 'silentMs'>[];
}

/** Milliseconds after which a worker that lives has been heard of again, by what it is heard. */
const silence = { beat: 10_000, report: 65_000, poll: 75_000 };

/**
 * The workers that live and those that have fallen silent, each with when it was last heard of; a
 * worker has answered just before.
 */
export function workersCheck(taskQueue: string, signs: WorkerSigns, now = Date.now()): Check {
  // A process polls several times over.
  const polls = new Map(signs.polls.map(({ identity, lastSeen }) => [identity, lastSeen]));
  const heard = [...polls].map(([identity, seen]) => lastSignOf(identity, seen, signs, now));
  const words = ({ identity, ageMs }: LastSign): string =>
    `${identity} (heard of ${duration(Math.max(0, ageMs))} ago)`;
  const living = heard.filter(({ lives }) => lives);
  const hosts = new Set(living.map(({ identity }) => hostIn(identity)));
  // A worker that was started again on its host follows the commands of the one that died there.
  const silent = heard.filter(
    ({ lives, hasReport, identity }) => !lives && hasReport && !hosts.has(hostIn(identity)),
  );
  const found =
    `answers on ${taskQueue}: ` +
    `${living.map(words).join(', ') || 'a worker that Temporal does not list yet'}`;
  if (silent.length === 0) return { name: 'worker', state: 'ok', found, fix: null };
  return {
    ...{ name: 'worker', state: 'warning' },
    found: `${found}; silent: ${silent.map(words).join(', ')}`,
    fix:
      'A worker that is silent has died, or its host is ' +
      'away: start one there again if commands ran on it.',
  };
}

/** Of a worker's identity, `host:pid`. */
function hostIn(identity: string): string {
  return identity.replace(/:\d+$/, '');
}

interface LastSign {
  identity: string;
  ageMs: number;
  lives: boolean;
  /** It has reported itself; one that ends in order takes its report away. */
  hasReport: boolean;
}

/** By its heartbeat where there are any, else by its own report, else by its last poll. */
function lastSignOf(
  identity: string,
  lastSeen: string | null,
  { beats, reports }: WorkerSigns,
  now: number,
): LastSign {
  const beat = Math.max(...beats.filter((each) => each.identity === identity).map(({ at }) => at));
  const report = reports.find(({ worker }) => worker === identity);
  const hasReport = report !== undefined;
  const sign = (ageMs: number, mostMs: number): LastSign => ({
    ...{ identity, ageMs, hasReport, lives: Math.abs(ageMs) < mostMs },
  });
  if (Number.isFinite(beat)) return sign(now - beat, silence.beat);
  if (report) return sign(report.silentMs, silence.report);
  // Its report is gone where those of others are there: it has ended in order, and Temporal lists
  // it still.
  if (reports.length > 0) return sign(Infinity, silence.poll);
  return sign(lastSeen === null ? Infinity : now - Date.parse(lastSeen), silence.poll);
}

function clocks(workers: readonly WorkerReport[]): Check {
  const name = 'worker clocks';
  const off = workers.filter(({ clockAheadMs }) => Math.abs(clockAheadMs) >= skewMs);
  const farthest = Math.max(...workers.map(({ clockAheadMs }) => Math.abs(clockAheadMs)));
  if (off.length === 0) {
    const found = `${count(workers)} at most ${Math.round(farthest)} ms from PostgreSQL's`;
    return { name, state: 'ok', found, fix: null };
  }
  const each = off.map(({ worker, clockAheadMs }) => {
    const seconds = (Math.abs(clockAheadMs) / 1_000).toFixed(1);
    return `${worker} is ${seconds} s ${clockAheadMs > 0 ? 'ahead of' : 'behind'} PostgreSQL`;
  });
  return {
    ...{ name, state: 'warning', found: each.join('; ') },
    fix:
      'Let NTP set the clocks of these hosts: times in ' +
      'reports, and waits that end at a time, go by them.',
  };
}

/** One line for each host: its workers may share the disk. */
function journals(workers: readonly WorkerReport[]): Check {
  const name = 'journals';
  const hosts = [
    ...new Map(workers.map((each) => [`${each.host} ${each.journals.folder}`, each])).values(),
  ];
  const scarce = hosts.filter((each) => isBelow(each, soon));
  if (scarce.length === 0) {
    const least = hosts.reduce((a, b) => (a.journals.freeBytes < b.journals.freeBytes ? a : b));
    const found =
      `at least ${inWords(least)} on ` +
      `${hosts.length === 1 ? least.host : `${hosts.length} hosts`}`;
    return { name, state: 'ok', found, fix: null };
  }
  const each = scarce.map((host) => {
    const stopped = isBelow(host, { ...none, share: 0 }) ? ': no command can be started there' : '';
    return `${host.host} has ${inWords(host)} in ${host.journals.folder}${stopped}`;
  });
  return {
    ...{ name, state: 'warning', found: each.join('; ') },
    fix:
      'Make room on that disk, or set RUNBOOK_JOURNALS to a larger one once no command runs ' +
      'there. Leave the journals of running commands alone: they hold what became of them.',
  };
}

function isBelow(
  { journals: { freeBytes, bytes, freeFiles, files } }: WorkerReport,
  limit: { share: number; bytes: number; files: number },
): boolean {
  const few = files > 0 && (freeFiles < limit.files || freeFiles < files * limit.share);
  return freeBytes < limit.bytes || freeBytes < bytes * limit.share || few;
}

function inWords({ journals: { freeBytes, bytes, freeFiles, files } }: WorkerReport): string {
  const gib = (value: number): string => (value / 1024 ** 3).toFixed(value < 1024 ** 3 ? 2 : 0);
  const inodes = files > 0 ? ` and ${freeFiles} of ${files} inodes` : '';
  return `${gib(freeBytes)} of ${gib(bytes)} GiB${inodes} free`;
}

function count(workers: readonly WorkerReport[]): string {
  return workers.length === 1 ? '1 worker' : `${workers.length} workers`;
}
