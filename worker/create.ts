import { NativeConnection, Worker } from '@temporalio/worker';
import { loadClientConnectConfig } from '@temporalio/envconfig';
import type pg from 'pg';
import { payloadCodec } from '../common/payload-codec.js';
import { createActivities } from '../activities/index.js';
import { Commands } from '../activities/commands.js';
import { Secrets } from '../activities/secrets.js';
import { Targets } from '../activities/targets.js';
import { catalogue as shippedCatalogue } from '../runbooks/index.js';
import type { BorderLimits } from '../common/admission.js';
import type { RunbookSpec } from '../language/runbook.js';
import { readBundle, type WorkflowBundle } from './bundle.js';
import type { WorkerConfig } from './config.js';
import { Watch } from './watch.js';

/** The procedures that a worker carries: their code, and what is declared of them. */
export interface Procedures {
  bundle: WorkflowBundle;
  catalogue: readonly RunbookSpec[];
  /** When runs continue as new; the engine's own limits unless said. */
  border?: BorderLimits;
}

/** Connects and makes the worker; `TEMPORAL_*` and temporal.toml say where the server is. */
export async function createWorker(
  config: WorkerConfig,
  pool: pg.Pool,
  { bundle, catalogue, border }: Procedures = { bundle: readBundle(), catalogue: shippedCatalogue },
): Promise<{ worker: Worker; connection: NativeConnection; commands: Commands; watch: Watch }> {
  const { connectionOptions, namespace = 'default' } = loadClientConnectConfig();
  const connection = await NativeConnection.connect(connectionOptions);
  const { namespaceInfo } = await connection.workflowService.describeNamespace({ namespace });
  const targets = Targets.load(config.targetsFile);
  const secrets = Secrets.load(config.secretsFile);
  const commands = new Commands(config.journals);
  const worker = await Worker.create({
    connection,
    namespace,
    identity: config.identity,
    taskQueue: config.taskQueue,
    workflowBundle: { code: bundle.code },
    dataConverter: { payloadCodecs: [payloadCodec] },
    activities: createActivities({
      pool,
      targets,
      secrets,
      catalogue,
      procedure: bundle.procedure,
      settings: {
        command: config.command,
        uiUrl: config.uiUrl,
        heartbeatMs: config.heartbeatMs,
        ...(border ? { border } : {}),
      },
      worker: config.identity,
      host: config.host,
      commands,
      namespaceId: namespaceInfo?.id || namespace,
    }),
    maxConcurrentActivityTaskExecutions: config.maxSteps,
    // A decision sent right after a worker's death waits this long for the dead worker; the default is 10 s.
    stickyQueueScheduleToStartTimeout: '2s',
    // A cancellation reaches a running step with a heartbeat's answer: by default only every 8 s or more.
    maxHeartbeatThrottleInterval: '1s',
    defaultHeartbeatThrottleInterval: '1s',
    shutdownGraceTime: config.stopGraceMs,
  });
  return { worker, connection, commands, watch: new Watch(config, pool, commands, { options: connectionOptions, namespace }) };
}
