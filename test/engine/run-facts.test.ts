import { expect, test } from '@jest/globals';
import { Engine } from '../helpers/engine.js';

/*
 * What a run says of itself: the worker compares the step with what the record says of the run.
 */

const runbook = `
runbook: say-so
version: 1.0.0
title: Say who it is
type: MAINTENANCE
priority: LOW
owner: sre
steps:
  - id: say
    title: Say it
    command: echo \${run.id} \${run.short} \${run.requester} \${run.reason} \${run.startedAt}
    effect: read
    when: run.startedAt > timestamp("2020-01-01T00:00:00Z")
    expect: out.stdout.contains(run.reason)
outputs:
  words: steps.say.stdout.trim()
`;

test('a run knows its id, who asked for it and why, and since when', async () => {
  const engine = await Engine.start({ library: { 'say-so.runbook.yaml': runbook } });
  try {
    const run = await engine.run('say-so', {});
    const { state, outputs, startedAt } = await engine.ended(run);
    expect(state).toBe('succeeded');
    const [id, short, by, why, since = '', ...more] = (outputs['words'] as string).split(' ');
    // The language writes a time without the zeros at its end.
    const at = new Date(since).toISOString();
    expect([id, by, why, at, ...more]).toEqual([run.workflowId, 'requester', 'test', startedAt]);
    expect(short).toMatch(/^[0-9a-f]{8}$/);
  } finally {
    await engine.stop();
  }
}, 90_000);
