import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { AsPlanned } from '../../activities/as-planned.js';
import { Plans } from '../../activities/plans.js';
import { workflowTaskTimeout } from '../../common/names.js';
import type { Json, JsonObject } from '../../language/json.js';
import { programFolder } from '../../worker/config.js';
import { tell } from '../chaos/tell.js';
import { Engine } from '../helpers/engine.js';
import type { rogue } from './rogue.js';
import type { Call } from './strangers.js';

const writing = (...args: Json[]): JsonObject => ({
  kind: 'command',
  argv: ['/bin/sh', '-c', 'echo "$1" >> "$2"; echo "$1"', 'sh', ...args],
});
const journal = { $: 'inputs.journal' };
const item = { kind: 'command', effect: 'change', retry: { attempts: 1 } };

const plan = {
  ...{ id: 'rogue-plan', version: '1.0.0', title: 'A plan', summary: 'A plan.' },
  ...{ type: 'MAINTENANCE', priority: 'LOW', tags: [], owners: ['test'], expectedMinutes: 1 },
  ...{ prerequisites: [], verification: 'none', rollback: 'none' },
  inputs: { journal: { type: 'text', description: 'a file', maxLength: 400 } },
  steps: [
    {
      ...{ ...item, id: 'one', title: 'Write one', undo: 'Write it again' },
      work: { action: writing('one', journal), undo: writing('undo one', journal) },
    },
    {
      ...{ ...item, id: 'two', title: 'Write what the first one said' },
      work: { action: writing({ $: 'steps.one.stdout' }, journal) },
    },
    {
      ...{ id: 'each', title: 'Write each', kind: 'forEach', effect: 'change', items: ['a', 'b'] },
      steps: [
        { ...item, id: 'write', title: 'Write', work: { action: writing({ $: 'item' }, journal) } },
      ],
    },
    {
      ...{ ...item, id: 'never', title: 'Write nothing' },
      when: { path: 'steps.one.exitCode', is: 1 },
      work: { action: writing('never', journal) },
    },
    { id: 'gate', title: 'May it go on?', kind: 'approval', effect: 'read', approvers: 'anyone' },
    { ...item, id: 'after', title: 'Write last', work: { action: writing('after', journal) } },
  ],
};

