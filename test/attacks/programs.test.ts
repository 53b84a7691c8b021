import { mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { WorkflowHandle } from '@temporalio/client';
import { renderView } from '../../client/view.js';
import { getAttempts, getRun } from '../../store/index.js';
import { tell } from '../chaos/tell.js';
import { Engine } from '../helpers/engine.js';
import { plainRunbook } from '../helpers/plain-runbook.js';
import { recordHistory } from '../helpers/history.js';
import { until } from '../../lab/until.js';

/*
 * What was approved is what runs: programs that are replaced while a run waits, or is under way.
 */

let folder: string;
let guarded: Engine;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'runbook-programs-'));
  guarded = await engineWith({});
}, 60_000);
afterAll(async () => {
  await guarded?.stop();
  await rm(folder, { recursive: true, force: true });
});

function engineWith(settings: Record<string, string>): Promise<Engine> {
  const runbooks = Object.entries(procedures()).map(([id, steps]) =>
    plainRunbook({
      ...{ id, steps, outputs: {} },
      inputs: { journal: { type: 'text', description: 'a file', maxLength: 400 } },
    }),
  );
  return Engine.start({ plans: runbooks, settings });
}

const program = (): string => join(folder, 'program.sh');
const journal = { $: 'inputs.journal' };

function procedures(): Record<string, object[]> {
  const work = step('work', { kind: 'command', argv: [program(), journal] });
  const untilFile = ['-c', 'while [ ! -e "$1.go" ]; do sleep 0.02; done', 'sh', journal];
  const hold = step('hold', { kind: 'command', argv: ['/bin/sh', ...untilFile] });
  const gate = { id: 'gate', title: 'May it?', kind: 'approval', effect: 'read' };
  const missing = { kind: 'command', argv: [join(folder, 'missing.sh')] };
  return {
    gated: [gate, work],
    open: [hold, work],
    twice: [step('first', { kind: 'command', argv: [program(), journal] }), hold, work],
    missing: [step('work', missing)],
  };
}

function step(id: string, action: object, more: object = {}): object {
  const spec = { id, title: `Do ${id}`, kind: 'command', effect: 'change', retry: { attempts: 2 } };
  return { ...spec, work: { action }, ...more };
}

/** Replaces the program, also while it runs. */
async function writes(what: string): Promise<void> {
  const script = `#!/bin/sh\necho ${what} >> "$1"\nwhile [ -e "$1.wait" ]; do sleep 0.02; done\n`;
  await writeFile(`${program()}.new`, script, { mode: 0o755 });
  await rename(`${program()}.new`, program());
}

interface Begun {
  run: WorkflowHandle;
  journal: string;
  ran: () => Promise<string[]>;
}

async function begin(engine: Engine, id: string): Promise<Begun> {
  const file = engine.path(`journal-${Math.random().toString(36).slice(2)}.txt`);
  const run = await engine.run(id, { journal: file });
  const ran = async (): Promise<string[]> =>
    (await readFile(file, 'utf8').catch(() => '')).split('\n').filter(Boolean);
  return { run, journal: file, ran };
}

/** A run whose program is replaced while its approver looks, and who then approves. */
async function replacedAtGate(engine: Engine): Promise<Begun> {
  await writes('old');
  const begun = await begin(engine, 'gated');
  const approval = await engine.decision(begun.run);
  await writes('new');
  expect(await engine.send(begun.run, approval)).toMatchObject({ accepted: true });
  await until('it to ask once more or to end', async () => {
    const { waitingFor, endedAt } = await engine.status(begun.run);
    return endedAt !== null || (waitingFor[0]?.attempt ?? 1) > 1;
  });
  return begun;
}

/** At the desk, about the step that waits there. */
async function atDesk(engine: Engine, run: WorkflowHandle, verb: 'retry' | 'abort') {
  const decision = await engine.decision(run, { verb });
  expect(await engine.send(run, decision)).toMatchObject({ accepted: true });
}

describe('a program that is replaced while its approver looks', () => {
  const runs = 3;

  test('does not run after the approval; with the guard off it does', async () => {
    let ran = 0;
    for (let count = 0; count < runs; count += 1) {
      const begun = await replacedAtGate(guarded);
      ran += (await begun.ran()).length;
      await guarded.send(begun.run, await guarded.decision(begun.run, { verb: 'reject' }));
      expect(await guarded.ended(begun.run)).toMatchObject({ state: 'rejected' });
      ran += (await begun.ran()).length;
    }
    const unguarded = await engineWith({ RUNBOOK_SYSTEM_FOLDERS: '/' });
    let without = 0;
    try {
      for (let count = 0; count < runs; count += 1)
        without += (await (await replacedAtGate(unguarded)).ran()).length;
    } finally {
      await unguarded.stop();
    }
    tell(`replaced before the approval: ${ran} of ${runs} ran; ${without} with the guard off`);
    expect({ ran, without }).toEqual({ ran: 0, without: runs });
  }, 60_000);

  test('is shown to the approver, and runs once it is approved as it is now', async () => {
    const { run, ran } = await replacedAtGate(guarded);
    const asked = await guarded.waiting(run);
    expect(asked).toMatchObject({ id: 'gate', attempt: 2 });
    expect(asked.evidence['programs changed']).toEqual({
      [program()]: expect.stringMatching(/^sha256 [0-9a-f]{12} → sha256 [0-9a-f]{12}$/),
    });
    const work = (await guarded.status(run)).steps.find(({ id }) => id === 'work');
    expect(work).toMatchObject({ state: 'waiting', error: { type: 'ProgramChanged' } });
    expect(work?.error?.message).toContain(program());
    const again = await guarded.decision(run);
    expect(await guarded.send(run, { ...again, id: 'own', by: 'requester' })).toMatchObject({
      code: 'own-request',
    });
    expect(await guarded.send(run, again)).toMatchObject({ accepted: true });
    expect(await guarded.ended(run)).toMatchObject({ state: 'succeeded' });
    expect(await ran()).toEqual(['new']);
    await recordHistory(run, 'a program that changed while its approver looked');
  }, 30_000);

  test('may be written again with the same content', async () => {
    await writes('old');
    const { run, ran } = await begin(guarded, 'gated');
    const approval = await guarded.decision(run);
    await writes('old');
    await guarded.send(run, approval);
    expect(await guarded.ended(run)).toMatchObject({ state: 'succeeded' });
    expect(await ran()).toEqual(['old']);
  }, 30_000);
});

