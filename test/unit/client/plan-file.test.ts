import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { planDifferences } from '../../../client/plan-difference.js';
import { readPlanFile, writePlanFile } from '../../../client/plan-file.js';
import { runCli } from '../../../client/program.js';
import { digestOf } from '../../../language/digest.js';
import type { Plan } from '../../../language/plan.js';
import type { StepSpec } from '../../../language/runbook.js';
import { recordedIo } from './fake-io.js';

const step = (id: string, word: string): StepSpec => ({
  ...{ id, title: `Do ${id}`, kind: 'command', effect: 'change' },
  work: { action: { kind: 'command', argv: ['say', word] } },
});

function planOf(change: Partial<Plan> = {}): Plan {
  const plan = {
    version: 1 as const,
    runbook: {
      ...{ id: 'talk', version: '1.0.0', title: 'Talk' },
      ...{ type: 'MAINTENANCE' as const, priority: 'LOW' as const },
    },
    inputs: { word: 'hello' },
    targets: [
      {
        ...{ name: 'web', kind: 'service', environment: 'test', isolated: true, facts: {} },
        ...{ addresses: ['http http://127.0.0.1:1'], digest: 'sha256:a' },
      },
    ],
    steps: [step('one', 'hello'), step('two', 'bye')],
    programs: [{ name: 'say', file: '/opt/say', digest: 'sha256:b' }],
    procedure: 'sha256:c',
    ...change,
  };
  return { ...plan, digest: digestOf(plan) };
}

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'runbook-plan-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('a plan in a file', () => {
  test('is read as it was written, and written over', async () => {
    const file = join(folder, 'plan.json');
    await writePlanFile(file, planOf());
    await writePlanFile(file, planOf({ inputs: { word: 'hi' } }));
    expect(await readPlanFile(file)).toEqual(planOf({ inputs: { word: 'hi' } }));
  });

  test('is never written over another file', async () => {
    const file = join(folder, 'notes.txt');
    writeFileSync(file, 'mine');
    await expect(writePlanFile(file, planOf())).rejects.toThrow('is another file');
    expect(readFileSync(file, 'utf8')).toBe('mine');
  });

  test.each<[string, (text: string) => string, string, number]>([
    ['as it was written', (text) => text, '', 0],
    ['changed', (text) => text.replace('"bye"', '"shout"'), 'was changed after it was written', 1],
    ['no JSON', () => 'plan', 'is no JSON', 2],
    ['another document', () => '{"file": "other"}', 'holds no plan', 2],
    ['of a later form', (text) => text.replace('"form": 1', '"form": 2'), 'another release', 2],
  ])('--verify of one that is %s', async (_what, change, said, code) => {
    const file = join(folder, 'verified.json');
    rmSync(file, { force: true });
    await writePlanFile(file, planOf());
    writeFileSync(file, change(readFileSync(file, 'utf8')));
    const io = recordedIo();
    expect(await runCli(['plan', '--verify', file], io)).toBe(code);
    expect(code === 0 ? io.out() : io.err()).toContain(
      said || `is whole: the plan of talk 1.0.0, ${planOf().digest}`,
    );
  });

  test('start takes nothing beside it, and none that was changed', async () => {
    const file = join(folder, 'started.json');
    await writePlanFile(file, planOf());
    const beside = recordedIo();
    expect(await runCli(['start', file, '--input', 'word=x', '--yes'], beside)).toBe(2);
    expect(beside.err()).toContain('--input cannot go with a plan');
    writeFileSync(file, readFileSync(file, 'utf8').replace('"bye"', '"shout"'));
    const changed = recordedIo();
    expect(await runCli(['start', file, '--yes'], changed)).toBe(2);
    expect(changed.err()).toContain('Nothing was started: ');
  });
});

describe('what is different in a plan is said', () => {
  const [web] = planOf().targets;
  test.each<[string, Partial<Plan>, string]>([
    [
      'its version',
      { runbook: { ...planOf().runbook, version: '1.1.0' } },
      'talk is 1.1.0, not 1.0.0',
    ],
    ['an input', { inputs: { word: 'hi' } }, 'input word is hi, not hello'],
    [
      'where a target is',
      { targets: [{ ...web!, addresses: ['http http://127.0.0.1:2'], digest: 'sha256:d' }] },
      'target web is at http http://127.0.0.1:2, not at http http://127.0.0.1:1',
    ],
    [
      'a target',
      { targets: [{ ...web!, digest: 'sha256:d' }] },
      'target web is declared otherwise',
    ],
    ['no target', { targets: [] }, 'target web is not acted on any more'],
    [
      'what a step does',
      { steps: [step('one', 'hello'), step('two', 'shout')] },
      'step two: run say shout; not: run say bye',
    ],
    ['a step more', { steps: [...planOf().steps, step('three', 'x')] }, 'step three is new'],
    ['a step less', { steps: [step('one', 'hello')] }, 'step two is gone'],
    ['their order', { steps: [...planOf().steps].reverse() }, 'in another order'],
    [
      'a title',
      { steps: [{ ...step('one', 'hello'), title: 'Say it' }, step('two', 'bye')] },
      'step one has another title',
    ],
    [
      'a program',
      { programs: [{ name: 'say', file: '/opt/say', digest: 'sha256:e' }] },
      'has another content',
    ],
    ['the release', { procedure: 'sha256:f' }, 'the code of the workers is of another release'],
    ['that it is a drill', { drill: true }, 'it is a drill now'],
  ])('%s', (_what, change, said) => {
    const differences = planDifferences(planOf(), planOf(change));
    expect(differences).toEqual([expect.stringContaining(said)]);
  });
});
