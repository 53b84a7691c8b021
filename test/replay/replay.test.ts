import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { historyFromJSON } from '@temporalio/common/lib/proto-utils.js';
import { DefaultLogger, Runtime, Worker } from '@temporalio/worker';
import { DeterminismViolationError } from '@temporalio/workflow';
import { payloadCodec } from '../../common/payload-codec.js';
import { readBundle } from '../../worker/bundle.js';

/**
 * What ran once must run the same on every later version of the code. A red test here is never
 * cured by a new recording: the change needs `patched()` or a new workflow type. How histories are
 * recorded stands in CONTRIBUTING.md.
 */
const folder = join(process.cwd(), 'test', 'replay', 'histories');
const recorded = readdirSync(folder).filter((name) => name.endsWith('.json'));
const { code } = readBundle();

Runtime.install({
  logger: new DefaultLogger('ERROR'),
  telemetryOptions: { logging: { filter: 'OFF' } },
});

describe('replay', () => {
  test('every kind of end of the flagship is kept, and of a runbook that is data, over several executions', () => {
    expect(recorded.filter(isFlagship).length).toBeGreaterThanOrEqual(10);
    for (const way of ['drill', 'ungraceful', 'graceful'])
      expect(recorded).toContain(`full-system-disaster-recovery-${way}.json`);
    for (const way of ['good', 'rolled-back'])
      expect(recorded).toContain(`zero-downtime-deployment-${way}.json`);
    for (const end of ['good', 'rejected', 'skipped', 'cancelled'])
      expect(recorded).toContain(`data-plan-${end}-1.json`);
    expect(recorded).toContain('data-plan-good-3.json');
  });

  test.each(recorded)('%s', async (name) => {
    await replay(code, name);
  });

  test('a step that moved before another one fails the replay of every run that came so far', async () => {
    const lines = [
      'const recovered = await recover(run, found, failed.id, inputs);',
      'const held = await validate(run, found, inputs.tolerance, recovered.job);',
    ] as const;
    const reordered = code.replace(
      new RegExp(`${escaped(lines[0])}(\\s+)${escaped(lines[1])}`),
      // Which job was recovered is not known yet then.
      (_, space: string) => `${lines[1].replace('recovered.job', 'failed.id')}${space}${lines[0]}`,
    );
    expect(reordered).not.toBe(code);
    await breaks(reordered, recorded.filter(isFlagship));
  });

  test('the same for the interpreter of runbooks that are data', async () => {
    const reordered = code.replace(
      'for (const [index, spec] of steps.entries())',
      'for (const [index, spec] of [...steps.entries()].reverse())',
    );
    expect(reordered).not.toBe(code);
    await breaks(reordered, recorded.filter(isData));
  });
});

const isData = (name: string): boolean => name.startsWith('data-plan-');
/** Of pipeline-recovery, named by the scenario alone. */
const isFlagship = (name: string): boolean =>
  !/^(data-plan|full-system-disaster-recovery|zero-downtime-deployment)-/.test(name);

/** More than half of the histories have to come past the place that was changed. */
async function breaks(changed: string, names: readonly string[]): Promise<void> {
  let failures = 0;
  for (const name of names) {
    await replay(changed, name).catch((error: unknown) => {
      if (error instanceof DeterminismViolationError) failures += 1;
    });
  }
  process.stdout.write(
    `histories that a reordered step breaks: ${failures} of ${names.length}; as shipped: 0\n`,
  );
  expect(failures).toBeGreaterThan(names.length / 2);
}

async function replay(bundle: string, name: string): Promise<void> {
  const history = historyFromJSON(JSON.parse(readFileSync(join(folder, name), 'utf8')));
  await Worker.runReplayHistory(
    { workflowBundle: { code: bundle }, dataConverter: { payloadCodecs: [payloadCodec] } },
    history,
  );
}

function escaped(text: string | undefined): string {
  return (text ?? '').replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
