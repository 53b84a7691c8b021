import { createHash } from 'node:crypto';
import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { JsonObject } from '../../language/json.js';
import { getAttempts } from '../../store/index.js';
import { tell } from '../chaos/tell.js';
import {
  about,
  approve,
  ask,
  given,
  item,
  journal,
  lists,
  Rogues,
  writing,
  type Ways,
} from './rogue-world.js';
import type { Call } from './strangers.js';

/*
 * What a worker holds against the record beyond the plan: which programs ran, what undoes a step,
 * which gates and steps came before.
 */

let tool = '';

/** A program that a step before it replaces. */
const swapping = (file: string): object => ({
  ...about,
  id: 'rogue-swap',
  steps: [
    {
      ...{ ...item, id: 'swap', title: 'Replace the program' },
      work: { action: swap(file) },
    },
    {
      ...{ ...item, id: 'run', title: 'Run the program' },
      work: { action: { kind: 'command', argv: [file, journal] } },
    },
  ],
});
const swap = (file: string): JsonObject => ({
  kind: 'command',
  argv: ['/bin/sh', '-c', 'cp "$1.other" "$1"', 'sh', file],
});
/** A step that may fail, before one that writes. */
const lenient = {
  ...about,
  id: 'rogue-lenient',
  steps: [
    {
      ...{ ...item, id: 'may', title: 'Fail', onFailure: 'continue' },
      work: { action: { kind: 'command', argv: ['/bin/false'] } },
    },
    { ...item, id: 'write', title: 'Write', work: { action: writing('it', journal) } },
  ],
};
/** The same, but the first step may not fail. */
const strict = {
  ...lenient,
  id: 'rogue-strict',
  steps: lenient.steps.map((step) => ({ ...step, onFailure: 'ask' })),
};

