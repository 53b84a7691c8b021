import { expect, test } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import type { WorkflowHandle } from '@temporalio/client';
import { DeterminismViolationError } from '@temporalio/workflow';
import { Worker } from '@temporalio/worker';
import { queryTooEarly, queryWithRetry } from '../../common/ask-again.js';
import { payloadCodec } from '../../common/payload-codec.js';
import { messageNames, stickyTimeoutMs } from '../../common/defaults.js';
import type { RunView } from '../../common/view.js';
import { Engine } from '../helpers/engine.js';
import { untilFile } from '../helpers/shell.js';
import { until } from '../../lab/until.js';

interface Pending {
  activityId?: string | null;
  attempt?: number | null;
  lastStartedTime?: unknown;
}

/** The guard as it stands in the bundle. */
const guard = 'isEarly()';

async function attempts(handle: WorkflowHandle): Promise<number> {
  const { raw } = await handle.describe();
  const pending = ((raw.pendingActivities ?? []) as Pending[]).find(
    ({ activityId }) => activityId === 'first',
  );
  return pending?.lastStartedTime ? (pending.attempt ?? 0) : 0;
}

let replayed: Promise<unknown> = Promise.resolve();

/**
 * One at a time: the SDK shuts its runtime down with its last worker, also while a next one is
 * being made.
 */
function replays(engine: Engine, handle: WorkflowHandle): Promise<boolean> {
  const answer = replayed.then(() => replay(engine, handle));
  replayed = answer.catch(() => undefined);
  return answer;
}

async function replay(engine: Engine, handle: WorkflowHandle): Promise<boolean> {
  try {
    const options = {
      workflowBundle: { codePath: engine.path('bundle.js') },
      dataConverter: { payloadCodecs: [payloadCodec] },
    };
    await Worker.runReplayHistory(options, await handle.fetchHistory(), handle.workflowId);
    return true;
  } catch (error) {
    if (!(error instanceof DeterminismViolationError)) throw error;
    return false;
  }
}

interface Asked {
  /** What the question said that came in between. */
  said: string;
  replays: boolean;
}

/**
 * A worker dies, its successor is asked, the step ends, somebody decides: in that order, while the
 * dead one is waited for.
 */
async function askedInBetween(isGuarded: boolean): Promise<Asked> {
  const engine = await Engine.start({ later: true });
  try {
    if (!isGuarded) {
      await engine.changeCode((code) => {
        expect(code).toContain(guard);
        return code.replace(guard, 'false');
      });
    }
    await engine.startWorker();
    const [open, decided] = [engine.path(randomUUID()), engine.path(randomUUID())];
    // The second one keeps the run from ending before somebody decides.
    const handle = await engine.run('test-commands', {
      first: untilFile(open),
      second: untilFile(decided),
    });
    await until('the command', async () => (await attempts(handle)) === 1);
    await engine.killWorker();
    await until('the next worker to follow it', async () => (await attempts(handle)) > 1, 30_000);
    const status = (): Promise<RunView> => handle.query<RunView>(messageNames.status);
    const asked = status().then(
      ({ state }) => state,
      (error: unknown) => (error as Error).message,
    );
    // It is tried at the dead worker before the new one gets it, and in that time the step has to
    // end. Long enough for the question to come to the dead worker, and most of the time left for
    // the step to end.
    await delay(stickyTimeoutMs / 4);
    await writeFile(open, '');
    const said = await asked;
    await handle.signal(messageNames.decide, { id: 'junk' });
    await writeFile(decided, '');
    if (isGuarded) expect((await queryWithRetry(status)).runbook).toBe('test-commands');
    await handle.result();
    return { said, replays: await replays(engine, handle) };
  } finally {
    await engine.stop();
  }
}

/** Meets the moment, which lasts a second. */
async function meeting(isGuarded: boolean, isMet: (asked: Asked) => boolean): Promise<Asked> {
  let asked = await askedInBetween(isGuarded);
  for (let again = 0; again < 6 && !isMet(asked) && asked.replays; again += 1)
    asked = await askedInBetween(isGuarded);
  return asked;
}

test('asked between the end of a step and the workflow task that takes it up: nothing is done in another order than it is replayed', async () => {
  const [guarded, open] = await Promise.all([
    meeting(true, ({ said }) => said.includes(queryTooEarly)),
    meeting(false, ({ replays }) => !replays),
  ]);
  process.stderr.write(
    `asked in between: replays ${guarded.replays}; without the guard ${open.replays}\n`,
  );
  expect(guarded.said).toContain(queryTooEarly);
  expect(guarded.replays).toBe(true);
  expect(open).toEqual({ said: 'running', replays: false });
}, 240_000);
