import { Runtime, type LogLevel } from '@temporalio/worker';
import type pg from 'pg';
import type { WorkerConfig } from './config.js';
import { createWorker, shippedProcedures, type Procedures } from './create.js';
import { becomeCurrent } from './deployment/current.js';
import { Upkeep } from './deployment/upkeep.js';
import { WorkerLogger } from './log.js';

/**
 * Milliseconds between two heartbeats of a worker: often enough to notice its death as soon as a
 * step does.
 */
function workerHeartbeatMs(heartbeatMs: number): number {
  return Math.min(3_000, Math.max(1_000, Math.floor(heartbeatMs / 3)));
}

/** What every worker process sets up once, before anything else of the SDK. */
export function installRuntime({ heartbeatMs }: WorkerConfig, level: LogLevel): void {
  Runtime.install({
    logger: new WorkerLogger(level),
    workerHeartbeatInterval: workerHeartbeatMs(heartbeatMs),
  });
}

/**
 * Runs a worker until it is asked to stop: polls, becomes the current version if configured, and
 * moves runs of other versions. Prints `worker ready` once it takes work.
 * @throws Error when it cannot begin, or when the SDK gives up
 */
export async function serve(
  config: WorkerConfig,
  pool: pg.Pool,
  procedures: Procedures = shippedProcedures(),
): Promise<void> {
  const say = (line: string): void => void process.stdout.write(`${line}\n`);
  const { worker, connection, commands, deployment, periodicWork, teller } = await createWorker(
    config,
    pool,
    procedures,
  );
  commands.keepTidy();
  periodicWork.start();
  teller.start();
  const running = worker.run();
  let upkeep: Upkeep | undefined;
  let kept: Promise<void> | undefined;
  try {
    const { buildId, code } = procedures.bundle;
    if (deployment && buildId !== undefined) {
      const current = await Promise.race([
        becomeCurrent(deployment, buildId, config.makeCurrent),
        running,
      ]);
      if (typeof current === 'string' && current !== buildId)
        say(notCurrent(config, buildId, current));
      upkeep = new Upkeep({
        ...{ deployment, identity: config.identity, buildId, code, say },
        everyMs: workerHeartbeatMs(config.heartbeatMs),
        silenceMs: config.heartbeatMs + 2 * workerHeartbeatMs(config.heartbeatMs),
      });
      kept = upkeep.run();
    }
    say(
      `worker ready ${config.identity} on task queue ` +
        `${config.taskQueue}${buildId ? `, version ${buildId}` : ''}`,
    );
    await running;
  } catch (error) {
    worker.shutdown();
    await running.catch(() => undefined);
    throw error;
  } finally {
    upkeep?.stop();
    await kept;
    await Promise.all([periodicWork.close(), teller.close()]);
    commands.close();
    await connection.close();
  }
}

function notCurrent(
  { command, makeCurrent }: WorkerConfig,
  buildId: string,
  current: string,
): string {
  const why =
    makeCurrent === 'no' ? 'RUNBOOK_MAKE_CURRENT is no' : 'it was current before, and was replaced';
  return (
    `version ${buildId} gets no new runs, version ${current} ` +
    `does: ${why}. It serves the runs that it has. To give ` +
    `it new ones: ${command} deployment --use ${buildId}`
  );
}
