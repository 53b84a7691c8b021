import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { cpSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { proxyHere } from '../../lab/web-system/proxy.js';
import { SiteSystem } from '../../lab/web-system/sites/system.js';
import type { RunSummary, RunView } from '../../common/view.js';
import { isLong, tell } from '../chaos/tell.js';
import { testFolder } from '../helpers/folder.js';
import { until } from '../../lab/until.js';
import { Executor, offlineClone } from './executor.js';

/*
 * The executor stands at the site that is lost. From the program, its cache and the backup location
 * another one begins at the other site: it knows of every run, and recovers the system. The long
 * form does so from a fresh clone without a network.
 */

const library = `
runbook: two-commands
version: 1.0.0
title: Two commands
description: And a gate between.
type: MAINTENANCE
priority: LOW
owner: test
inputs:
  seconds: { type: integer, description: How long the first one takes }
  machine: { type: text, description: Where it runs, maxLength: 400 }
  gated: { type: boolean, description: Whether it asks }
steps:
  - id: first
    title: The first command
    # What it is told last is how a test finds it that ends everything of a machine.
    command:
      - /bin/sh
      - -c
      - 'i=0; while [ $i -lt "$1" ]; do sleep 1; i=$((i + 1)); done'
      - sh
      - \${inputs.seconds}
      - \${inputs.machine}
    effect: change
    undo: { none: it changes nothing }
    retry: { attempts: 1 }
  - { id: gate, title: May it go on?, approval: { by: sre }, when: inputs.gated }
  - { id: second, title: The second command, command: /bin/true, effect: read }
`;

let folder: string;
let system: SiteSystem;
let executor: Executor | undefined;
beforeAll(async () => {
  folder = testFolder('runbook-executor-');
  const proxy = proxyHere();
  system = await SiteSystem.start(folder, { proxy, leaseMs: 1_500, archiveTimeoutSeconds: 1 });
}, 120_000);
afterAll(async () => {
  await executor?.stop();
  await system?.stop();
  await rm(folder, { recursive: true, force: true });
});

/** What operators give an executor is kept with the backups. */
function configuration(): string {
  const config = join(system.vault, 'executor-config');
  mkdirSync(join(config, 'library'), { recursive: true });
  const { from, to, entrance } = system.targets;
  const targets = { targets: { 'site-a': from, 'site-b': to, entrance } };
  writeFileSync(join(config, 'targets.yaml'), JSON.stringify(targets), { mode: 0o600 });
  writeFileSync(join(config, 'secrets.yaml'), 'secrets: {}\n', { mode: 0o600 });
  writeFileSync(join(config, 'library', 'two-commands.runbook.yaml'), library);
  return config;
}

async function started(at: Executor, seconds: number, gated: boolean): Promise<string> {
  const inputs = [`seconds=${seconds}`, `gated=${gated}`, `machine=${at.home}`].flatMap((input) => [
    '--input',
    input,
  ]);
  const { id } = await at.cli<{ id: string }>('oncall', [
    'start',
    'two-commands',
    ...inputs,
    '--reason',
    'as usual',
    '--yes',
  ]);
  return id;
}

function stateOf(at: Executor, id: string): Promise<RunView> {
  return at.cli<RunView>('oncall', ['status', id], [0, 1, 8]);
}

const steps = ({ steps: rows }: RunView): Record<string, string> =>
  Object.fromEntries(rows.map((step) => [step.id, step.state]));

test('the executor is lost with the site: another one knows of every run, and recovers the system', async () => {
  const backup = join(system.vault, 'executor');
  const users = system.startWriter({ journal: join(folder, 'journal.jsonl'), rate: 40 });
  try {
    const home = join(system.config('a').folder, 'executor');
    const first = await Executor.start({
      home,
      config: configuration(),
      args: ['--backup-to', backup],
      limitMs: 60_000,
    });
    const done = await started(first, 0, false);
    const waiting = await started(first, 0, true);
    await first.cli('oncall', ['wait', done, '--for', 'done', '--timeout', '60s']);
    await first.cli('oncall', ['wait', waiting, '--for', 'decision', '--timeout', '60s']);
    const busy = await started(first, 600, false);
    await until(
      'a step to run',
      async () => steps(await stateOf(first, busy))['first'] === 'running',
      60_000,
      500,
    );

    await first.destroy();
    const failedAt = await system.destroySite('a');
    expect(existsSync(home)).toBe(false);

    // Site b: the program, its cache, the backup location.
    const config = join(folder, 'config');
    cpSync(join(system.vault, 'executor-config'), config, { recursive: true });
    const begun = Date.now();
    executor = await Executor.start({
      ...{
        home: join(folder, 'executor-b'),
        config,
        args: ['--restore-from', backup, '--backup-to', backup],
      },
      ...(isLong ? { program: await offlineClone(folder) } : {}),
      limitMs: isLong ? 300_000 : 60_000,
    });
    const at = executor;
    const upMs = Date.now() - begun;
    const told = async (): Promise<RunSummary[] | false> => {
      const runs = await at.cli<RunSummary[]>('oncall', ['runs']);
      return runs.every(({ state }) => !['running', 'waiting'].includes(state)) && runs;
    };
    const rows = await until('the runs to be told of', told, 60_000, 500);
    expect(Object.fromEntries(rows.map(({ id, state }) => [id, state]))).toEqual({
      ...{ [done]: 'succeeded', [waiting]: 'terminated', [busy]: 'terminated' },
    });
    expect(steps(await stateOf(at, busy))).toMatchObject({ first: 'unknown', second: 'pending' });
    expect((await stateOf(at, busy)).problem?.message).toContain('nobody knows how that ended');
    expect(steps(await stateOf(at, waiting))).toMatchObject({
      first: 'succeeded',
      gate: 'pending',
      second: 'pending',
    });

    const doctor = await at.cli<{ checks: { name: string; state: string }[] }>(
      'oncall',
      ['doctor'],
      [0, 1],
    );
    expect(doctor.checks.find(({ name }) => name === 'backup')).toMatchObject({ state: 'ok' });
    const said =
      `executor lost with its site: another one after ${upMs} ms${isLong ? ', from a clone without a network' : ''}; ` +
      'of 3 runs 1 done, 2 closed, 1 step unknown, 0 forgotten';
    // That the runbook recovers the system is what the other tests are about.
    if (!isLong) return tell(said);
    const view = await recovered(at, failedAt);
    expect(view).toMatchObject({ state: 'succeeded', problem: null, recovery: { met: true } });
    const { acknowledged } = await users.report();
    await until(
      'users to be back',
      async () => (await users.report()).acknowledged > acknowledged + 20,
    );
    await users.stop();
    const found = await system.compare(users.journal, 'b', failedAt);
    expect(found.wrong).toEqual([]);
    expect(found.lost.filter(({ at: when }) => failedAt - Date.parse(when) > 5_000)).toEqual([]);
    tell(
      `${said}; system recovered, ${found.lost.length} of ${found.acknowledged} acknowledged writes lost, 0 wrong`,
    );
  } finally {
    users.kill();
  }
}, 600_000);

async function recovered(at: Executor, failedAt: number): Promise<RunView> {
  const inputs = Object.entries({
    ...{
      from: 'site-a',
      to: 'site-b',
      entrance: 'entrance',
      failed_at: new Date(failedAt).toISOString(),
    },
    ...{ watch: '1s', window: '1s', min_requests: '5', max_error_rate: '0.05' },
  }).flatMap(([name, value]) => ['--input', `${name}=${value}`]);
  const asked = ['--reason', 'site a does not answer', '--confirm', 'site-b', '--yes'];
  const { id } = await at.cli<{ id: string }>('oncall', [
    'start',
    'full-system-disaster-recovery',
    ...inputs,
    ...asked,
  ]);
  for (;;) {
    const view = await until(
      'the recovery to ask or to end',
      async () => {
        const now = await stateOf(at, id);
        return (now.endedAt !== null || now.waitingFor.length > 0) && now;
      },
      120_000,
      500,
    );
    if (view.waitingFor[0]?.kind !== 'approval') return view;
    await at.cli('manager', ['approve', id, '--confirm', 'b', '--reason', 'proved', '--yes']);
  }
}
