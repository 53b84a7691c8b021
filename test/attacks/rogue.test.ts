import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { getRun } from '../../store/index.js';
import type { JsonObject } from '../../language/json.js';
import { tell } from '../chaos/tell.js';
import { until } from '../../lab/until.js';
import {
  about,
  approve,
  ask,
  asked,
  decide,
  gate,
  given,
  item,
  journal,
  lists,
  Rogues,
  word,
  writing,
  type Ways,
} from './rogue-world.js';
import type { Call } from './strangers.js';

const plan = {
  ...about,
  id: 'rogue-plan',
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
      when: 'steps.one.exitCode == 1',
      work: { action: writing('never', journal) },
    },
    { ...gate, title: 'May it go on?' },
    { ...item, id: 'after', title: 'Write last', work: { action: writing('after', journal) } },
  ],
};

const gated = {
  ...about,
  id: 'rogue-gated',
  steps: [
    { ...gate, title: 'May it write?' },
    { ...item, id: 'write', title: 'Write a word', work: { action: writing(word, journal) } },
  ],
};
const open = {
  ...about,
  id: 'rogue-open',
  steps: [{ ...item, id: 'write', title: 'Write', work: { action: writing(word, journal) } }],
};
/** Its first step fails, and no failure of it is an answer. */
const failing = {
  ...about,
  id: 'rogue-failing',
  steps: [
    {
      ...{ ...item, id: 'first', title: 'Fail' },
      work: { action: { kind: 'command', argv: ['/bin/false'] } },
    },
    { ...item, id: 'write', title: 'Write', work: { action: writing(word, journal) } },
  ],
};
/** What honest workers are told to do again with another word. */
const choosy = {
  ...about,
  id: 'rogue-choosy',
  steps: [
    { ...gate, title: 'May it write?' },
    { ...item, id: 'write', title: 'Write a word', work: { action: writing(word, journal) } },
    {
      ...{ ...item, id: 'choose', title: 'Want another word' },
      work: {
        action: {
          kind: 'command',
          argv: ['/bin/sh', '-c', 'test "$1" = new && echo "$1" >> "$2"', 'sh', word, journal],
        },
      },
    },
  ],
};

