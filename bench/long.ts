import type { Bench } from './engine.js';
import { median } from './median.js';
import { stepsRunbook } from './specs.js';

export interface LongRun {
  steps: number;
  /**
   * Milliseconds from one step's beginning to the next one's, around step 50 and before the last,
   * the medians.
   */
  earlyMs: number;
  lateMs: number;
  /** Last against first. */
  ratio: number;
  /**
   * What a bare activity cost before the run and after it: how much slower or faster the machine
   * itself has become.
   */
  bareMs: [number, number];
  /** Median and mean of each tenth of the run; the mean has the continue-as-news in it. */
  tenths: { fromStep: number; medianMs: number; meanMs: number }[];
  seconds: number;
  executions: number;
  eventsPerStep: number;
}

/** Steps to each side that make a window. */
const half = 25;

/** One run of so many steps, and what a step costs on the way, by the record's clock. */
export async function longRun(bench: Bench, steps: number): Promise<LongRun> {
  const before = await bareCost(bench);
  const began = performance.now();
  const { workflowId } = await bench.start(stepsRunbook(steps), {});
  await bench.client.workflow.getHandle(workflowId).result();
  const seconds = (performance.now() - began) / 1_000;
  const bareMs: [number, number] = [before, await bareCost(bench)];
  const { rows } = await bench.pool.query<{ at: Date }>(
    'SELECT a.started_at AS at FROM runbook.attempts a ' +
      'JOIN runbook.runs r ON r.no = a.run_no WHERE r.run = $1 ORDER BY a.path',
    [workflowId],
  );
  const times = rows.map(({ at }) => at.getTime());
  const costs = times.slice(1).map((at, index) => at - (times[index] ?? NaN));
  const earlyMs = median(costs.slice(50 - half, 50 + half));
  const lateMs = median(costs.slice(-2 * half));
  const length = Math.ceil(costs.length / 10);
  const tenths = Array.from({ length: 10 }, (_, index) => {
    const part = costs.slice(index * length, (index + 1) * length);
    return {
      fromStep: index * length + 1,
      medianMs: median(part),
      meanMs: part.reduce((sum, cost) => sum + cost, 0) / part.length,
    };
  });
  return {
    steps: times.length,
    earlyMs,
    lateMs,
    ratio: lateMs / earlyMs,
    bareMs,
    tenths,
    seconds,
    ...(await executionsOf(bench, workflowId, times.length)),
  };
}

async function bareCost(bench: Bench): Promise<number> {
  const steps = 2 * half;
  const began = performance.now();
  await (await bench.bare(steps)).result();
  return (performance.now() - began) / steps;
}

async function executionsOf(
  bench: Bench,
  workflowId: string,
  steps: number,
): Promise<{ executions: number; eventsPerStep: number }> {
  let executions = 0;
  let events = 0;
  // The runs are found from the last to the first: lists are complete only after a while.
  for (let runId: string | undefined; ;) {
    const { raw, historyLength } = await bench.client.workflow
      .getHandle(workflowId, runId)
      .describe();
    executions += 1;
    events += historyLength ?? 0;
    const history = await bench.client.workflowService.getWorkflowExecutionHistory({
      namespace: bench.client.options.namespace,
      execution: { workflowId, runId: raw.workflowExecutionInfo?.execution?.runId ?? '' },
      maximumPageSize: 1,
    });
    const before =
      history.history?.events?.[0]?.workflowExecutionStartedEventAttributes
        ?.continuedExecutionRunId;
    if (!before) return { executions, eventsPerStep: events / steps };
    runId = before;
  }
}

export function longText(run: LongRun): string[] {
  const ms = (value: number): string => `${value.toFixed(1)} ms`;
  return [
    `one run of ${run.steps} steps: ${run.seconds.toFixed(0)} s, ${run.executions} ` +
      `executions, ${run.eventsPerStep.toFixed(1)} history events a step`,
    `  around step 50 ${ms(run.earlyMs)}, the last 50 steps ${ms(run.lateMs)}: ` +
      `${run.ratio.toFixed(2)}x; a bare activity before and after ` +
      `${run.bareMs.map(ms).join(' and ')}`,
    ...run.tenths.map(
      ({ fromStep, medianMs, meanMs }) =>
        `  from step ${String(fromStep).padStart(4)}   median ${ms(medianMs).padStart(8)}   ` +
        `mean ${ms(meanMs).padStart(8)}`,
    ),
  ];
}
