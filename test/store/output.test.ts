import { createHash, randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type pg from 'pg';
import {
  admitRun,
  appendOutput,
  beginAttempt,
  finishOutput,
  getAttempts,
  migrate,
  openPool,
  outputCapBytes,
  readOutput,
  type OutputChunk,
} from '../../store/index.js';
import { createTestDatabase, type TestDatabase } from '../helpers/database.js';
import { admission, attemptOf, keyOf, startedAt } from './fixtures.js';

let database: TestDatabase;
let pool: pg.Pool;

beforeAll(async () => {
  database = await createTestDatabase('output');
  pool = openPool(database.url, { max: 4 });
  await migrate(pool);
});

afterAll(async () => {
  await pool.end();
  await database.drop();
});

async function begun(run: string, ...steps: string[]): Promise<ReturnType<typeof keyOf>> {
  const key = keyOf(run);
  await admitRun(pool, admission(key));
  for (const step of steps) await beginAttempt(pool, attemptOf(key, step));
  return key;
}

function chunk(
  seq: number,
  bytes: Uint8Array | string,
  stream: OutputChunk['stream'] = 'stdout',
): OutputChunk {
  return { stream, seq, at: startedAt, bytes: Buffer.from(bytes) };
}

test('chunks come back in order, byte for byte, binary too', async () => {
  const key = await begun('bytes', 'restart');
  const binary = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
  await appendOutput(pool, key, 'restart', 1, [
    chunk(0, 'hello\n'),
    chunk(0, 'oops\0\n', 'stderr'),
    chunk(1, binary),
  ]);
  const read = await readOutput(pool, 'bytes');
  expect(
    read.map(({ step, attempt, stream, seq, at }) => [step, attempt, stream, seq, at]),
  ).toEqual([
    ['restart', 1, 'stdout', 0, startedAt],
    ['restart', 1, 'stderr', 0, startedAt],
    ['restart', 1, 'stdout', 1, startedAt],
  ]);
  expect(read.map(({ bytes }) => bytes)).toEqual([
    Buffer.from('hello\n'),
    Buffer.from('oops\0\n'),
    binary,
  ]);
});

test('the same chunks sent twice are kept once', async () => {
  const key = await begun('repeated', 'restart');
  const chunks = [chunk(0, 'a'), chunk(1, 'b')];
  await appendOutput(pool, key, 'restart', 1, chunks);
  await appendOutput(pool, key, 'restart', 1, chunks);
  await appendOutput(pool, key, 'restart', 1, [chunk(1, 'b'), chunk(2, 'c'), chunk(2, 'c')]);
  expect((await readOutput(pool, key)).map(({ bytes }) => bytes.toString())).toEqual([
    'a',
    'b',
    'c',
  ]);
  const { rows } = await pool.query(
    `SELECT kept FROM runbook.output_totals WHERE run_no = (SELECT no FROM runbook.runs WHERE run = 'repeated')`,
  );
  expect(rows).toEqual([{ kept: '3' }]);
});

test('reads on after an id, by step, and the parts of a step', async () => {
  const key = await begun('follow', 'restart', 'restart/a', 'restart.2', 'restarted');
  for (const step of ['restart', 'restart/a', 'restart.2', 'restarted'])
    await appendOutput(pool, key, step, 1, [chunk(0, step)]);
  const all = await readOutput(pool, key);
  expect(await readOutput(pool, key, { afterId: all[1]?.id ?? 0 })).toEqual(all.slice(2));
  expect(await readOutput(pool, key, { limit: 1 })).toEqual(all.slice(0, 1));
  expect((await readOutput(pool, key, { step: 'restart' })).map(({ step }) => step)).toEqual([
    'restart',
    'restart/a',
    'restart.2',
  ]);
  expect(await readOutput(pool, key, { step: 'rest%' })).toEqual([]);
  expect(await readOutput(pool, 'nobody')).toEqual([]);
});

test('a reader that follows misses nothing while many steps write', async () => {
  const steps = ['a', 'b', 'c', 'd'];
  const key = await begun('crowd', ...steps);
  const perStep = 40;
  let writing = true;
  const writers = Promise.all(
    steps.map(async (step) => {
      for (let seq = 0; seq < perStep; seq += 1)
        await appendOutput(pool, key, step, 1, [chunk(seq, `${step}${seq}`)]);
    }),
  ).then(() => (writing = false));
  const reader = openPool(database.url, { max: 1 });
  const seen: string[] = [];
  try {
    for (let last = 0, more = true; more;) {
      more = writing;
      for (const { id, bytes } of await readOutput(reader, key, { afterId: last })) {
        last = id;
        seen.push(bytes.toString());
      }
    }
  } finally {
    await writers;
    await reader.end();
  }
  expect(seen.sort()).toEqual(
    steps.flatMap((step) => Array.from({ length: perStep }, (_, seq) => `${step}${seq}`)).sort(),
  );
});

test('no more than 8 MB of an attempt is kept, the rest is dropped and said so', async () => {
  const key = await begun('big', 'restart', 'identify');
  const megabyte = randomBytes(1024 * 1024);
  for (let seq = 0; seq < 10; seq += 1) {
    // The fifth is not whole, so that the cap falls inside a chunk.
    await appendOutput(pool, key, 'restart', 1, [
      chunk(seq, seq === 4 ? megabyte.subarray(0, 1000) : megabyte),
    ]);
  }
  const kept = await readOutput(pool, key, { step: 'restart' });
  expect(kept.reduce((sum, { bytes }) => sum + bytes.length, 0)).toBe(outputCapBytes);
  await appendOutput(pool, key, 'identify', 1, [chunk(0, 'has room of its own')]);
  expect(await readOutput(pool, key, { step: 'identify' })).toHaveLength(1);

  const totals = {
    bytes: 10 * 1024 * 1024,
    sha256: createHash('sha256').update('all').digest('hex'),
    truncated: false,
  };
  await finishOutput(pool, key, 'restart', 1, totals);
  await finishOutput(pool, key, 'restart', 1, totals);
  const written = (await getAttempts(pool, key)).find(({ step }) => step === 'restart')?.written;
  expect(written).toEqual({ ...totals, truncated: true });
});

test('output of a run or an attempt that the record does not know is refused', async () => {
  await expect(appendOutput(pool, keyOf('nobody'), 'restart', 1, [chunk(0, 'x')])).rejects.toThrow(
    /not in the record/,
  );
  const key = await begun('known', 'restart');
  await expect(appendOutput(pool, key, 'restart', 2, [chunk(0, 'x')])).rejects.toThrow(
    /foreign key/,
  );
});
