import { writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { Plan } from '../../language/plan.js';
import type { HeldTarget } from '../../common/lease.js';
import type { LeaseTerm, LeaseView } from '../../store/index.js';
import { until } from '../../lab/until.js';
import { untilFile } from '../helpers/shell.js';
import { World } from './world.js';

let world: World;
beforeAll(async () => {
  world = await World.start();
  await writeFile(
    world.path('targets.yaml'),
    'targets: { shop: { kind: service, environment: test } }\n',
  );
}, 60_000);
afterAll(async () => {
  // Whatever failed: no command of this test outlives it.
  for (const file of world ? ['a', 'b'] : []) await writeFile(world.path(file), '');
  await world?.stop();
});

const inputs = (file: string): string[] => {
  const all = {
    target: 'shop',
    first: untilFile(world.path(file)),
    second: '["/bin/true"]',
    journal: world.path('journal.txt'),
  };
  return Object.entries(all).flatMap(([name, value]) => ['--input', `${name}=${value}`]);
};
const start = (file: string, ...more: string[]): string[] => [
  'start',
  'test-lease',
  ...inputs(file),
  '--reason',
  'a test',
  ...more,
];

test('who holds a target is shown by plan, start, status, runs and leases; taking it over needs a reason and leaves a record', async () => {
  const none = await world.cli(['leases']);
  expect(none).toMatchObject({
    code: 0,
    stdout: '',
    stderr: expect.stringContaining('No run holds a target now.'),
  });
  expect(await world.json<Plan>(['plan', 'test-lease', ...inputs('a')])).toMatchObject({
    held: [],
  });

  const { id: holder } = await world.json<{ id: string }>(start('a'));
  const heldBy = new RegExp(
    `target shop is held by run ${holder} \\(test-lease, started by requester\\) since 20..-..-.. ..:..:.. UTC`,
  );
  expect(
    await world.json<{ held: HeldTarget[] }>(['plan', 'test-lease', ...inputs('b')]),
  ).toMatchObject({
    held: [{ target: 'shop', run: holder, requester: 'requester' }],
  });
  expect((await world.cli(['plan', 'test-lease', ...inputs('b')])).stderr).toMatch(heldBy);

  const refused = await world.cli(start('b', '--if-held', 'refuse'));
  expect(refused).toMatchObject({ code: 4, stdout: '' });
  expect(refused.stderr).toMatch(new RegExp(`Nothing was started: ${heldBy.source}`));
  expect(await world.cli(start('b', '--if-held', 'never'))).toMatchObject({ code: 2 });

  const started = await world.cli(start('b', '--id', 'waiter'));
  expect(started).toMatchObject({ code: 0, stdout: expect.stringContaining('Started waiter') });
  expect(started.stderr).toMatch(new RegExp(`The run will wait: ${heldBy.source}`));
  await until('the wait', async () =>
    (await world.json<{ id: string }[]>(['runs', '--waiting'])).some(({ id }) => id === 'waiter'),
  );
  const status = await world.cli(['status', 'waiter']);
  expect(status).toMatchObject({
    code: 8,
    stdout: expect.stringContaining(`Waits for ${holder} to end: another run has shop`),
  });
  expect(status.stdout.replace(/\s+/g, ' ')).toMatch(heldBy);
  expect(status.stdout).toMatch(/take over: +runbook take-over waiter --digest sha256:/);
  // Nobody has to decide anything: a script that waits for a gate goes on waiting.
  expect(await world.cli(['wait', 'waiter', '--for', 'decision', '--timeout', '1s'])).toMatchObject(
    { code: 6 },
  );
  expect(await world.json<LeaseView[]>(['leases'])).toMatchObject([
    {
      target: 'shop',
      run: holder,
      requester: 'requester',
      takenBy: null,
      waiting: [{ run: 'waiter', requester: 'requester' }],
    },
  ]);
  expect((await world.cli(['leases'])).stdout).toMatch(new RegExp(`shop +${holder} +requester`));
  const watching = world.spawn(['watch', 'waiter']);
  await until('the first line', () => Promise.resolve(watching.stdout().includes('target:shop')));

  expect(await world.cli(['take-over', 'waiter'])).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('needs a reason'),
  });
  expect(await world.cli(['take-over', holder, '--reason', 'x'])).toMatchObject({
    code: 4,
    stderr: expect.stringContaining('does not wait for a target'),
  });
  expect(await world.cli(['approve', 'waiter', '--reason', 'x'])).toMatchObject({ code: 4 });
  const taken = await world.cli(['take-over', 'waiter', '--reason', 'it hangs', '--as', 'bob']);
  expect(taken).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('Accepted: Taken over: target shop'),
  });
  await until('the target to change hands', async () => {
    const [term] = await world.json<LeaseTerm[]>(['leases', 'shop']);
    return term?.run === 'waiter';
  });
  expect(await world.json<LeaseTerm[]>(['leases', 'shop'])).toMatchObject([
    { run: 'waiter', until: null, takenBy: 'bob', takenFrom: holder, reason: 'it hangs' },
    { run: holder, takenBy: null, until: expect.any(String) },
  ]);
  expect((await world.cli(['leases', 'shop'])).stdout.replace(/\s+/g, ' ')).toContain('taken from');

  await writeFile(world.path('a'), '');
  expect((await world.cli(['wait', holder, '--for', 'decision', '--timeout', '20s'])).code).toBe(0);
  const lost = (await world.cli(['status', holder])).stdout.replace(/\s+/g, ' ');
  expect(lost).toContain(
    'run waiter, started by requester, took target shop over (bob: it hangs) at',
  );
  expect((await world.cli(['abort', holder, '--reason', 'left to waiter'])).code).toBe(0);
  await writeFile(world.path('b'), '');
  expect((await world.cli(['wait', 'waiter', '--timeout', '20s'])).code).toBe(0);
  expect(await watching.code).toBe(0);
  expect(watching.stdout()).toContain(`waits for ${holder} to end: another run has shop`);
  expect(watching.stdout()).toContain('bob takes over target shop: accepted');
  const report = (await world.cli(['report', 'waiter'])).stdout;
  expect(report).toMatch(/bob \(stated; .*\) takes over target shop: accepted/);
  expect(report).toContain('it hangs');
  expect((await world.cli(['leases'])).stderr).toContain('No run holds a target now.');
}, 120_000);