/** Workflow code on the worker's own task queue that is not ours, and asks for what it likes. */
describe('a rogue workflow worker', () => {
  let engine: Engine;
  let library: string;

  beforeAll(async () => {
    library = await mkdtemp(join(tmpdir(), 'runbook-rogue-'));
    await writeFile(join(library, 'rogue-plan.json'), JSON.stringify(plan));
    const target = 'kind: service, environment: test';
    engine = await Engine.start({
      targets: `targets: { mine: { ${target} }, other: { ${target} } }\n`,
      procedures: join(programFolder, 'test', 'engine', 'rogue.js'),
      settings: { RUNBOOK_LIBRARY: library },
    });
  }, 60_000);
  afterAll(async () => {
    await engine?.stop();
    await rm(library, { recursive: true, force: true });
  });

  const lines = async (file: string) =>
    (await readFile(file, 'utf8').catch(() => '')).split('\n').filter(Boolean);

  const ask = (path: string, action: JsonObject, change: JsonObject = {}): Call => ({
    activity: 'command',
    request: {
      ...{ version: 1, step: { path, title: 'T', kind: 'command', effect: 'change', ...change } },
      ...{ action, expect: [], attempts: 1, timeoutMs: 10_000 },
    },
  });
  const given = (action: JsonObject, ...places: number[]) => ({ ...action, given: places });

  /** @returns what its activities answered */
  function asks(runbook: string, inputs: JsonObject, calls: readonly Call[]): Promise<Json[]> {
    const envelope = engine.envelope(runbook, inputs);
    return engine.client.workflow.execute<typeof rogue>('rogue', {
      ...{ workflowId: envelope.run, taskQueue: engine.taskQueue, args: [envelope, [...calls]] },
      workflowTaskTimeout,
    });
  }
  const ofPlan = (file: string, ...calls: Call[]) => asks('rogue-plan', { journal: file }, calls);
  const one = (file: string) => ask('one', given(writing('one', file), 5));

  /** Each tries to have a line written that its plan does not have. */
  const ways: Record<string, (file: string) => Promise<unknown>> = {
    'another argument': (file) => ofPlan(file, ask('one', given(writing('rogue', file), 5))),
    'another file than the input names': (file) =>
      ofPlan('/dev/null', ask('one', given(writing('rogue', file), 5))),
    'another program': (file) =>
      ofPlan(
        file,
        ask('one', { kind: 'command', argv: ['/bin/sh', '-c', `echo rogue >> ${file}`] }),
      ),
    'an argument that is not what the step before has answered': (file) =>
      ofPlan(file, one('/dev/null'), ask('two', given(writing('rogue', file), 4, 5))),
    'a variable more': (file) =>
      ofPlan(file, ask('one', { ...given(writing('one', file), 5), env: { ROGUE: 'rogue' } })),
    'another item': (file) =>
      ofPlan(file, ask('each/rogue/write', given(writing('rogue', file), 4, 5))),
    'a step whose condition does not hold': (file) =>
      ofPlan(file, ask('never', given(writing('never', file), 5))),
    'a step that there is not': (file) => ofPlan(file, ask('rogue', writing('rogue', file))),
    'a step of another effect': (file) =>
      ofPlan(file, ask('one', given(writing('one', file), 5), { effect: 'destroy' })),
    'something else taken back': (file) =>
      ofPlan(file, ask('one.undo', given(writing('rogue', file), 5))),
    'a step whose gate nobody has approved': (file) =>
      ofPlan(file, ask('after', given(writing('after', file), 5))),
    'the same of a code-first runbook': (file) =>
      asks('test-gated', { journal: file, last: '["/bin/true"]' }, [
        ask('after', writing('after', file)),
      ]),
    'another target of a code-first runbook': (file) =>
      asks('test-lease', { target: 'mine', first: '[]', second: '[]', journal: file }, [
        ask('first', { ...writing('rogue', file), target: 'other' }),
      ]),
  };

  let files = 0;
  async function effectsOf(way: (file: string) => Promise<unknown>): Promise<number> {
    const file = engine.path(`rogue-${(files += 1)}.txt`);
    await way(file);
    return (await lines(file)).length;
  }

  test('has done what the plan says', async () => {
    const file = engine.path('honest.txt');
    const answers = await ofPlan(
      file,
      ...[one(file), ask('two', given(writing('one\n', file), 4, 5))],
      ...[ask('each/a/write', given(writing('a', file), 4, 5))],
      ask('one.undo', given(writing('undo one', file), 5)),
    );
    expect(answers.map((answer) => typeof answer)).toEqual(Array(4).fill('object'));
    expect(await lines(file)).toEqual(['one', 'one', 'a', 'undo one']);
  });

  test('has nothing else done; without the plan it has', async () => {
    const found = { guarded: 0, open: 0 };
    for (const [name, way] of Object.entries(ways)) {
      const effects = await effectsOf(way);
      expect([name, effects]).toEqual([name, 0]);
      found.guarded += effects;
    }
    const wanted = { paths: [], below: [], gate: null };
    const off = [
      jest.spyOn(AsPlanned, 'of').mockReturnValue({ wanted } as unknown as AsPlanned),
      jest.spyOn(Plans.prototype, 'whyNot').mockResolvedValue(null),
    ];
    for (const way of Object.values(ways)) if ((await effectsOf(way)) > 0) found.open += 1;
    for (const spy of off) spy.mockRestore();
    const { length } = Object.keys(ways);
    tell(
      `rogue workflows: ${found.guarded} of ${length} ways had an effect; ${found.open} without the plan`,
    );
    expect(found).toEqual({ guarded: 0, open: length });
  }, 60_000);

  test('is told where it differs from the plan', async () => {
    const file = engine.path('told.txt');
    const why = 'the request for the step differs from the plan in the record: ';
    expect(
      await ofPlan(
        file,
        ...[ask('one', given(writing('rogue', file), 5)), ask('rogue', writing('rogue', file))],
        ask('after', given(writing('after', file), 5)),
      ),
    ).toEqual(
      [
        'action.argv.4 differs',
        'the plan has no such step',
        'gate gate has no approval in the record',
      ].map((what) => `refused: ${why}${what}. Nothing was done`),
    );
  });
});
