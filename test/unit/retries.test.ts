import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, test } from '@jest/globals';
import { execa } from 'execa';

const retries = pathToFileURL(
  resolve(import.meta.dirname, '../../dist/common/temporal-retries.js'),
).href;

/**
 * Connections to where nobody listens, each closed at another moment: some while a request is about
 * to be tried again. Prints how many errors came that nobody could catch.
 */
const closing = (made: string): string => `
  import { setTimeout } from 'node:timers/promises';
  import { Connection, defaultGrpcRetryOptions, makeGrpcRetryInterceptor } from '@temporalio/client';
  import { endableRetries } from '${retries}';
  let uncaught = 0;
  process.on('uncaughtException', () => (uncaught += 1));
  const sdk = () => ({
    interceptor: makeGrpcRetryInterceptor(defaultGrpcRetryOptions({ maxAttempts: 3 })),
    end: () => undefined,
  });
  await Promise.all(Array.from({ length: 30 }, async (_, index) => {
    const { interceptor, end } = ${made};
    const connection = Connection.lazy({ address: '127.0.0.1:1', interceptors: [interceptor] });
    const answer = connection.workflowService.getSystemInfo({}).catch(() => undefined);
    await setTimeout(index * 10);
    end();
    await connection.close();
    await Promise.race([answer, setTimeout(1_000)]);
  }));
  console.log(uncaught);
`;

async function uncaughtWith(made: string): Promise<number> {
  const script = ['--input-type=module', '--eval', closing(made)];
  const { stdout } = await execa(process.execPath, script, {
    cwd: resolve(retries.slice(7), '../../..'),
  });
  return Number(stdout);
}

test('a connection that is closed while a request is about to be tried again', async () => {
  const [kept, off] = await Promise.all([uncaughtWith('endableRetries(3)'), uncaughtWith('sdk()')]);
  process.stdout.write(`errors that nobody can catch: ${kept} of 30; with the SDK's own ${off}\n`);
  expect(kept).toBe(0);
  expect(off).toBeGreaterThan(0);
}, 30_000);