describe('a rogue workflow worker', () => {
  let rogues: Rogues;
  beforeAll(async () => {
    rogues = await Rogues.start(() => [plan, gated, open, failing, choosy]);
  }, 60_000);
  afterAll(() => rogues?.stop());

  const answering = ({ activity, request }: Call, cel: string): Call => ({
    activity,
    request: { ...(request as JsonObject), outputs: { stdout: { cel } } },
  });
  const changeWord = (run: string): Call =>
    decide(run, {
      ...{ verb: 'retry', about: { kind: 'step', id: 'write' }, inputs: { word: 'new' } },
    });
  const write = (text: string, file: string) => ask('write', given(writing(text, file), 4, 5));
  const asks = (runbook: string, inputs: JsonObject, calls: Parameters<Rogues['asks']>[2]) =>
    rogues.asks(runbook, inputs, calls);

  /** The run tells the record that its gate asks once more. */
  const asksAgain = (run: string): Call => asked(run, { attempt: 2, digest: 'd2' });

  const said = {
    state: 'succeeded' as const,
    ...{ attempts: 1, output: { stdout: 'one', exitCode: 0 } },
  };
  const afterForgedBorder = (file: string, forge: Parameters<Rogues['afterForgedBorder']>[2]) =>
    rogues.afterForgedBorder('rogue-plan', file, forge);
  const ofPlan = (file: string, ...calls: Call[]) => asks('rogue-plan', { journal: file }, calls);
  const one = (file: string) => ask('one', given(writing('one', file), 5));

  const ofCode = (file: string, calls: (run: string) => Call[]) =>
    asks('test-gated', { journal: file, last: '["/bin/true"]' }, calls);

  /** Each tries to have a line written that its plan does not have. */
  const ways: Ways = {
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
    'other outputs than the plan has': (file) =>
      ofPlan(file, answering(ask('one', given(writing('one', file), 5)), '"rogue"')),
    'a step that there is not': (file) => ofPlan(file, ask('rogue', writing('rogue', file))),
    'a step of another effect': (file) =>
      ofPlan(file, ask('one', given(writing('one', file), 5), { effect: 'destroy' })),
    'something else undone': (file) =>
      ofPlan(file, ask('one.undo', given(writing('rogue', file), 5))),
    'a step whose gate nobody has approved': (file) =>
      ofPlan(file, ask('after', given(writing('after', file), 5))),
    'a step before the one in front of it': (file) =>
      ofPlan(file, ask('each/a/write', given(writing('a', file), 4, 5))),
    'the same of a code-first runbook': (file) =>
      asks('test-gated', { journal: file, last: '["/bin/true"]' }, [
        ask('after', writing('after', file)),
      ]),
    'an approval from before inputs were changed': (file) =>
      asks('rogue-gated', { journal: file }, (run) => [
        ...[approve(run), changeWord(run), write('new', file)],
      ]),
    'an approval from before its gate asked again': (file) =>
      asks('rogue-gated', { journal: file }, (run) => [
        ...[approve(run), asksAgain(run), write('old', file)],
      ]),
    'inputs from before they were changed': (file) =>
      asks('rogue-open', { journal: file }, (run) => [changeWord(run), write('old', file)]),
    'a forged state of our own code, in which steps are done that were not': (file) =>
      afterForgedBorder(file, { one: said, two: said }),
    'a forged state of our own code, in which people have skipped them': (file) =>
      afterForgedBorder(file, { one: said, two: { state: 'skipped' } }),
    'an argument of a code-first step that its approver was not shown': (file) =>
      ofCode(file, (run) => [
        ...[
          lists(run, { action: writing('after', file) }),
          approve(run),
          ask('after', writing('rogue', file)),
        ],
      ]),
    'a code-first step that its approver was not shown': (file) =>
      ofCode(file, (run) => [
        ...[
          lists(run, { action: writing('after', file) }),
          approve(run),
          ask('last', writing('last', file)),
        ],
      ]),
    'a failure taken for an answer, which the plan does not': (file) =>
      asks('rogue-failing', { journal: file }, [
        ask(
          'first',
          { kind: 'command', argv: ['/bin/false'] },
          // Only a last attempt's failure can be an answer.
          { request: { capture: true, attemptsOnceActed: 1 } },
        ),
        write('old', file),
      ]),
    'another target of a code-first runbook': (file) =>
      asks('test-lease', { target: 'mine', first: '[]', second: '[]', journal: file }, [
        ask('first', { ...writing('rogue', file), target: 'other' }),
      ]),
  };

  test('has done what the plan says', async () => {
    const file = rogues.engine.path('honest.txt');
    const answers = await ofPlan(
      file,
      ...[one(file), ask('two', given(writing('one\n', file), 4, 5))],
      ...[ask('each/a/write', given(writing('a', file), 4, 5))],
      ask('one.undo', given(writing('undo one', file), 5)),
    );
    expect(answers.map((answer) => typeof answer)).toEqual(Array(4).fill('object'));
    expect(await rogues.lines(file)).toEqual(['one', 'one', 'a', 'undo one']);
  });

  test('has done what was approved, and approved again', async () => {
    const file = rogues.engine.path('approved.txt');
    const answers = await asks('rogue-gated', { journal: file }, (run) => [
      ...[approve(run), changeWord(run), asksAgain(run)],
      ...[
        decide(run, { verb: 'approve', about: { kind: 'gate', id: 'gate' }, attempt: 2 }),
        write('new', file),
      ],
    ]);
    expect(answers.at(-1)).toMatchObject({ output: { stdout: 'new\n' } });
    expect(await rogues.lines(file)).toEqual(['new']);
  });

  test('has done in code what its approver was shown', async () => {
    const file = rogues.engine.path('listed.txt');
    await ofCode(file, (run) => [
      ...[
        lists(run, { action: writing('after', file) }),
        approve(run),
        ask('after', writing('after', file)),
      ],
    ]);
    expect(await rogues.lines(file)).toEqual(['after']);
  });

  test('has nothing else done; without the plan it has', async () => {
    const { guarded, open } = await rogues.effectsOf(ways);
    const names = Object.keys(ways);
    tell(
      `rogue workflows: ${guarded.length} of ${names.length} ways had an effect; ${open.length} without the plan`,
    );
    expect({ guarded, open }).toEqual({ guarded: [], open: names });
  }, 60_000);

  test('is told where it differs from the plan', async () => {
    const file = rogues.engine.path('told.txt');
    const why = 'the request for the step differs from the plan in the record: ';
    expect(
      await ofPlan(
        file,
        ...[ask('one', given(writing('rogue', file), 5)), ask('rogue', writing('rogue', file))],
        ask('after', given(writing('after', file), 5)),
        ask('each/a/write', given(writing('a', file), 4, 5)),
      ),
    ).toEqual(
      [
        'action.argv.4 differs',
        'the plan has no such step',
        'gate gate has no approval in the record',
        'the record does not have step two before it',
      ].map((what) => `refused: ${why}${what}. Nothing was done`),
    );
  });

  test('and a run that is not rogue goes on with changed inputs, once they are approved', async () => {
    const file = rogues.engine.path('choosy.txt');
    const run = await rogues.engine.run('rogue-choosy', { journal: file });
    await rogues.engine.send(run, await rogues.engine.decision(run));
    const changed = await rogues.engine.decision(run, { verb: 'retry', inputs: { word: 'new' } });
    expect(changed.about).toEqual({ kind: 'step', id: 'choose' });
    expect(await rogues.engine.send(run, changed)).toMatchObject({ accepted: true });
    await until('the gate to ask again', async () => {
      const view = await rogues.engine.status(run).catch(() => undefined);
      return view?.waitingFor[0]?.id === 'gate';
    });
    expect(await rogues.lines(file)).toEqual(['old']);
    await rogues.engine.send(run, await rogues.engine.decision(run));
    const view = await rogues.engine.ended(run);
    expect(view).toMatchObject({ state: 'succeeded', inputs: { word: 'new' } });
    expect(await rogues.lines(file)).toEqual(['old', 'new']);
    const { inputs, planDigest } = view;
    expect(await getRun(rogues.engine.pool, run.workflowId)).toMatchObject({ inputs, planDigest });
  });
});
