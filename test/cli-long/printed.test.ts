import { randomUUID } from 'node:crypto';
import { chmod, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { questionKinds, type QuestionKind } from '../../common/questions.js';
import type { RunView } from '../../common/view.js';
import { until } from '../../lab/until.js';
import { programFolder } from '../../worker/config.js';
import { onTerminal } from '../helpers/terminal.js';
import { allVerbs } from '../helpers/verbs.js';
import { untilFile } from '../helpers/shell.js';
import { World } from '../cli/world.js';

/*
 * Commands that the product prints are there to be copied: each is executed as it was printed, on a
 * terminal, by somebody who types only what is asked.
 */

let world: World;
let path: string;
beforeAll(async () => {
  world = await World.start({
    targets: 'targets: { shop: { kind: service, environment: test } }\n',
  });
  path = world.path('bin');
  await mkdir(path);
  const main = join(programFolder, 'client', 'main.js');
  await writeFile(join(path, 'runbook'), `#!/bin/sh\nexec '${process.execPath}' '${main}' "$@"\n`);
  await chmod(join(path, 'runbook'), 0o755);
}, 60_000);
afterAll(async () => {
  for (const file of holders) await writeFile(file, '');
  await world?.stop();
});

const terminal = (): Record<string, string> => ({
  ...world.environment({ RUNBOOK_OPERATOR: 'approver' }),
  PATH: `${path}:${process.env['PATH'] ?? ''}`,
});

const why = ['--reason', 'a test'];

/** Files that let the commands of the test go on. */
const holders: string[] = [];

function untilReleased(): string {
  const file = world.path(randomUUID());
  holders.push(file);
  return untilFile(file);
}

async function start(runbook: string, inputs: Record<string, string>): Promise<string> {
  const given = Object.entries(inputs).flatMap(([name, value]) => ['--input', `${name}=${value}`]);
  return (await world.json<{ id: string }>(['start', runbook, ...given, ...why])).id;
}

/** For each kind, a run that asks it; undefined where no runbook of the tests does. */
const asking: Record<QuestionKind, (() => Promise<string>) | undefined> = {
  approval: () => world.gatedRun(),
  failure: () =>
    start('test-desk', { first: '["/bin/false"]', second: '["/bin/true"]', journal: '/dev/null' }),
  async undo() {
    const inputs = { first: '["/bin/true"]', second: untilReleased(), journal: world.folder };
    const run = await start('test-desk', inputs);
    await until('the second step to run', async () => {
      const { steps } = await world.json<RunView>(['status', run]);
      return steps[1]?.state === 'running';
    });
    await world.cli(['cancel', run, ...why]);
    return run;
  },
  async lease() {
    const inputs = { target: 'shop', second: '["/bin/true"]', journal: '/dev/null' };
    await start('test-lease', { ...inputs, first: untilReleased() });
    return start('test-lease', { ...inputs, first: '["/bin/true"]' });
  },
  manual: undefined,
};

const cases = (Object.keys(questionKinds) as QuestionKind[])
  .filter((kind) => asking[kind] !== undefined)
  .flatMap((kind) => questionKinds[kind].verbs.map((verb): [QuestionKind, string] => [kind, verb]));

const columns = { COLUMNS: '80' };

async function statusOf(run: string): Promise<string> {
  return (await world.cli(['status', run], columns)).stdout;
}

/** Everything else that shows the question, as people see it. */
async function shownOf(run: string): Promise<Record<string, string>> {
  const handle = world.client.workflow.getHandle(run);
  const { currentDetails } = await handle.query<{ currentDetails: string }>(
    '__temporal_workflow_metadata',
  );
  const { memo } = await handle.describe();
  return {
    page: currentDetails,
    memo: String(memo?.['approve']),
    watch: (await world.cli(['watch', run, '--timeout', '2s'], columns)).stdout,
    report: (await world.cli(['report', run])).stdout,
  };
}

/** Each answer is printed once in every place, and is the same in all of them. */
async function sameEverywhere(run: string, status: string, verbs: readonly string[]) {
  for (const [place, text] of Object.entries(await shownOf(run)))
    // The memo has room for the usual answer alone.
    for (const verb of place === 'memo' ? verbs.slice(0, 1) : verbs)
      expect({ place, found: commandsIn(text, verb, run) }).toEqual({
        place,
        found: commandsIn(status, verb, run),
      });
}

/** The commands in a text that are no forms. */
function commandsIn(text: string, verb: string, run: string): string[] {
  const found = text.matchAll(new RegExp(`runbook ${verb} ${run}[^\`\\n]*`, 'g'));
  return [...found].map(([command]) => command.trim()).filter((each) => !each.includes('TEXT'));
}

test.each(['failure', 'undo'] as const)(
  'what a question of kind %s says is to be done next is taken as it is printed',
  async (kind) => {
    const run = (await asking[kind]?.()) as string;
    const next = await until('the question', async () => {
      const { waitingFor } = await world.json<RunView>(['status', run], [0, 8]);
      const wait = waitingFor.find((each) => each.kind === kind);
      return wait && (wait.evidence['next'] as string);
    });
    const typed = / with: runbook (logs .*)$/.exec(next)?.[1];
    expect({ next, typed }).toEqual({ next, typed: expect.any(String) });
    expect(await world.typed((typed ?? '').split(' '))).toMatchObject({ code: 0 });
    expect((await world.cli(['status', run], columns)).stdout.replace(/\s+/g, ' ')).toContain(next);
    await world.cli(['abort', run, ...why]);
  },
  60_000,
);

describe('an answer', () => {
  test.each(cases)(
    'to a question of kind %s with %s: the same everywhere, and executed as printed',
    async (kind, verb) => {
      const run = (await asking[kind]?.()) as string;
      await until('the question', async () => {
        const { waitingFor } = await world.json<RunView>(['status', run], [0, 8]);
        return waitingFor.some((wait) => wait.kind === kind);
      });
      const status = await statusOf(run);
      const [command = '', ...more] = commandsIn(status, verb, run);
      expect({ command, more }).toEqual({
        command: expect.stringMatching(/ --digest sha256:\w{64}$/),
        more: [],
      });
      // Once for each kind, because it shows all of its answers.
      const [usual] = questionKinds[kind].verbs;
      if (verb === usual) await sameEverywhere(run, status, questionKinds[kind].verbs);

      const { code, shown: screen } = await onTerminal(command, terminal(), [
        [/Reason: /, 'as it was printed'],
        [/\[y\/N\] /, 'y'],
      ]);
      expect(screen).toMatch(/Reason: [^]*\? \[y\/N\] [^]*Accepted: /);
      expect(screen.indexOf('Waits for')).toBeLessThan(screen.indexOf('Reason: '));
      expect(code).toBe(0);
    },
    90_000,
  );
});

test('done by hand, where later steps need an output: it is asked for', async () => {
  const inputs = { first: '["/bin/true"]', second: '["/bin/false"]', journal: '/dev/null' };
  const run = await start('test-desk', inputs);
  const command = await until('the question', async () => {
    return commandsIn(await statusOf(run), 'done', run)[0];
  });
  const { shown } = await onTerminal(command, terminal(), [
    [/Reason: /, 'by hand'],
    [/Output stdout: /, 'what it would have said'],
    [/\[y\/N\] /, 'y'],
  ]);
  expect(shown).toContain('Accepted: ');
  const { outputs } = await until('the end', async () => {
    const view = await world.json<RunView>(['status', run], [0, 8]);
    return view.endedAt !== null && view;
  });
  expect(outputs).toEqual({ second: 'what it would have said' });
}, 60_000);

test('every other command in our sources is one that the program has', async () => {
  const verbs = allVerbs();
  const root = join(import.meta.dirname, '../..');
  const printed = /\$\{(?:[a-z.]*\.)?command(?:Name\([^)]*\))?\} ([^`'\n]+)/g;
  const found: string[] = [];
  for (const folder of ['client', 'common', 'worker', 'workflows', 'activities'])
    for (const file of await readdir(join(root, folder), { recursive: true })) {
      if (!file.endsWith('.ts')) continue;
      const text = await readFile(join(root, folder, file), 'utf8');
      for (const [, words = ''] of text.matchAll(printed)) found.push(words);
    }
  expect(found.length).toBeGreaterThan(30);
  for (const words of found.filter((each) => /^[a-z]/.test(each))) {
    const [first = '', second = ''] = words.split(/[\s.,;:]+/);
    const verb = verbs.get(first) ?? verbs.get(`${first} ${second}`);
    expect({ words, isVerb: verb !== undefined }).toEqual({ words, isVerb: true });
    // What stands behind the command in the same sentence is no part of it.
    const [own = ''] = words.split(/[.;,]| (?:says|tells|moves|on) /);
    const flags = [...own.matchAll(/(?<= )--[a-z-]+/g)].map(([flag]) => flag);
    const known = verb?.options.map(({ long }) => long) ?? [];
    for (const flag of flags) expect([...known, '--help', '--output']).toContain(flag);
  }
});
