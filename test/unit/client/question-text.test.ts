import { createServer, type AddressInfo } from 'node:net';
import { expect, test } from '@jest/globals';
import { questionFor } from '../../../client/question-text.js';
import { Session } from '../../../client/session.js';
import { keyOf, waitingView, waitOf } from '../../store/fixtures.js';
import { recordedIo } from './fake-io.js';

/*
 * The last question names what the run acts on, with or without the record.
 */

const view = { ...waitingView(keyOf('run-1')), targets: ['orders'] };

async function asked(record: string | undefined, change: Partial<typeof view> = {}) {
  const env = record === undefined ? {} : { RUNBOOK_DATABASE_URL: record };
  const io = recordedIo({ env: { RUNBOOK_HOME: '/nonexistent', ...env } });
  const session = new Session({}, io);
  try {
    return await questionFor(session, { ...view, ...change }, 'approve', waitOf());
  } finally {
    await session.close();
  }
}

test('where the record is away, it names the target and says why not its environment', async () => {
  expect(await asked('postgres://x@127.0.0.1:1/nothing')).toBe(
    'Approve gate approve of run-1, which acts on orders (environment not known: the record does not answer)?',
  );
  expect(await asked(undefined)).toContain(
    'orders (environment not known: the address of the record is not configured)?',
  );
  expect(await asked(undefined, { targets: [] })).not.toContain('acts on');
});

test('a record that has fallen silent holds it up for a moment only', async () => {
  const silent = createServer(() => undefined);
  await new Promise<void>((done) => silent.listen(0, '127.0.0.1', done));
  const { port } = silent.address() as AddressInfo;
  try {
    expect(await asked(`postgres://x@127.0.0.1:${port}/runbook`)).toContain(
      'the record does not answer',
    );
  } finally {
    silent.close();
  }
});
