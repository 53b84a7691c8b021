import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { getAttempts, readOutput } from '../../store/index.js';
import { go, ticking } from '../helpers/shell.js';
import { until } from '../../lab/until.js';
import { ChaosWorld } from './world.js';

export interface LongCommandResult {
  started: number;
  kills: number;
  state: string;
  attempts: number;
  /** Attempts that the record has with the digest of the whole output. */
  whole: number;
  bytes: number;
  expectedBytes: number;
  same: boolean;
  seconds: number;
}

/**
 * The command goes on until its worker was killed for the last time, however long that takes.
 * @param ticks lines that the command prints at least, ten a second
 * @param moments lines after which its worker is killed
 */
export async function longCommand(
  ticks: number,
  moments: readonly number[],
): Promise<LongCommandResult> {
  const began = performance.now();
  const world = await ChaosWorld.start({ workers: 1 });
  const { engine } = world;
  try {
    const [started, ticked] = [join(world.folder, 'started.txt'), join(world.folder, 'ticks.txt')];
    const script = `echo x >> "$1/started.txt"; set -- "$1/ticks.txt"; ${ticking}`;
    const handle = await engine.run('chaos-tree', {
      script,
      argument: world.folder,
      seconds: 600,
    });
    for (const moment of moments) {
      await until('the command to go on', async () => (await lines(ticked)) >= moment);
      await engine.killWorker();
    }
    await until('enough lines', async () => (await lines(ticked)) >= ticks);
    await go(ticked);
    const { state } = await engine.ended(handle);
    const expected = Array.from(
      { length: await lines(ticked) },
      (_, index) => `line ${index + 1}\n`,
    ).join('');
    const chunks = await readOutput(engine.pool, handle.workflowId, { step: 'tree' });
    const output = Buffer.concat(chunks.map(({ bytes }) => bytes));
    const attempts = (await getAttempts(engine.pool, handle.workflowId)).filter(
      ({ step }) => step === 'tree',
    );
    const digest = createHash('sha256').update(expected).digest('hex');
    return {
      started: await lines(started),
      kills: moments.length,
      state,
      attempts: attempts.length,
      whole: attempts.filter(({ written }) => written?.sha256 === digest).length,
      bytes: output.length,
      expectedBytes: Buffer.byteLength(expected),
      same: output.equals(Buffer.from(expected)),
      seconds: Math.round((performance.now() - began) / 1_000),
    };
  } finally {
    await world.stop();
  }
}

async function lines(file: string): Promise<number> {
  return (await readFile(file, 'utf8').catch(() => '')).split('\n').length - 1;
}
