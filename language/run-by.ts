import type { Pipeline, RunBy } from './pipeline.js';
import type { StepSpec } from './runbook.js';

/*
 * Some steps are only for pipelines that are run in a certain way. Which way that is, the targets
 * say before the run: its plan has no steps of another way.
 */

/** What runs a pipeline, in words. */
export const runByWords = {
  http: 'a job API',
  dbt: 'dbt',
  airflow: 'Airflow',
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