describe('a rogue workflow worker', () => {
  let rogues: Rogues;
  beforeAll(async () => {
    rogues = await Rogues.start((folder) => {
      tool = join(folder, 'tool.sh');
      return [swapping(tool), lenient, strict];
    });
    await writeFile(`${tool}.other`, script('other'), { mode: 0o755 });
  }, 60_000);
  afterAll(() => rogues?.stop());

  const script = (what: string): string => `#!/bin/sh\necho ${what} >> "$1"\n`;
  const digest = (text: string): string =>
    `sha256:${createHash('sha256').update(text).digest('hex')}`;
  /** As a request names the program that has come since. */
  const asKnown = () => [{ name: tool, file: tool, digest: digest(script('other')) }];

  async function withTool(calls: () => Promise<unknown>): Promise<unknown> {
    await writeFile(`${tool}.new`, script('planned'), { mode: 0o755 });
    await rename(`${tool}.new`, tool);
    return calls();
  }
  const run = (file: string, step: string, places: number[], programs: object[]): Call =>
    ask(step, given({ kind: 'command', argv: [tool, file] }, ...places), {
      request: { programs: programs as JsonObject[] },
    });
  const ofSwap = (file: string, programs: () => object[]) =>
    withTool(() =>
      rogues.asks('rogue-swap', { journal: file }, [
        ask('swap', swap(tool)),
        run(file, 'run', [1], programs()),
      ]),
    );
  const ofCode = (file: string, programs: () => object[]) =>
    withTool(() =>
      rogues.asks('test-commands', { first: '[]', second: '[]' }, [
        run('/dev/null', 'first', [], []),
        ask('first.2', swap(tool)),
        run(file, 'second', [], programs()),
      ]),
    );

  const nowhere = writing('it', '/dev/null');
  const ofGated = (file: string, calls: (run: string) => Call[]) =>
    rogues.asks('test-gated', { journal: file, last: '["/bin/true"]' }, calls);
  /** Its approver is shown what the step does, and what undoes it. */
  const undoing = (run: string, undo: JsonObject, asked: JsonObject): Call[] => [
    lists(run, { action: nowhere, undo }),
    ...[approve(run), ask('after', nowhere), ask('after.undo', asked)],
  ];
  const ofGates = (file: string, calls: (run: string) => Call[]) =>
    rogues.asks('test-two-gates', { journal: file }, calls);
  const write = (file: string): Call => ask('write', given(writing('it', file), 5));
  const may = (argv: string[]): Call => ask('may', { kind: 'command', argv });

  const ways: Ways = {
    'a program that was replaced, told to be known': (file) => ofSwap(file, asKnown),
    'a program that was replaced, and is not named': (file) => ofSwap(file, () => []),
    'in code, a program that was replaced, told to be known': (file) => ofCode(file, asKnown),
    'in code, a program that was replaced, and is not named': (file) => ofCode(file, () => []),
    'in code, another undo than its approver was shown': (file) =>
      ofGated(file, (id) => undoing(id, writing('undo', '/dev/null'), writing('rogue', file))),
    'in code, an undo where its approver was shown none': (file) =>
      ofGated(file, (id) => [
        ...[lists(id, { action: nowhere }), approve(id), ask('after', nowhere)],
        ask('after.undo', writing('rogue', file)),
      ]),
    'in code, an undo of what nobody has approved': (file) =>
      ofGated(file, () => [ask('after.undo', writing('rogue', file))]),
    'in code, a step behind the second gate after the first approval': (file) =>
      ofGates(file, (id) => [approve(id, 'gate-one'), ask('two', writing('two', file))]),
    'in code, a step behind the second gate without the first approval': (file) =>
      ofGates(file, (id) => [approve(id, 'gate-two'), ask('two', writing('two', file))]),
    'a step behind one that may fail, and that was not tried': (file) =>
      rogues.asks('rogue-lenient', { journal: file }, [write(file)]),
    'a step behind one that may fail, and that was refused': (file) =>
      rogues.asks('rogue-lenient', { journal: file }, [may(['/bin/echo']), write(file)]),
    'in a run that goes on, a step behind one that was not tried': (file) =>
      rogues.asks('rogue-strict', { journal: file }, [write(file)], { unattended: 'continue' }),
  };

  test('has nothing done that the record does not bear out; without it it has', async () => {
    const { guarded, open } = await rogues.effectsOf(ways);
    const names = Object.keys(ways);
    tell(
      `rogue workflows against the record: ${guarded.length} of ${names.length} ways had an effect; ${open.length} without it`,
    );
    expect({ guarded, open }).toEqual({ guarded: [], open: names });
  }, 60_000);

  /** The same, as honest workflows ask. */
  const honest: Ways = {
    'in code, the same program again': (file) =>
      withTool(() =>
        rogues.asks('test-commands', { first: '[]', second: '[]' }, [
          ...[run('/dev/null', 'first', [], []), run(file, 'second', [], [])],
        ]),
      ),
    'in code, the undo that its approver was shown': (file) =>
      ofGated(file, (id) => undoing(id, writing('undo', file), writing('undo', file))),
    'in code, a step behind two gates': (file) =>
      ofGates(file, (id) => [
        ...[approve(id, 'gate-one'), approve(id, 'gate-two'), ask('two', writing('two', file))],
      ]),
    'a step behind one that may fail, and has': (file) =>
      rogues.asks('rogue-lenient', { journal: file }, [may(['/bin/false']), write(file)]),
    'in a run that goes on, a step behind one that has failed': (file) =>
      rogues.asks('rogue-strict', { journal: file }, [may(['/bin/false']), write(file)], {
        unattended: 'continue',
      }),
  };

  test('has done what the record bears out', async () => {
    expect(await rogues.acting(honest)).toEqual(Object.keys(honest));
  }, 60_000);

  test('and the record tells which programs were not let run', async () => {
    const file = rogues.engine.path('told.txt');
    const envelope = { run: 'rogue-swap-told' };
    await withTool(() =>
      rogues.asks(
        'rogue-swap',
        { journal: file },
        [ask('swap', swap(tool)), run(file, 'run', [1], asKnown())],
        envelope,
      ),
    );
    const attempts = await getAttempts(rogues.engine.pool, envelope.run);
    expect(attempts.find(({ step }) => step === 'run')).toMatchObject({
      state: 'failed',
      error: { type: 'ProgramChanged' },
      programs: [{ name: tool, uncovered: 'refused' }],
    });
  });
});
