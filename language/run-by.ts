import type { Pipeline, RunBy } from './pipeline.js';
import type { StepSpec } from './runbook.js';

/*
 * Some steps are only for pipelines that a certain orchestrator runs. The target declares which one
 * it is, so the plan of a run has no steps for another orchestrator.
 */

/** What runs a pipeline, in words. */
export const runByWords = {
  http: 'a job API',
  dbt: 'dbt',
  airflow: 'Airflow',
  program: 'a program',
} as const satisfies Record<RunBy, string>;

/** The steps that these pipelines can need; all of them where there is none. */
export function stepsRunBy(
  steps: readonly StepSpec[],
  pipelines: readonly Pipeline[],
): readonly StepSpec[] {
  if (pipelines.length === 0) return steps;
  return steps.flatMap((step): StepSpec[] => {
    const { runBy, ...kept } = step;
    if (runBy && !pipelines.some(({ run }) => runBy.some((way) => run[way]))) return [];
    if (!step.steps) return [kept];
    const inner = stepsRunBy(step.steps, pipelines);
    return inner.length === 0 && step.steps.length > 0 ? [] : [{ ...kept, steps: inner }];
  });
}
