import { createHash, randomBytes } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { OutputCollector } from '../../../activities/output-collector.js';
import { Redactor } from '../../../activities/redact.js';
import type { OutputChunk } from '../../../store/index.js';
import { until } from '../../../lab/until.js';

const secret = 'correct-horse-battery';

function collecting(sink?: (chunks: OutputChunk[]) => Promise<void>) {
  const redactor = new Redactor();
  redactor.add('token', secret);
  const shipped: OutputChunk[] = [];
  const collector = new OutputCollector(
    sink ?? ((chunks) => Promise.resolve(void shipped.push(...chunks))),
    redactor,
  );
  const text = (stream = 'stdout'): string =>
    Buffer.concat(
      shipped.filter((chunk) => chunk.stream === stream).map(({ bytes }) => bytes),
    ).toString();
  return { collector, shipped, text };
}

test('what is printed arrives, by stream, with size and digest of the whole', async () => {
  const { collector, shipped, text } = collecting();
  collector.write('stdout', 'hello ');
  collector.write('stderr', Buffer.from('oops'));
  collector.write('stdout', Buffer.from('wörld 😀'));
  const totals = await collector.close();
  expect(text()).toBe('hello wörld 😀');
  expect(text('stderr')).toBe('oops');
  expect(totals).toEqual({
    bytes: Buffer.byteLength('hello oopswörld 😀'),
    sha256: createHash('sha256').update('hello oopswörld 😀').digest('hex'),
    truncated: false,
  });
  const numbers = shipped.map(({ seq }) => seq);
  expect(new Set(numbers).size).toBe(numbers.length);
  for (const { at } of shipped) expect(new Date(at).toISOString()).toBe(at);
});

test('it ships while the step still runs', async () => {
  const { collector, text } = collecting();
  collector.write('stdout', `first ${'.'.repeat(200)}`);
  await until('the first output', () => Promise.resolve(text().startsWith('first')), 5_000, 20);
  await collector.close();
});

describe('a secret does not come through', () => {
  test('however it is cut into chunks', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1, maxLength: 60 }),
        async (sizes) => {
          const { collector, text } = collecting();
          const whole = Buffer.from(
            `é ${secret} ${Buffer.from(secret).toString('base64')} 😀${secret}${secret} end`,
          );
          for (let from = 0, index = 0; from < whole.length; index += 1) {
            const size = sizes[index % sizes.length] ?? 1;
            collector.write('stdout', whole.subarray(from, from + size));
            from += size;
          }
          await collector.close();
          expect(text()).toBe('é [secret token] [secret token] 😀[secret token][secret token] end');
        },
      ),
      { numRuns: 60 },
    );
  });

  test('streams do not mix: half of it on each is not it', async () => {
    const { collector, text } = collecting();
    collector.write('stdout', secret.slice(0, 8));
    collector.write('stderr', secret.slice(8));
    await collector.close();
    expect(text()).toBe(secret.slice(0, 8));
    expect(text('stderr')).toBe(secret.slice(8));
  });
});

test('of endless output head and tail are kept, and memory stays flat', async () => {
  const { collector, shipped, text } = collecting();
  const piece = Buffer.alloc(64 * 1024, 'x');
  collector.write('stdout', 'BEGIN');
  // Once through, so that what the program itself needs is not counted.
  for (let index = 0; index < 320; index += 1) collector.write('stdout', piece);
  const before = process.memoryUsage().rss;
  for (let index = 0; index < 1_280; index += 1) {
    collector.write('stdout', piece);
    if (index % 32 === 0) await new Promise(setImmediate);
  }
  const grown = process.memoryUsage().rss - before;
  collector.write('stdout', 'THE END');
  const totals = await collector.close();
  expect(totals).toMatchObject({ bytes: 5 + 1_600 * piece.length + 7, truncated: true });
  expect(shipped.reduce((sum, { bytes }) => sum + bytes.length, 0)).toBeLessThan(9 * 1024 * 1024);
  expect(text().startsWith('BEGIN')).toBe(true);
  expect(text().endsWith('THE END')).toBe(true);
  expect(grown).toBeLessThan(64 * 1024 * 1024);
});

test('bytes that are no text neither break it nor change size and digest', async () => {
  const { collector } = collecting();
  const binary = randomBytes(100_000);
  collector.write('stdout', binary);
  const totals = await collector.close();
  expect(totals).toEqual({
    bytes: 100_000,
    sha256: createHash('sha256').update(binary).digest('hex'),
    truncated: false,
  });
});

test('a record that refuses costs the output, not the step', async () => {
  const { collector } = collecting(() => Promise.reject(new Error('the record is away')));
  collector.write('stdout', 'x'.repeat(1_000));
  await expect(collector.close()).resolves.toMatchObject({ bytes: 1_000, truncated: true });
});
