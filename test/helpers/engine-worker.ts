import { readFileSync } from 'node:fs';
import { Context } from '@temporalio/activity';
import { NativeConnection, Worker } from '@temporalio/worker';
import { execa } from 'execa';
import { deploymentOf } from '../../common/deployment.js';
import { stickyTimeoutMs } from '../../common/defaults.js';
import { openPool } from '../../store/index.js';
import { readConfig } from '../../worker/config.js';
import { installRuntime, serve } from '../../worker/serve.js';
import { catalogueOfTest } from './catalogue.js';

/*
 * The shipped worker with the procedures of the engine's tests, as a process that can be killed.
 * TEST_BUNDLE names the file that holds their bundle, TEST_BUILD_ID the version that it is; without
 * one the worker is unversioned; TEST_PLANS the file of runbooks that are data. With TEST_BARE it
 * has plain activities too, on a queue beside it, for what Temporal does with them by itself;
 * TEST_PINNED is their version.
 */
const config = readConfig(process.env);
installRuntime(config, 'ERROR');
const pool = openPool(config.databaseUrl);
const code = readFileSync(process.env['TEST_BUNDLE'] ?? '', 'utf8');
const buildId = process.env['TEST_BUILD_ID'];
const connection = await NativeConnection.connect({
  address: process.env['TEMPORAL_ADDRESS'] ?? '',
});
const bare =
  process.env['TEST_BARE'] === undefined
    ? undefined
    : await plainWorker(process.env['TEST_PINNED']);
const running = bare?.run();
await serve(config, pool, {
  bundle: { code, procedure: 'sha256:test', ...(buildId === undefined ? {} : { buildId }) },
  catalogue: catalogueOfTest(process.env),
});
await running;
await connection.close();
await pool.end();

function plainWorker(pinned: string | undefined): Promise<Worker> {
  const bareQueue = `${config.taskQueue}-bare`;
  return Worker.create({
    connection,
    taskQueue: bareQueue,
    workflowBundle: { code },
    activities: {
      async append(id: string, journal: string): Promise<void> {
        const beat = setInterval(() => Context.current().heartbeat(), 500);
        await execa('/bin/sh', [
          '-c',
          'sleep 0.1; echo "$1" >> "$2"; sleep 0.1',
          'sh',
          id,
          journal,
        ]);
        clearInterval(beat);
      },
    },
    stickyQueueScheduleToStartTimeout: stickyTimeoutMs,
    ...(pinned === undefined
      ? {}
      : {
          workerDeploymentOptions: {
            useWorkerVersioning: true,
            version: { deploymentName: deploymentOf(bareQueue), buildId: pinned },
            defaultVersioningBehavior: 'PINNED' as const,
          },
        }),
  });
}
