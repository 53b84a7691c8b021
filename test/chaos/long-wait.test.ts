import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { WorkflowHandle } from '@temporalio/client';
import type { JsonObject } from '../../language/json.js';
import { Engine } from '../helpers/engine.js';
import { OwnTemporal } from '../helpers/own-temporal.js';
import { isLong, tell } from './tell.js';
import { skip, startSkippable, timeSkippingConfig } from '../helpers/time-skipping.js';
import { until } from '../../lab/until.js';

/*
 * Weeks at a gate, on a real server of its own that skips the time in between; the workers, their
 * deployment, and the server that is killed and started again are real as well.
 */

const day = 24 * 60 * 60 * 1_000;

let server: OwnTemporal;
let engine: Engine;

beforeAll(async () => {
  server = await OwnTemporal.start(timeSkippingConfig);
  engine = await Engine.start({ later: true, address: server.address });
}, 60_000);
afterAll(async () => {
  await engine?.stop();
  await server?.stop();
});

async function begin(
  runbook: string,
  inputs: JsonObject,
): Promise<{ run: WorkflowHandle; journal: string }> {
  const journal = engine.path(randomUUID());
  const envelope = engine.envelope(runbook, { ...inputs, journal });
  const run = await startSkippable(
    engine.client,
    runbook,
    envelope.run,
    engine.taskQueue,
    envelope,
  );
  return { run, journal };
}

const lines = async (file: string): Promise<string[]> =>
  (await readFile(file, 'utf8')).trim().split('\n');

/** Events of the run's history, over all its executions, and how many times its time jumped. */
async function events(
  run: WorkflowHandle,
): Promise<{ count: number; jumps: number; executions: number }> {
  const found = { count: 0, jumps: 0, executions: 0 };
  for await (const { runId } of engine.client.workflow.list({
    query: `WorkflowId = "${run.workflowId}"`,
  })) {
    const { events: of } = await engine.client.workflow
      .getHandle(run.workflowId, runId)
      .fetchHistory();
    found.executions += 1;
    found.count += of?.length ?? 0;
    found.jumps += (of ?? []).filter(
      (event) => event.workflowExecutionTimeSkippingTransitionedEventAttributes,
    ).length;
  }
  return found;
}

/** Lets time pass. @returns events that the history has grown by */
async function wait(run: WorkflowHandle, ms: number): Promise<number> {
  const before = await events(run);
  await skip(engine.client, run, ms, 60_000);
  return (await events(run)).count - before.count;
}

const daysBetween = (from: string | null, to: string | null): number =>
  (Date.parse(to ?? '') - Date.parse(from ?? '')) / day;

describe('on a real server that skips time, with real workers', () => {
  test('a gate waits 42 days, the server killed and the workers replaced by the next release meanwhile; then it is decided', async () => {
    const began = performance.now();
    const next = engine.bundle('procedures-next');
    const v1 = await engine.startWorker({ TEST_BUILD_ID: 'v1' });
    const { run, journal } = await begin('test-patient', {});
    const asked = await engine.waiting(run);
    expect(daysBetween(asked.since, asked.deadline)).toBe(42);
    const early = await engine.decision(run);

    let waiting = await wait(run, 14 * day);
    await server.kill9AndRestart();
    waiting += await wait(run, 14 * day);
    expect(
      await until('the run to answer', () => engine.status(run).catch(() => undefined)),
    ).toMatchObject({
      waitingFor: [asked],
    });

    await engine.startWorker({ TEST_BUILD_ID: 'v2', TEST_BUNDLE: await next });
    const again = await until('the gate to ask under the new release', async () => {
      const asks = (await engine.status(run).catch(() => undefined))?.waitingFor[0];
      return asks?.attempt === 2 ? asks : undefined;
    });
    await engine.loseWorker(v1);
    expect(daysBetween(asked.since, again.since)).toBeGreaterThan(28);
    expect(daysBetween(again.since, again.deadline)).toBe(42);
    waiting += await wait(run, 14 * day);

    expect(await engine.send(run, early)).toMatchObject({ accepted: false, code: 'stale' });
    expect(await engine.send(run, await engine.decision(run))).toMatchObject({ accepted: true });
    const view = await engine.ended(run);
    expect(view.state).toBe('succeeded');
    const gate = view.steps.find(({ id }) => id === 'gate');
    const waited = daysBetween(gate?.startedAt ?? null, gate?.endedAt ?? null);
    expect(waited).toBeGreaterThan(42);
    expect(await lines(journal)).toEqual(['before', 'after']);
    const { count, jumps, executions } = await events(run);
    tell(
      `real server, skipped time: ${waited.toFixed(2)} days at a gate in ${Math.round(performance.now() - began)} ms, ${jumps} jumps, ` +
        `1 kill of the server, 1 deployment, ${executions} executions, ${count} events, ${(waiting / 42).toFixed(1)} for a day of waiting`,
    );
    expect(jumps).toBeGreaterThanOrEqual(42);
    expect(waiting / 42).toBeLessThan(7);
    // One per cent of what a history may hold.
    expect(count).toBeLessThan(512);
  }, 180_000);

  test('its deadline of 42 days passes, not a day earlier: the run ends as rejected, and nothing behind the gate is done', async () => {
    const { run, journal } = await begin('test-patient', {});
    await engine.waiting(run);
    await wait(run, 41 * day);
    expect((await engine.status(run)).state).toBe('waiting');
    await wait(run, day + 60_000);
    const view = await engine.ended(run);
    expect(view).toMatchObject({ state: 'rejected', problem: { type: 'Expired' } });
    expect(daysBetween(view.startedAt, view.endedAt)).toBeCloseTo(42, 1);
    expect(await lines(journal)).toEqual(['before']);
  }, 120_000);

  // Of the short form 42 days are enough.
  if (isLong)
    test('a gate without a deadline waits 365 days, its worker killed in between; then it is decided', async () => {
      const began = performance.now();
      const { run, journal } = await begin('test-gated', {
        last: '["/usr/bin/true"]',
        first_change: true,
      });
      await engine.waiting(run);
      let waiting = await wait(run, 200 * day);
      await engine.killWorkers();
      await engine.startWorker({
        TEST_BUILD_ID: 'v2',
        TEST_BUNDLE: engine.path('procedures-next.bundle.js'),
      });
      waiting += await wait(run, 165 * day);
      const decision = await until('the run to answer', () =>
        engine.decision(run).catch(() => undefined),
      );
      expect(decision.attempt).toBe(1);
      expect(await engine.send(run, decision)).toMatchObject({ accepted: true });
      const view = await engine.ended(run);
      expect(view.state).toBe('succeeded');
      expect(await lines(journal)).toEqual(['before', 'after']);
      const waited = daysBetween(view.startedAt, view.endedAt);
      expect(waited).toBeGreaterThan(365);
      const { count, executions } = await events(run);
      tell(
        `real server, skipped time: ${waited.toFixed(2)} days at a gate in ${Math.round(performance.now() - began)} ms, ${executions} executions, ` +
          `${count} events, ${(waiting / 365).toFixed(1)} for a day of waiting`,
      );
      expect(waiting / 365).toBeLessThan(7);
    }, 180_000);
});