describe('without a gate, a program that was replaced since the start', () => {
  async function replacedSinceStart(): Promise<Begun> {
    await writes('old');
    const begun = await begin(guarded, 'open');
    await until('the first step', async () =>
      (await guarded.status(begun.run).catch(() => null))?.steps.some(
        ({ state }) => state === 'running',
      ),
    );
    await writes('new');
    await writeFile(`${begun.journal}.go`, '');
    expect(await guarded.waiting(begun.run)).toMatchObject({ kind: 'failure', id: 'work' });
    expect(await begun.ran()).toEqual([]);
    return begun;
  }

  test('runs when people let it', async () => {
    const { run, ran } = await replacedSinceStart();
    await atDesk(guarded, run, 'retry');
    expect(await guarded.ended(run)).toMatchObject({ state: 'succeeded' });
    expect(await ran()).toEqual(['new']);
  }, 30_000);

  test('may be put back', async () => {
    const { run, ran } = await replacedSinceStart();
    await writes('old');
    await atDesk(guarded, run, 'retry');
    expect(await guarded.ended(run)).toMatchObject({ state: 'succeeded' });
    expect(await ran()).toEqual(['old']);
  }, 30_000);

  test('is asked about again when it changed once more', async () => {
    const { run, ran } = await replacedSinceStart();
    await writes('newer');
    await atDesk(guarded, run, 'retry');
    await until('it to ask again', async () => (await guarded.waiting(run)).attempt === 2);
    expect(await ran()).toEqual([]);
    await atDesk(guarded, run, 'abort');
    await guarded.ended(run);
    expect(await ran()).toEqual([]);
  }, 30_000);
});

test('a program that is missing fails as ever', async () => {
  const { run } = await begin(guarded, 'missing');
  await guarded.waiting(run);
  const { steps } = await guarded.status(run);
  expect(steps[0]?.error).toMatchObject({ type: 'CommandMissing' });
  await atDesk(guarded, run, 'abort');
}, 30_000);

test('a program of the system that changed within a run is shown, and runs', async () => {
  const engine = await engineWith({ RUNBOOK_SYSTEM_FOLDERS: `/bin:/usr/bin:${folder}` });
  try {
    await writes('old');
    const { run, journal, ran } = await begin(engine, 'twice');
    await until('the first', async () => (await ran()).length === 1);
    await until('its end', async () =>
      (await engine.status(run)).steps.some(
        ({ id, state }) => id === 'hold' && state === 'running',
      ),
    );
    await writes('new');
    await writeFile(`${journal}.go`, '');
    const view = await engine.ended(run);
    expect(await ran()).toEqual(['old', 'new']);
    expect(view).toMatchObject({ state: 'succeeded' });
    const change = { step: 'work', program: program(), allowed: 'system' };
    expect(view.programsChanged).toMatchObject([change]);
    expect(await getRun(engine.pool, run.workflowId)).toMatchObject({
      programsChanged: view.programsChanged,
    });
    const attempts = await getAttempts(engine.pool, run.workflowId);
    const contents = attempts.map(({ programs }) =>
      programs?.find(({ file }) => file === program()),
    );
    expect(new Set(contents.map((each) => each?.digest))).toHaveProperty('size', 3);
    expect(renderView(view, { paint: (_, text) => text, columns: 200 })).toContain(
      'the system changed it',
    );
  } finally {
    await engine.stop();
  }
}, 60_000);

test('what code names only while it runs is held against what it ran before', async () => {
  const engine = await Engine.start();
  try {
    await writes('old');
    const file = engine.path('journal.txt');
    await writeFile(`${file}.wait`, '');
    const command = JSON.stringify([program(), file]);
    const run = await engine.run('test-commands', { first: command, second: command });
    const ran = () => readFile(file, 'utf8').catch(() => '');
    await until('the first', async () => (await ran()) === 'old\n');
    await writes('new');
    await rm(`${file}.wait`);
    expect((await engine.ended(run)).problem).toMatchObject({ type: 'ProgramChanged' });
    expect(await ran()).toBe('old\n');
  } finally {
    await engine.stop();
  }
}, 60_000);
