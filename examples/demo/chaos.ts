import type { RunView } from '../../common/view.js';
import type { CorruptMode } from '../../lab/pipeline/faults.js';
import type { Summary } from '../../lab/pipeline/source.js';
import { Operator } from './cli.js';
import { withStack, type Stack } from './stack.js';
import { until } from '../../lab/until.js';
import type { WorkerProcess } from './worker.js';

export interface ChaosOptions {
  rounds: number;
  /** Source rows a round; small rounds, many of them. */
  rows: number;
  batch: number;
  seed: number;
  /** Skips the runbook and restarts the job naively, to prove that the count can find something. */
  unguarded?: boolean;
  say(line: string): void;
}

export interface ChaosResult {
  rounds: number;
  right: number;
  pipelineKills: number;
  workerKills: number;
  rowsTwice: number;
  rowsLost: number;
  seconds: number;
}

const stages = ['extract', 'clean', 'transform', 'load'] as const;
const modes: readonly CorruptMode[] = ['missing', 'duplicate', 'altered'];

/** A small seeded generator (mulberry32): the same seed, the same kills. */
function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/**
 * The pipeline dies at a random place, every second time after it committed a corrupt checkpoint;
 * it is recovered through the runbook, whose worker is killed in every third round. Each round's
 * end state is compared with the truth.
 */
export function chaos(options: ChaosOptions): Promise<ChaosResult> {
  return withStack((stack) => rounds(stack, options));
}

async function rounds(stack: Stack, options: ChaosOptions): Promise<ChaosResult> {
  const began = performance.now();
  const random = seeded(options.seed);
  const pick = (limit: number): number => Math.floor(random() * limit);
  const pipeline = await stack.startPipeline({}, { rows: options.rows, batch: options.batch });
  const operator = new Operator('oncall', stack.cliEnv);
  const approver = new Operator('data-owner', stack.cliEnv);
  const result: ChaosResult = {
    rounds: options.rounds,
    right: 0,
    pipelineKills: 0,
    workerKills: 0,
    rowsTwice: 0,
    rowsLost: 0,
    seconds: 0,
  };
  let worker = await stack.startWorker();
  const truth = await pipeline.truth();
  const batches = Math.ceil(options.rows / options.batch);
  for (let round = 1; round <= options.rounds; round += 1) {
    const stage = stages[pick(stages.length)] ?? 'load';
    const batch = 1 + pick(batches);
    const corrupt = round % 2 === 0;
    const mode = modes[pick(modes.length)] ?? 'missing';
    await pipeline.setFaults(
      corrupt ? { corruptCheckpoint: { stage, batch, mode } } : { crashAt: { stage, batch } },
    );
    const job = await pipeline.startJob({ reset: true });
    await pipeline.waitForJob(job, ['failed']);
    await pipeline.setFaults({});
    result.pipelineKills += 1;

    if (options.unguarded) {
      const restarted = await pipeline.restart(job, null);
      await pipeline.waitForJob(restarted, ['completed', 'failed']);
    } else {
      const killWorker = round % 3 === 0;
      worker = await recover(operator, approver, worker, stack, killWorker ? random() : undefined);
      result.workerKills += killWorker ? 1 : 0;
    }
    const found = await pipeline.summary();
    count(result, truth, found);
    options.say(
      `round ${round}/${options.rounds}: ` +
        `${corrupt ? `corrupt checkpoint (${mode})` : 'kill -9'} at ${stage} batch ${batch}: ` +
        `${same(truth, found) ? 'right' : 'WRONG'}`,
    );
  }
  result.seconds = Math.round((performance.now() - began) / 1000);
  return result;
}

async function recover(
  operator: Operator,
  approver: Operator,
  worker: WorkerProcess,
  stack: Stack,
  killAfter: number | undefined,
): Promise<WorkerProcess> {
  const started = await operator.json<{ id: string }>(
    [0],
    'start',
    'pipeline-recovery',
    '--input',
    'pipeline=flights',
    '--reason',
    'chaos',
    '--yes',
  );
  const run = started.id;
  let current = worker;
  const approving = approveWhenAsked(operator, approver, run);
  if (killAfter !== undefined) {
    // Somewhere in the run: the first steps take some hundred milliseconds, the whole some seconds.
    const when = performance.now() + 200 + killAfter * 3_000;
    await until(
      'the moment to kill the worker',
      () => Promise.resolve(performance.now() > when),
      10_000,
      20,
    );
    await current.kill9();
    current = await stack.startWorker();
  }
  await approving;
  const done = await operator.run('wait', run, '--for', 'done', '--timeout', '120s');
  if (done.exitCode !== 0) {
    const view = await operator.json<RunView>([0, 1, 5, 8], 'status', run);
    throw new Error(`run ${run} ended ${view.state}: ${view.problem?.message ?? done.stderr}`);
  }
  return current;
}

async function approveWhenAsked(
  operator: Operator,
  approver: Operator,
  run: string,
): Promise<void> {
  await operator.run('wait', run, '--for', 'decision', '--timeout', '60s');
  await until(
    'the approval to be accepted',
    async () => {
      if ((await approver.run('approve', run, '--reason', 'chaos', '--yes')).exitCode === 0)
        return true;
      // An approval that nobody answered in time may have been accepted since.
      const { decisions } = await operator.json<RunView>([0, 1, 5, 8], 'status', run);
      return decisions.some(({ accepted }) => accepted);
    },
    60_000,
    500,
  );
}

function count(result: ChaosResult, truth: Summary, found: Summary): void {
  result.right += same(truth, found) ? 1 : 0;
  result.rowsTwice += found.duplicates;
  result.rowsLost += found.missing;
}

function same(truth: Summary, found: Summary): boolean {
  return (
    truth.rows === found.rows &&
    String(truth.sumDistance) === String(found.sumDistance) &&
    String(truth.sumDelay) === String(found.sumDelay) &&
    truth.checksum === found.checksum &&
    found.duplicates === 0 &&
    found.missing === 0
  );
}
