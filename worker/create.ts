import {
  NativeConnection,
  Runtime,
  Worker,
  type ActivityInterceptorsFactory,
  type WorkerOptions,
} from '@temporalio/worker';
import { dirname } from 'node:path';
import { loadClientConnectConfig } from '@temporalio/envconfig';
import type pg from 'pg';
import { payloadCodec } from '../common/payload-codec.js';
import { withoutStack } from '../common/without-stack.js';
import { createActivities } from '../activities/index.js';
import { Commands } from '../activities/commands.js';
import { Programs } from '../activities/programs.js';
import type { TellLoss } from '../activities/lease.js';
import { Origins, type AskServer } from '../activities/origin.js';
import { Secrets } from '../activities/secrets.js';
import { Targets } from '../activities/targets.js';
import { engineQueue, hostQueue, namedHostQueue } from '../common/queues.js';
import { messageNames, stickyTimeoutMs } from '../common/defaults.js';
import { catalogue as shippedCatalogue } from '../workflows/catalogue.js';
import type { BorderLimits } from '../common/admission.js';
import { brokenWords } from '../language/broken-runbook.js';
import { libraryDigests } from '../language/library-digests.js';
import type { RunbookSpec } from '../language/runbook.js';
import { readBundle, type WorkflowBundle } from './bundle.js';
import { channelKindOf, channelRule } from '../language/targets-file.js';
import { ConfigError, programFolder, type WorkerConfig } from './config.js';
import { Deployment } from './deployment/server.js';
import { WorkerGroup } from './group.js';
import { readLibrary } from './library.js';
import { StepSlots, stepTuner } from './step-slots.js';
import { Teller } from './teller/teller.js';
import { versionOf } from './version.js';
import { PeriodicWork } from './periodic-work.js';
import { shortenWorkflowStacks } from './workflow-stacks.js';

/** The procedures of a worker: their code, and their declarations. */
export interface Procedures {
  bundle: WorkflowBundle;
  catalogue: readonly RunbookSpec[];
  /** When runs continue as new; the engine's own limits unless said. */
  border?: BorderLimits;
}

/** The procedures that this release ships. */
export function shippedProcedures(): Procedures {
  return { bundle: readBundle(), catalogue: shippedCatalogue };
}

export interface CreatedWorker {
  worker: WorkerGroup;
  connection: NativeConnection;
  commands: Commands;
  /** The workers of its queue; null when this one is unversioned. */
  deployment: Deployment | null;
  /** Keeps the record consistent with Temporal. */
  periodicWork: PeriodicWork;
  /** Tells people what runs wait for. */
  teller: Teller;
}

/**
 * Connects and makes the worker; `TEMPORAL_*` and temporal.toml say where the server is. It serves
 * its queue twice, workflow tasks as the version of its bundle and steps for runs of every version;
 * and the queues of the engine's own work, of commands on this host, and of steps that name it.
 */
