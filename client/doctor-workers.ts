import type { WorkerReport } from '../store/index.js';
import type { Check } from './doctor-checks.js';

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
    fix: 'Let NTP set the clocks of these hosts: times in reports, and waits that end at a time, go by them.',
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
    const found = `at least ${inWords(least)} on ${hosts.length === 1 ? least.host : `${hosts.length} hosts`}`;
    return { name, state: 'ok', found, fix: null };
  }
  const each = scarce.map((host) => {
    const stopped = isBelow(host, { ...none, share: 0 }) ? ': no command can be started there' : '';
    return `${host.host} has ${inWords(host)} in ${host.journals.folder}${stopped}`;
  });
  return {
    ...{ name, state: 'warning', found: each.join('; ') },
    fix: 'Make room on that disk, or set RUNBOOK_JOURNALS to a larger one once no command runs there. Leave the journals of running commands alone: they hold what became of them.',
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
