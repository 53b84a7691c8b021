import { DefaultLogger, Runtime, Worker } from '@temporalio/worker';
import { payloadCodec } from '../../common/payload-codec.js';
import type { Deployment, PinnedRun } from './server.js';

/** The result for a run whose version has no worker. */
export interface Adoption {
  run: PinnedRun;
  moved: boolean;
  /** Why it was not moved; empty when it was. */
  why: string;
}

/**
 * Silences the output of replays, for a process that is not a worker. Call it once, before any
 * other use of the SDK.
 */
export function silenceSdk(): void {
  Runtime.install({
    logger: new DefaultLogger('ERROR', () => undefined),
    telemetryOptions: { logging: { filter: 'OFF' } },
  });
}

/**
 * Moves runs to a version, each only when its history replays under that version's code: then the
 * run continues exactly where it was. Others are left as they are. One at a time: a replay costs
 * memory and time of a worker that has runs to serve.
 * @param to the version and its bundle
 */
export async function* adopt(
  deployment: Deployment,
  runs: AsyncIterable<PinnedRun> | Iterable<PinnedRun>,
  to: { buildId: string; code: string },
): AsyncGenerator<Adoption> {
  let run: PinnedRun | undefined;
  async function* histories() {
    for await (const next of runs) {
      run = next;
      yield { workflowId: next.id, history: await deployment.history(next) };
    }
  }
  // The results come in the order of the histories: each is replayed after the previous one.
  for await (const { error } of Worker.runReplayHistories(
    { workflowBundle: { code: to.code }, dataConverter: { payloadCodecs: [payloadCodec] } },
    histories(),
  )) {
    if (!run) return;
    if (error) yield { run, moved: false, why: reasonOf(error) };
    else yield { run, ...(await move(deployment, run, to.buildId)) };
  }
}

async function move(
  deployment: Deployment,
  run: PinnedRun,
  buildId: string,
): Promise<{ moved: boolean; why: string }> {
  try {
    await deployment.move(run, buildId);
    return { moved: true, why: '' };
  } catch (error) {
    const { details, message } = error as { details?: string; message?: string };
    return { moved: false, why: `Temporal refused: ${details ?? message ?? ''}` };
  }
}

function reasonOf(error: Error): string {
  if (error.message.includes('no such function is exported'))
    return 'this release has no such runbook';
  if (error.name === 'DeterminismViolationError')
    return 'its procedure was changed where the run has already been';
  return `its history does not replay: ${error.message.replace(/\s+/g, ' ').slice(0, 200)}`;
}
