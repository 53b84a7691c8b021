import { describe, expect, test } from '@jest/globals';
import type { Pipeline, RunBy } from '../../../language/pipeline.js';
import { stepsRunBy } from '../../../language/run-by.js';
import type { StepSpec } from '../../../language/runbook.js';
import { pipelineCheckSpec } from '../../../workflows/pipeline-check/spec.js';
import { pipelineRecoverySpec } from '../../../workflows/pipeline-recovery/spec.js';

const runBy = (way: RunBy): Pipeline => ({ run: { [way]: {} }, data: {} }) as unknown as Pipeline;
const names = (steps: readonly StepSpec[]): string[] =>
  steps.flatMap(({ id, steps: inner = [] }) => [id, ...names(inner)]);

describe('the steps of a plan for a pipeline', () => {
  const all = names(pipelineRecoverySpec.steps);
  const left = (way: RunBy): string[] => {
    const kept = names(stepsRunBy(pipelineRecoverySpec.steps, [runBy(way)]));
    return all.filter((name) => !kept.includes(name));
  };

  const ofAirflow = [
    ...['reach', 'version', 'dag', 'tasks', 'instances', 'explain', 'task_log', 'record'],
    ...['cleared', 'newest', 'waiting'],
  ];
  const ofDbt = ['runs', 'failures', 'sessions', 'nodes', 'tail', 'models', 'build', 'results'];
  const ofJobApi = ['jobs', 'log', 'hold', 'service'];
  const ofJobs = ['status', 'asked', 'message', 'restart'];
  const ofProgram = ['listed', 'told', 'begin'];

  test.each([
    ['http', [...ofAirflow, ...ofDbt, ...ofProgram, 'preview']],
    ['dbt', [...ofAirflow, ...ofJobApi, ...ofJobs, ...ofProgram, 'follow']],
    ['airflow', [...ofDbt, ...ofJobApi, ...ofProgram]],
    ['program', [...ofAirflow, ...ofDbt, ...ofJobApi, ...ofJobs, 'preview']],
  ] as const)('none of the others where %s runs it', (way, others) => {
    expect(left(way).sort()).toEqual([...others].sort());
  });

  test('all where no target declares a pipeline, or where one of each is named', () => {
    expect(stepsRunBy(pipelineRecoverySpec.steps, [])).toBe(pipelineRecoverySpec.steps);
    const each = (['http', 'dbt', 'airflow', 'program'] as const).map(runBy);
    const both = stepsRunBy(pipelineRecoverySpec.steps, each);
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
