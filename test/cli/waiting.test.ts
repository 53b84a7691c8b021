import { mkdir, readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Check } from '../../common/check.js';
import type { RunView } from '../../common/view.js';
import { until } from '../../lab/until.js';
import { allVerbs } from '../helpers/verbs.js';
import { untilFile } from '../helpers/shell.js';
import { World } from './world.js';

/*
 * Every verb that waits ends with the question when the run needs people: whoever started it may
 * look at nothing else. The verbs come from the program.
 */

let world: World;
beforeAll(async () => {
  world = await World.start();
}, 60_000);
afterAll(() => world?.stop());

const flags = ['--wait', '--watch', '--follow'];
const waiting = [...allVerbs()].flatMap(([words, verb]): [string, string[]][] => {
  const flag = verb.options.find(({ long }) => flags.includes(long ?? ''))?.long;
  if (flag) return [[words, [flag]]];
  return ['wait', 'watch'].includes(words) ? [[words, []]] : [];
});

const why = ['--reason', 'a test'];

/** Words that come to a question, and a command that has to be told with it. */
async function asking(verb: string, more: string[]): Promise<[argv: string[], told: RegExp]> {
  const approve = /runbook approve \S+ gate --digest sha256:/;
  if (verb === 'start') {
    const inputs = [`journal=${world.path('start.txt')}`, 'last=["/bin/true"]'];
    const given = inputs.flatMap((input) => ['--input', input]);
    return [['start', 'test-gated', ...given, ...why, ...more], approve];
  }
  if (verb !== 'cancel') return [[verb, await world.gatedRun(), ...more], approve];
  // Of what is asked while a run is cancelled, only undos are left.
  const run = await withBrokenUndo();
  return [['cancel', run, ...why, ...more], /runbook retry \S+ first\.undo --digest sha256:/];
}

async function withBrokenUndo(): Promise<string> {
  const folder = world.path('no-file');
  await mkdir(folder, { recursive: true });
  const inputs = ['first=["/bin/true"]', `second=${untilFile('/never')}`, `journal=${folder}`];
  const given = inputs.flatMap((input) => ['--input', input]);
  const { id } = await world.json<{ id: string }>(['start', 'test-desk', ...given, ...why]);
  await until('the second step to run', async () => {
    const { steps } = await world.json<RunView>(['status', id]);
    return steps[1]?.state === 'running';
  });
  return id;
}

test('every command that polls a run is among them', async () => {
  const folder = join(import.meta.dirname, '../../client/commands');
  const polling = [];
  for (const file of await readdir(folder))
    if (/follow\.js'|^const everyMs/m.test(await readFile(join(folder, file), 'utf8')))
      polling.push(file);
  const verbs = waiting.map(([verb]) => `${verb}.ts`);
  expect(verbs).toEqual(expect.arrayContaining(polling));
  expect(polling.length).toBeGreaterThan(3);
});

test.each(waiting)(
  '%s %j ends with the question: 8',
  async (verb, more) => {
    const [argv, command] = await asking(verb, more);
    const { code, stdout, stderr } = await world.cli(argv);
    expect(code).toBe(8);
    expect(stdout + stderr).toMatch(command);
    expect(stderr).toMatch(/The run needs people, so this waits no longer\. .*runbook wait \S+\n$/);
  },
  60_000,
);

describe('without text', () => {
  test.each(['json', 'jsonl'])(
    'as %s too',
    async (format) => {
      const run = await world.gatedRun();
      for (const verb of ['wait', 'watch']) {
        const { code, stdout } = await world.cli([verb, run, '--output', format]);
        expect(code).toBe(8);
        const last = format === 'json' ? stdout : (stdout.trimEnd().split('\n').at(-1) ?? '');
        expect(JSON.stringify(JSON.parse(last))).toContain('gate');
      }
    },
    60_000,
  );
});

test('an undo takes its own answers only, also once it was answered', async () => {
  const run = await withBrokenUndo();
  expect(await world.cli(['cancel', run, ...why, '--wait'])).toMatchObject({ code: 8 });
  const rollback = await world.cli(['rollback', run, 'first.undo', ...why]);
  expect(rollback).toMatchObject({ code: 4, stdout: '' });
  expect(rollback.stderr).toMatch(/^Error: first\.undo cannot be answered with rollback\./);
  const skip = ['skip', run, 'first.undo', ...why];
  expect(await world.cli(skip)).toMatchObject({ code: 0 });
  await world.cli(['wait', run]);
  const again = await world.cli(['skip', run, 'second.undo', ...why]);
  expect(again.stderr).not.toContain('has no step');
}, 60_000);

test('a run that was paused needs people as well: it is told what lets it go on', async () => {
  const run = await withBrokenUndo();
  const goOn = `runbook resume ${run}`;
  const paused = await world.cli(['pause', run, ...why]);
  expect(paused).toMatchObject({ code: 0, stdout: expect.stringContaining(goOn) });
  const who = /Paused by requester \(stated; .*\) since .* UTC: a test/;
  const status = await world.cli(['status', run]);
  expect((status.stdout || status.stderr).replaceAll(/\s+/g, ' ')).toMatch(who);
  expect(status.stdout).toContain(goOn);
  const { checks } = await world.json<{ checks: Check[] }>(['doctor'], [0, 1]);
  const check = checks.find(({ name }) => name === 'paused runs');
  expect(check).toMatchObject({ state: 'warning', found: expect.stringMatching(who) });
  expect(check?.fix).toContain(goOn);
  for (const verb of ['wait', 'watch']) {
    const { code, stdout, stderr } = await world.cli([verb, run]);
    expect(code).toBe(8);
    expect(stdout + stderr).toContain(`runbook resume ${run}`);
  }
  expect((await world.cli(['abort', run, ...why])).code).toBe(0);
}, 60_000);
