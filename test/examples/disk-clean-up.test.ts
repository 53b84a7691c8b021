import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { programFolder } from '../../worker/config.js';
import { canMount } from '../helpers/can-mount.js';
import { Engine } from '../helpers/engine.js';

/* The example as it is copied from, on a real disk that is nearly full. */

const library = join(import.meta.dirname, '..', '..', 'examples', 'runbooks');
const procedures = join(programFolder, 'workflows', 'index.js');

(canMount() ? describe : describe.skip)('disk-clean-up on a small disk', () => {
  let engine: Engine;
  let folder: string;
  beforeAll(async () => {
    engine = await Engine.start({ procedures, settings: { RUNBOOK_LIBRARY: library } });
  }, 60_000);
  afterAll(() => engine?.stop());

  const logs = (): string => join(folder, 'logs');
  const aside = (): string => join(folder, 'aside');
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'runbook-disk-'));
    await mkdir(logs());
    await mkdir(aside());
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=8m', 'none', logs()]);
    await mkdir(join(logs(), 'app'));
    await log('app/old one.gz', 3);
    await log('app/old two.gz', 3);
    await log('app/young.gz', 0);
  });
  afterEach(async () => {
    execFileSync('umount', [logs()]);
    await rm(folder, { recursive: true, force: true });
  });

  async function log(name: string, days: number): Promise<void> {
    const file = join(logs(), name);
    await writeFile(file, Buffer.alloc(2_400_000));
    const at = new Date(Date.now() - days * 86_400_000);
    await utimes(file, at, at);
  }

  async function start(wanted: number) {
    const inputs = { folder: logs(), aside: aside(), wanted, days: 1 };
    const { workflowId } = await engine.run('disk-clean-up', inputs);
    return { id: workflowId, run: engine.client.workflow.getHandle(workflowId) };
  }

  async function decide(run: Awaited<ReturnType<typeof start>>['run'], verb: string) {
    const decision = await engine.decision(run, { verb: verb as 'approve' });
    expect(await engine.send(run, decision)).toMatchObject({ accepted: true });
  }

  test('old logs are put aside after an approval, and then nothing has to be done', async () => {
    const { id, run } = await start(50);
    expect(await engine.waiting(run)).toMatchObject({
      ...{ id: 'way/logs/approve_move', evidence: { 'old logs': '2 files, 4800000 bytes' } },
    });
    await decide(run, 'approve');
    expect(await engine.ended(run)).toMatchObject({ state: 'succeeded' });
    expect(existsSync(join(aside(), id, 'app', 'old one.gz'))).toBe(true);
    expect(existsSync(join(logs(), 'app', 'old one.gz'))).toBe(false);
    expect(existsSync(join(logs(), 'app', 'young.gz'))).toBe(true);

    const again = await start(50);
    expect(await engine.ended(again.run)).toMatchObject({ state: 'succeeded' });
  }, 90_000);

  test('where that is not enough people are asked, and a rollback brings them back', async () => {
    const { run } = await start(99);
    await engine.waiting(run);
    await decide(run, 'approve');
    expect(await engine.waiting(run)).toMatchObject({ id: 'verify/after' });
    await decide(run, 'rollback');
    await engine.ended(run);
    for (const name of ['old one.gz', 'old two.gz', 'young.gz'])
      expect(existsSync(join(logs(), 'app', name))).toBe(true);
  }, 90_000);
});
