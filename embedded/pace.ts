import { availableParallelism, loadavg } from 'node:os';

/*
 * How long things may take on this machine. A deadline is for what never comes. On a slow or busy
 * machine everything comes later, and a fixed number of seconds would call it lost.
 */

/** Holds the factor, so that all processes of one run stretch their deadlines alike. */
const variable = 'RUNBOOK_PATIENCE';

/** Rounds of the work below in one millisecond on a quiet core of the slower kind; measured. */
const roundsPerMs = 3;
/** Wall time to measure, in milliseconds: long enough to feel what else the machine does. */
const measureMs = 1_000;
/** The machine may be given more to do later than it has now. */
const margin = 2;
/** A longer wait for what never comes helps nobody. */
const most = 20;

/**
 * Measures how fast this machine is now, and tells it to the processes that this one starts.
 * Takes about one second.
 * @returns the factor by which deadlines are stretched, 2 to 20
 */
export function measurePatience(): number {
  const work = Array.from({ length: 200 }, (_, id) => ({ id, name: `step-${id}`, at: [id, id] }));
  const begun = performance.now();
  let rounds = 0;
  while (performance.now() - begun < measureMs) {
    JSON.parse(JSON.stringify({ list: work }));
    rounds += 1;
  }
  const slowness = ((performance.now() - begun) * roundsPerMs) / rounds;
  process.env[variable] = Math.min(most, margin * Math.max(1, slowness)).toFixed(1);
  return patience();
}

/**
 * The factor that was measured for this run, or more while more processes than cores want to run.
 * @returns 2 to 20
 */
function patience(): number {
  const measured = Number(process.env[variable]) || margin;
  const crowding = (loadavg()[0] ?? 0) / availableParallelism();
  return Math.min(most, Math.max(measured, margin * crowding));
}

/** @param ms milliseconds on a quiet machine @returns the same on this one */
export function stretched(ms: number): number {
  return Math.round(ms * patience());
}

/** As `stretched`, without a margin for what the machine may be given to do later. */
export function atThisPace(ms: number): number {
  return stretched(ms) / margin;
}
