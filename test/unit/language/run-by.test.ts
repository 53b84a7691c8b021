import { describe, expect, test } from '@jest/globals';
import type { Pipeline } from '../../../language/pipeline.js';
import { stepsRunBy } from '../../../language/run-by.js';
import type { StepSpec } from '../../../language/runbook.js';
import { pipelineCheckSpec } from '../../../workflows/pipeline-check/spec.js';
import { pipelineRecoverySpec } from '../../../workflows/pipeline-recovery/spec.js';

const runBy = (way: 'http' | 'dbt'): Pipeline =>
  ({ run: { [way]: {} }, data: {} }) as unknown as Pipeline;
const names = (steps: readonly StepSpec[]): string[] =>
  steps.flatMap(({ id, steps: inner = [] }) => [id, ...names(inner)]);

describe('the steps of a plan for a pipeline', () => {
  const all = names(pipelineRecoverySpec.steps);
  const left = (way: 'http' | 'dbt'): string[] => {
    const kept = names(stepsRunBy(pipelineRecoverySpec.steps, [runBy(way)]));
    return all.filter((name) => !kept.includes(name));
  };

  test('none of dbt where a job API runs it', () => {
    expect(left('http')).toEqual([
      ...['runs', 'failures', 'sessions', 'nodes', 'tail', 'build', 'results'],
    ]);
  });

  test('none of a job API where dbt runs it', () => {
    expect(left('dbt')).toEqual([
      ...['status', 'jobs', 'message', 'log', 'restart', 'hold', 'follow', 'service'],
    ]);
  });

  test('all where no target declares a pipeline, or where one of each is named', () => {
    expect(stepsRunBy(pipelineRecoverySpec.steps, [])).toBe(pipelineRecoverySpec.steps);
    const both = stepsRunBy(pipelineRecoverySpec.steps, [runBy('http'), runBy('dbt')]);
    expect(names(both)).toEqual(all);
  });

  test('a group with none left is left out', () => {
    const inner = { id: 'inner', title: '', kind: 'command', effect: 'read' } as const;
    const group: StepSpec = { ...inner, id: 'group', kind: 'parallel', steps: [] };
    const steps: StepSpec[] = [{ ...group, steps: [{ ...inner, runBy: ['dbt'] }] }, inner];
    expect(names(stepsRunBy(steps, [runBy('http')]))).toEqual(['inner']);
    expect(names(stepsRunBy([group], [runBy('http')]))).toEqual(['group']);
  });

  test('the check of a pipeline asks as its recovery does', () => {
    expect(names(stepsRunBy(pipelineCheckSpec.steps, [runBy('http')]))).not.toContain('runs');
  });
});
