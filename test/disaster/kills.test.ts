import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { WorkflowHandle } from '@temporalio/client';
import { proxyMissing } from '../../examples/web-system/proxy.js';
import { getAttempts, getRun } from '../../store/index.js';
import { programFolder } from '../../worker/config.js';
import { isLong, tell } from '../chaos/tell.js';
import { OwnTemporal } from '../deployment/temporal.js';
import { until } from '../helpers/until.js';
import { DisasterWorld } from './world.js';

/*
 * What recovers the system dies itself, again and again, while it does so: the worker and the Temporal server.
 */

/** Steps that something dies in, one after the other. */
const deaths = [
  ['worker', 'assess/look/backups'],
  ['temporal', 'fence/epoch'],
  ['worker', 'database/restore'],
  ['temporal', 'tiers/promote'],
  ['worker', 'verify/proofs/tenants'],
  ['worker', 'after/monitor'],
] as const;
const wanted = isLong ? deaths : deaths.filter(([, step]) => step === 'database/restore');

let temporal: OwnTemporal;
let world: DisasterWorld;
beforeAll(async () => {
  temporal = await OwnTemporal.start();
  const program = join(programFolder, 'test', 'deployment', 'worker.js');
  world = await DisasterWorld.start({}, { address: temporal.address, workers: 1, program });
}, 120_000);
afterAll(async () => {
  await world?.stop();
  await temporal?.stop();
});

/** @returns false when the run has ended or asks before it comes to the step */
async function reached(run: WorkflowHandle, step: string): Promise<boolean> {
  const { pool } = world.engine;
  return until(`step ${step}`, async () => {
    const attempts = await getAttempts(pool, run.workflowId).catch(() => []);
    if (attempts.some((attempt) => attempt.step === step)) return 'there';
    const view = await getRun(pool, run.workflowId);
    return view?.endedAt ? 'ended' : undefined;
  }).then((how) => how === 'there');
}

test('the recovery ends right, with every effect once, whatever of it dies meanwhile', async () => {
  const users = await world.users();
  const failedAt = await world.system.destroySite('a');
  const run = await world.recover({ failed_at: new Date(failedAt).toISOString() });
  const approving = world.approved(run);
  for (const [victim, step] of wanted) {
    expect(await reached(run, step)).toBe(true);
    if (victim === 'worker') await world.engine.killWorker();
    else await temporal.kill9AndRestart();
  }
  const view = await approving;
  expect(view).toMatchObject({ state: 'succeeded', problem: null });
  expect(await world.serving()).toEqual(['b']);
  await users.stop();
  const found = await world.system.compare(users.journal, 'b', failedAt);
  expect(found.wrong).toEqual([]);
  expect(found.lost.filter(({ at }) => failedAt - Date.parse(at) > 5_000)).toEqual([]);
  expect(await world.system.witness()).toMatchObject({ epoch: 2, site: 'b' });
  tell(
    `${wanted.length} deaths during the recovery behind ${proxyMissing('haproxy') ? 'caddy' : 'haproxy'}: ${view.state}, ${found.lost.length} of ${found.acknowledged} lost, 0 wrong`,
  );
}, 240_000);