export async function createWorker(
  config: WorkerConfig,
  pool: pg.Pool,
  { bundle, catalogue, border }: Procedures = shippedProcedures(),
): Promise<CreatedWorker> {
  const { connectionOptions, namespace = 'default' } = loadClientConnectConfig();
  const connection = await NativeConnection.connect(connectionOptions);
  const { namespaceInfo } = await connection.workflowService.describeNamespace({ namespace });
  const targets = Targets.load(config.targetsFile);
  const secrets = Secrets.load(config.secretsFile);
  const commands = new Commands(config.journals);
  refuseUnknownChannels(config.notify, targets);
  const { runbooks, broken, folders } = readLibrary(config.library, catalogue);
  const say = (line: string): void => {
    Runtime.instance().logger.warn(line);
  };
  for (const each of broken) say(`${brokenWords(each)}; correct ${each.file}`);
  const all = [...catalogue, ...runbooks];
  const namespaceId = namespaceInfo?.id || namespace;
  const whole: { group?: WorkerGroup } = {};
  const activities = createActivities({
    pool,
    targets,
    secrets,
    catalogue: all,
    broken,
    folders,
    procedure: bundle.procedure,
    settings: {
      command: config.command,
      uiUrl: config.uiUrl,
      heartbeatMs: config.heartbeatMs,
      hostWaitMs: config.hostWaitMs,
      ...(border ? { border } : {}),
    },
    worker: config.identity,
    host: config.host,
    commands,
    programs: new Programs(config.systemFolders),
    namespaceId,
    taskQueue: config.taskQueue,
    origins: new Origins(askServer(connection, namespace), config.taskQueue),
    tellLoss: signalLoss(connection, namespace),
    isStopping: () => whole.group?.isStopping === true,
  });
  const common = {
    interceptors: { activity: [plainFailures] },
    connection,
    namespace,
    identity: config.identity,
    shutdownGraceTime: config.stopGraceMs,
    dataConverter: { payloadCodecs: [payloadCodec] },
  };
  const stepOptions: Partial<WorkerOptions> = {
    activities,
    // A cancellation arrives with the answer to a heartbeat: by default only every 8 s or more.
    maxHeartbeatThrottleInterval: '1s',
    defaultHeartbeatThrottleInterval: '1s',
  };
  const version = versionOf(bundle, config.taskQueue);
  const slots = new StepSlots(config.maxSteps);
  const main: WorkerOptions = {
    ...common,
    ...stepOptions,
    taskQueue: config.taskQueue,
    workflowBundle: { code: bundle.code },
    stickyQueueScheduleToStartTimeout: stickyTimeoutMs,
  };
  shortenWorkflowStacks();
  const workers = await Promise.all([
    ...(version
      ? [
          Worker.create({
            ...main,
            tuner: stepTuner(slots.eager()),
            workerDeploymentOptions: {
              useWorkerVersioning: true,
              version,
              defaultVersioningBehavior: 'PINNED',
            },
          }),
          Worker.create({
            ...common,
            ...stepOptions,
            taskQueue: config.taskQueue,
            tuner: stepTuner(slots.polled()),
          }),
        ]
      : [Worker.create({ ...main, tuner: stepTuner(slots.polled()) })]),
    // It has slots of its own, 100 by default, which no step ever takes.
    Worker.create({ ...common, ...stepOptions, taskQueue: engineQueue(config.taskQueue) }),
    ...[hostQueue(config.taskQueue, commands.hostId), namedHostQueue(config.taskQueue, config.host)]
      .map((taskQueue) => ({ ...common, ...stepOptions, taskQueue }))
      .map((options) =>
        Worker.create({ ...options, maxConcurrentActivityTaskExecutions: config.maxSteps }),
      ),
  ]);
  const { workflowService } = connection;
  const deployment = version
    ? new Deployment(workflowService, namespace, config.taskQueue, config.identity)
    : null;
  const temporal = { options: connectionOptions, namespace };
  const library = libraryDigests(all);
  const periodicWork = new PeriodicWork(config, pool, commands, temporal, library);
  const teller = new Teller({
    ...{ pool, targets, secrets, catalogue: all, namespace, worker: config.identity },
    runs: { taskQueue: config.taskQueue, namespaceId },
    command: config.command,
    // A path is one of this host; an installed command line is found on every host.
    where: config.command.startsWith('.') ? `in ${dirname(programFolder)} on ${config.host}` : null,
    uiUrl: config.uiUrl,
    notify: config.notify,
    everyMs: config.tellMs,
    timeoutMs: config.tellTimeoutMs,
    remindEveryMs: config.remindEveryMs,
    say,
  });
  const group = (whole.group = new WorkerGroup(workers));
  return { worker: group, connection, commands, deployment, periodicWork, teller };
}

/** What an activity throws goes into history, where operators read it. */
const plainFailures: ActivityInterceptorsFactory = () => ({
  inbound: {
    execute: (input, next) =>
      next(input).catch((error: unknown) => {
        throw withoutStack(error);
      }),
  },
});

/** @throws ConfigError */
function refuseUnknownChannels(names: readonly string[], targets: Targets): void {
  for (const name of names) {
    const target = targets.find(name);
    if (target && channelKindOf(target) !== undefined) continue;
    throw new ConfigError(
      `The worker cannot start: --notify (RUNBOOK_NOTIFY) names ${JSON.stringify(name)}, and targets.yaml ${
        target ? `declares no way in which it tells people: ${channelRule}` : 'has no such target'
      }. See docs/targets-and-secrets.md`,
    );
  }
}

/** How long the server may take to describe an execution, in milliseconds. */
const answerMs = 5_000;
const notFound = 5;

function askServer(connection: NativeConnection, namespace: string): AskServer {
  return async (workflowId, runId) => {
    try {
      const { workflowExecutionInfo, pendingActivities } = await connection.withDeadline(
        Date.now() + answerMs,
        () =>
          connection.workflowService.describeWorkflowExecution({
            namespace,
            execution: { workflowId, runId },
          }),
      );
      return {
        firstRunId: workflowExecutionInfo?.firstRunId ?? '',
        taskQueue: workflowExecutionInfo?.taskQueue ?? '',
        activities: workflowExecutionInfo?.closeTime
          ? null
          : (pendingActivities ?? []).map(({ activityId }) => activityId ?? ''),
      };
    } catch (error) {
      if ((error as { code?: unknown }).code === notFound) return null;
      throw error;
    }
  };
}

/** A run that has ended, or that the server no longer has, need not know. */
function signalLoss(connection: NativeConnection, namespace: string): TellLoss {
  return async ({ run }) => {
    try {
      await connection.withDeadline(Date.now() + answerMs, () =>
        connection.workflowService.signalWorkflowExecution({
          namespace,
          workflowExecution: { workflowId: run },
          signalName: messageNames.lost,
        }),
      );
    } catch (error) {
      if ((error as { code?: unknown }).code !== notFound) throw error;
    }
  };
}
