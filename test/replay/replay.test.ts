import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { historyFromJSON } from '@temporalio/common/lib/proto-utils.js';
import { DefaultLogger, Runtime, Worker } from '@temporalio/worker';
import { DeterminismViolationError } from '@temporalio/workflow';
import { readBundle } from '../../worker/bundle.js';

/**
 * What ran once must run the same on every later version of the code. A red test here is never cured by a new recording:
 * the change needs `patched()` or a new workflow type. How histories are recorded stands in CONTRIBUTING.md.
 */
const folder = join(process.cwd(), 'test', 'replay', 'histories');
const recorded = readdirSync(folder).filter((name) => name.endsWith('.json'));
const { code } = readBundle();

Runtime.install({ logger: new DefaultLogger('ERROR'), telemetryOptions: { logging: { filter: 'OFF' } } });

describe('replay', () => {
  test('every kind of end of the flagship is kept', () => {
    expect(recorded.length).toBeGreaterThanOrEqual(10);
  });

  test.each(recorded)('%s', async (name) => {
    await replay(code, name);
  });

  test('a step that moved before another one fails the replay of every run that came so far', async () => {
    const lines = [
      'const recovered = await recover(run, actions, failed.id, inputs);',
      'const proof = await validate(run, actions, inputs.tolerance);',
    ];
    const reordered = code.replace(
      new RegExp(`${escaped(lines[0])}(\\s+)${escaped(lines[1])}`),
      (_, space: string) => `${lines[1]}${space}${lines[0]}`,
    );
    expect(reordered).not.toBe(code);
    let failures = 0;
    for (const name of recorded) {
      await replay(reordered, name).catch((error: unknown) => {
        if (error instanceof DeterminismViolationError) failures += 1;
      });
    }
    process.stdout.write(`histories that a reordered step breaks: ${failures} of ${recorded.length}; as shipped: 0\n`);
    expect(failures).toBeGreaterThan(recorded.length / 2);
  });
});

async function replay(bundle: string, name: string): Promise<void> {
  const history = historyFromJSON(JSON.parse(readFileSync(join(folder, name), 'utf8')));
  await Worker.runReplayHistory({ workflowBundle: { code: bundle } }, history);
}

function escaped(text: string | undefined): string {
  return (text ?? '').replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
