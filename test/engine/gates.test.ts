import { readFile } from 'node:fs/promises';
import { stretched } from '../../embedded/pace.js';
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { WorkflowHandle } from '@temporalio/client';
import type { DecisionEnvelope } from '../../common/envelope.js';
import { messageNames } from '../../common/defaults.js';
import { getRun } from '../../store/index.js';
import { Engine } from '../helpers/engine.js';
import { test } from '../helpers/together.js';
import { nothing } from '../helpers/shell.js';

describe('gates', () => {
  let engine: Engine;
  beforeAll(async () => {
    engine = await Engine.start();
  }, 60_000);
  afterAll(() => engine?.stop());

  async function gated(
    first_change = true,
  ): Promise<{ handle: WorkflowHandle; lines: () => Promise<string[]> }> {
    const journal = engine.path(`${randomUUID()}.txt`);
    const handle = await engine.run('test-gated', { journal, last: nothing, first_change });
    const lines = async () =>
      (await readFile(journal, 'utf8').catch(() => '')).split('\n').filter(Boolean);
    return { handle, lines };
  }

  it('an approval by somebody else lets the run go on, and is answered within a second', async () => {
    const { handle, lines } = await gated();
    const decision = await engine.decision(handle);
    const sent = performance.now();
    const verdict = await engine.send(handle, decision);
    expect(performance.now() - sent).toBeLessThan(stretched(1_000));
    expect(verdict).toMatchObject({ accepted: true, code: 'accepted' });
    const view = await engine.ended(handle);
    expect(view.state).toBe('succeeded');
    expect(await lines()).toEqual(['before', 'after']);
    expect(view.decisions).toMatchObject([{ by: 'approver', verb: 'approve', accepted: true }]);
  });

  test('stack traces of waiting promises stay short', async () => {
    const { handle } = await gated();
    const decision = await engine.decision(handle);
    const traces = (await handle.query<string>('__stack_trace')).split('\n\n').filter(Boolean);
    const frames = traces.map(
      (trace) => trace.split('\n').filter((line) => /^\s+at /.test(line)).length,
    );
    process.stderr.write(`${traces.length} promises, ${frames.join(' ')} frames of stack\n`);
    expect(Math.max(...frames)).toBeGreaterThan(0);
    expect(Math.max(...frames)).toBeLessThanOrEqual(3);
    await engine.send(handle, decision);
    await engine.ended(handle);
  });

  test('a rejection before any change rolls back nothing', async () => {
    const { handle, lines } = await gated(false);
    const verdict = await engine.send(
      handle,
      await engine.decision(handle, { verb: 'reject', reason: 'not today' }),
    );
    expect(verdict.accepted).toBe(true);
    const view = await engine.ended(handle);
    expect(view.state).toBe('rejected');
    expect(view.problem?.message).toContain('not today');
    expect(await lines()).toEqual([]);
  });

  test('a rejection after a change undoes the change', async () => {
    const { handle, lines } = await gated();
    await engine.send(handle, await engine.decision(handle, { verb: 'reject', reason: 'no' }));
    const view = await engine.ended(handle);
    expect(view.state).toBe('rejected');
    expect(await lines()).toEqual(['before', 'undo before']);
    expect(view.steps.find((step) => step.id === 'before')?.state).toBe('undone');
  });

  const refusals: [string, Partial<DecisionEnvelope>, string][] = [
    ['by the requester', { by: 'requester' }, 'own-request'],
    ['about another run', { run: 'some-other-run' }, 'wrong-run'],
    [
      'about a gate that does not exist',
      { about: { kind: 'gate', id: 'nowhere' } },
      'unknown-gate',
    ],
    ['about another question', { digest: 'sha256:0000' }, 'stale'],
    ['about another attempt', { attempt: 7 }, 'stale'],
    ['without a reason', { reason: ' ' }, 'reason-missing'],
    ['of an unknown version', { version: 2 as never }, 'malformed'],
    ['with a field that nobody knows', { sudo: true } as never, 'malformed'],
    ['with an unknown verb', { verb: 'force' as never }, 'malformed'],
  ];
  test('every decision that does not fit is refused, answered, recorded and harmless', async () => {
    const { handle, lines } = await gated();
    for (const [name, change, code] of refusals) {
      const verdict = await engine.send(handle, await engine.decision(handle, change));
      expect([name, verdict.code]).toEqual([name, code]);
      expect(verdict.accepted).toBe(false);
    }
    const good = await engine.decision(handle);
    expect((await engine.send(handle, good)).accepted).toBe(true);
    await engine.ended(handle);
    expect(await lines()).toEqual(['before', 'after']);
    const recorded = (await getRun(engine.pool, handle.workflowId))?.decisions ?? [];
    expect(recorded.map((decision) => decision.code)).toEqual([
      ...refusals.map(([, , code]) => code),
      'accepted',
    ]);
  });

  test('an early decision is refused and does not count later', async () => {
    const journal = engine.path('early.txt');
    const envelope = engine.envelope('test-gated', { journal, last: nothing, first_change: false });
    const early: DecisionEnvelope = {
      version: 1,
      id: randomUUID(),
      run: envelope.run,
      verb: 'approve',
      about: { kind: 'gate', id: 'gate' },
      attempt: 1,
      digest: 'sha256:guess',
      by: 'approver',
      reason: 'in advance',
    };
    const handle = await engine.client.workflow.signalWithStart('test-gated', {
      workflowId: envelope.run,
      taskQueue: engine.taskQueue,
      args: [envelope],
      signal: messageNames.decide,
      signalArgs: [early],
    });
    expect((await engine.verdict(handle, early.id)).accepted).toBe(false);
    expect((await engine.waiting(handle)).id).toBe('gate');
    await engine.send(
      handle,
      await engine.decision(handle, { verb: 'reject', reason: 'end of test' }),
    );
    expect((await engine.ended(handle)).state).toBe('rejected');
  });

  test('the same decision twenty times in parallel is one decision with one answer', async () => {
    const { handle, lines } = await gated();
    const decision = await engine.decision(handle);
    await Promise.all(
      Array.from({ length: 20 }, () => handle.signal(messageNames.decide, decision)),
    );
    expect((await engine.verdict(handle, decision.id)).accepted).toBe(true);
    const view = await engine.ended(handle);
    expect(view.decisions.filter((each) => each.accepted)).toHaveLength(1);
    expect(await lines()).toEqual(['before', 'after']);
  });

  test('of two operators at once exactly one decides, and the other is told who', async () => {
    const { handle } = await gated();
    const one = await engine.decision(handle, { by: 'one' });
    const two = await engine.decision(handle, { by: 'two', verb: 'reject' });
    const verdicts = await Promise.all([engine.send(handle, one), engine.send(handle, two)]);
    expect(verdicts.filter((verdict) => verdict.accepted)).toHaveLength(1);
    const loser = verdicts.find((verdict) => !verdict.accepted);
    expect(loser?.code).toBe('already-decided');
    expect(loser?.message).toMatch(/by (one|two)/);
    await engine.ended(handle);
  });

  test('rubbish does not wedge a run: no payload, odd payloads, undecodable bytes, unknown and reserved signals', async () => {
    const { handle, lines } = await gated();
    await engine.waiting(handle);
    await handle.signal(messageNames.decide);
    for (const rubbish of [null, 42, 'approve', [], {}, { id: {} }, { id: 'x'.repeat(100_000) }])
      await handle.signal(messageNames.decide, rubbish);
    await handle.signal('approve-everything', { please: true });
    for (const [signalName, encoding] of [
      [messageNames.decide, 'json/plain'],
      [messageNames.decide, 'no/such-encoding'],
      ['__temporal_unknown', 'json/plain'],
    ] as const) {
      await engine.client.workflowService.signalWorkflowExecution({
        namespace: 'default',
        workflowExecution: { workflowId: handle.workflowId },
        signalName,
        requestId: randomUUID(),
        input: {
          payloads: [
            { metadata: { encoding: Buffer.from(encoding) }, data: Buffer.from('{not json') },
          ],
        },
      });
    }
    const verdict = await engine.send(handle, await engine.decision(handle));
    expect(verdict.accepted).toBe(true);
    const view = await engine.ended(handle);
    expect(view.state).toBe('succeeded');
    expect(await lines()).toEqual(['before', 'after']);
    const refused = view.decisions.filter((decision) => decision.code === 'malformed');
    expect(refused).toHaveLength(12);
  });

  test('no message of any kind, name and encoding wedges a run, nor gets past the gate', async () => {
    const { handle, lines } = await gated();
    await engine.waiting(handle);
    const random = seeded(20_261_121);
    const pick = <T>(items: readonly T[]): T => items[Math.floor(random() * items.length)] as T;
    const names = [
      messageNames.decide,
      messageNames.status,
      '',
      '__proto__',
      'constructor',
      '__temporal_x',
      '__stack_trace',
      'é'.repeat(400),
    ];
    const encodings = ['json/plain', 'binary/null', 'binary/plain', 'json/protobuf', 'no/such', ''];
    const parts = [
      '{"id":',
      '"approve"',
      '[',
      'null',
      '}',
      '-0',
      '1e999',
      '"\\ud800"',
      '{"__proto__":{"accepted":true}}',
      '\0',
      '{"version":1,"verb":"approve"}',
    ];
    const payloads = () =>
      Array.from({ length: Math.floor(random() * 3) }, () => ({
        metadata: { encoding: Buffer.from(pick(encodings)) },
        data: Buffer.from(
          Array.from({ length: 1 + Math.floor(random() * 4) }, () => pick(parts)).join(''),
        ),
      }));
    const workflowExecution = { workflowId: handle.workflowId };
    const service = engine.client.workflowService;
    const answered = { signals: 0, queries: 0, updates: 0 };
    for (let count = 0; count < 120; count += 1) {
      const input = { payloads: payloads() };
      // What the server or the engine refuses is refused in words; what matters is that the run
      // lives on.
      await service
        .signalWorkflowExecution({
          namespace: 'default',
          workflowExecution,
          signalName: pick(names),
          requestId: randomUUID(),
          input,
        })
        .then(
          () => (answered.signals += 1),
          () => undefined,
        );
      if (count % 6 !== 0) continue;
      await engine.client.connection
        .withDeadline(Date.now() + 3_000, () =>
          service.queryWorkflow({
            namespace: 'default',
            execution: workflowExecution,
            query: { queryType: pick(names), queryArgs: input },
          }),
        )
        .then(
          () => (answered.queries += 1),
          () => undefined,
        );
      await engine.client.connection
        .withDeadline(Date.now() + 3_000, () =>
          handle.executeUpdate(pick(names) || 'none', { args: [pick(parts)] }),
        )
        .then(
          () => (answered.updates += 1),
          () => undefined,
        );
    }
    expect(answered.signals).toBeGreaterThan(50);
    expect(answered.queries).toBeGreaterThan(0);
    expect((await engine.status(handle)).state).toBe('waiting');
    expect(await lines()).toEqual(['before']);
    expect((await engine.send(handle, await engine.decision(handle))).accepted).toBe(true);
    expect((await engine.ended(handle)).state).toBe('succeeded');
    expect(await lines()).toEqual(['before', 'after']);
    const failed = (await handle.fetchHistory()).events?.filter(
      (event) => event.workflowTaskFailedEventAttributes,
    );
    expect(failed).toEqual([]);
  }, 60_000);

  test('silence is never a yes: a gate whose deadline passes rejects the run', async () => {
    const handle = await engine.run('test-deadline', {});
    const view = await engine.ended(handle);
    expect(view.state).toBe('rejected');
    expect(view.problem?.message).toContain('deadline');
  });

  test('a procedure that goes round its gate is stopped before the effect', async () => {
    const journal = engine.path('skipper.txt');
    const handle = await engine.run('test-gate-skipper', { journal });
    const view = await engine.ended(handle);
    expect(view.state).toBe('failed');
    expect(view.problem?.message).toContain('not approved');
    await expect(readFile(journal)).rejects.toThrow();
  });
});

/** Numbers from 0 to 1 that are the same for the same seed. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647;
}
