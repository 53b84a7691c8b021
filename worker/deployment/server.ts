import type { WorkflowService } from '@temporalio/client';
import type { temporal } from '@temporalio/proto';
import { deploymentOf, versionName } from '../../common/deployment.js';
import { messageNames } from '../../common/defaults.js';
import { searchAttributes } from '../../common/search-attributes.js';

type History = temporal.api.history.v1.IHistory;

export interface DeploymentState {
  /** Build id of the version that gets new runs; null when none does. */
  current: string | null;
  /** All versions by build id, and whether each was ever current. */
  versions: ReadonlyMap<string, { wasCurrent: boolean }>;
  /** Makes a change fail when somebody else has made one since. */
  token: Uint8Array;
}

/** A worker as the server last heard of it. */
export interface Sign {
  /** Identifies the process: a restarted worker is another one. */
  key: string;
  /** `host:pid`. */
  identity: string;
  buildId: string;
  /**
   * Time of its last heartbeat or poll, in milliseconds since 1970, by its own or the server's
   * clock.
   */
  at: number;
}

export interface Signs {
  workers: Sign[];
  /**
   * Milliseconds that may pass between two signs of a live worker; null when there are heartbeats.
   */
  sparseMs: number | null;
}

export interface PinnedRun {
  id: string;
  runId: string;
  /** Workflow type. */
  runbook: string;
  buildId: string;
  /** Its state as `status` shows it; empty when it is not known. */
  state: string;
}

const pageSize = 200;
/** A poll lasts at most a minute, and is followed by the next. */
const pollMs = 75_000;
const grpcNotFound = 5;
/** WORKER_STATUS_RUNNING */
const statusRunning = 1;

/**
 * The workers of a task queue and their versions, from the server (Temporal's Worker Deployments).
 * Raw calls, because the SDK has no client for them; all throw gRPC errors.
 */
export class Deployment {
  readonly name: string;

  constructor(
    private readonly service: WorkflowService,
    private readonly namespace: string,
    readonly taskQueue: string,
    private readonly identity: string,
  ) {
    this.name = deploymentOf(taskQueue);
  }

  /** @returns null when no versioned worker has ever served the queue */
  async state(): Promise<DeploymentState | null> {
    try {
      const { workerDeploymentInfo: info, conflictToken } =
        await this.service.describeWorkerDeployment({
          namespace: this.namespace,
          deploymentName: this.name,
        });
      const versions = new Map<string, { wasCurrent: boolean }>();
      for (const { deploymentVersion, firstActivationTime } of info?.versionSummaries ?? []) {
        if (deploymentVersion?.buildId)
          versions.set(deploymentVersion.buildId, { wasCurrent: Boolean(firstActivationTime) });
      }
      return {
        current: info?.routingConfig?.currentDeploymentVersion?.buildId || null,
        versions,
        token: conflictToken,
      };
    } catch (error) {
      if ((error as { code?: number }).code === grpcNotFound) return null;
      throw error;
    }
  }

  /** New runs, and runs at a border, go to this version from now on. */
  async makeCurrent(buildId: string, token: Uint8Array): Promise<void> {
    await this.service.setWorkerDeploymentCurrentVersion({
      namespace: this.namespace,
      deploymentName: this.name,
      buildId,
      identity: this.identity,
      conflictToken: token,
    });
  }

  /** The versioned workers that were seen lately; dead ones are included for some minutes. */
  async signs(): Promise<Signs> {
    const { namespaceInfo } = await this.service.describeNamespace({ namespace: this.namespace });
    return namespaceInfo?.capabilities?.workerHeartbeats ? this.heartbeats() : this.polls();
  }

  private async heartbeats(): Promise<Signs> {
    const workers: Sign[] = [];
    let nextPageToken: Uint8Array = new Uint8Array();
    do {
      const page = await this.service.listWorkers({
        namespace: this.namespace,
        pageSize,
        nextPageToken,
      });
      for (const { workerHeartbeat: beat } of page.workersInfo) {
        const { deploymentName, buildId } = beat?.deploymentVersion ?? {};
        if (!beat || deploymentName !== this.name || beat.taskQueue !== this.taskQueue || !buildId)
          continue;
        // A stopping worker takes no new work: its runs need another worker now.
        if (Number(beat.status) !== statusRunning) continue;
        workers.push({
          key: beat.workerInstanceKey ?? '',
          identity: beat.workerIdentity ?? 'unknown',
          buildId,
          at: milliseconds(beat.heartbeatTime),
        });
      }
      ({ nextPageToken } = page);
    } while (nextPageToken.length > 0);
    return { workers, sparseMs: null };
  }

  private async polls(): Promise<Signs> {
    const { pollers } = await this.service.describeTaskQueue({
      namespace: this.namespace,
      taskQueue: { name: this.taskQueue },
      taskQueueType: 1,
    });
    const workers = pollers.flatMap(({ identity, lastAccessTime, deploymentOptions }): Sign[] => {
      const buildId =
        deploymentOptions?.deploymentName === this.name ? deploymentOptions.buildId : undefined;
      const name = identity ?? 'unknown';
      return buildId
        ? [{ key: name, identity: name, buildId, at: milliseconds(lastAccessTime) }]
        : [];
    });
    return { workers, sparseMs: pollMs };
  }

  /** Open runs of all versions except this one. */
  async *runs(except?: string): AsyncGenerator<PinnedRun> {
    const conditions = [`TemporalWorkerDeployment = '${this.name}'`, `ExecutionStatus = 'Running'`];
    if (except !== undefined) {
      conditions.push(
        'TemporalWorkerDeploymentVersion != ' +
          `'${versionName({ deploymentName: this.name, buildId: except })}'`,
      );
    }
    let nextPageToken: Uint8Array = new Uint8Array();
    do {
      const page = await this.service.listWorkflowExecutions({
        namespace: this.namespace,
        query: conditions.join(' AND '),
        pageSize,
        nextPageToken,
      });
      for (const { execution, type, searchAttributes: found } of page.executions) {
        const version = text(found?.indexedFields?.['TemporalWorkerDeploymentVersion']);
        if (!execution?.workflowId || !execution.runId || !version.startsWith(`${this.name}:`))
          continue;
        yield {
          id: execution.workflowId,
          runId: execution.runId,
          runbook: type?.name ?? '',
          buildId: version.slice(this.name.length + 1),
          state: text(found?.indexedFields?.[searchAttributes.state.name]),
        };
      }
      ({ nextPageToken } = page);
    } while (nextPageToken.length > 0);
  }

  async history({ id, runId }: Pick<PinnedRun, 'id' | 'runId'>): Promise<History> {
    const events: NonNullable<History['events']> = [];
    let nextPageToken: Uint8Array = new Uint8Array();
    do {
      const page = await this.service.getWorkflowExecutionHistory({
        namespace: this.namespace,
        execution: { workflowId: id, runId },
        nextPageToken,
      });
      events.push(...(page.history?.events ?? []));
      ({ nextPageToken } = page);
    } while (nextPageToken.length > 0);
    return { events };
  }

  /**
   * Gives the run's next workflow task to a version; from then on the run is pinned to it as if it
   * had begun there. Not a lasting override: that would be inherited, and keep the run from every
   * later release. A move alone causes no workflow task, and a gate would keep the question of the
   * old code: so the run gets a signal.
   */
  async move(run: Pick<PinnedRun, 'id' | 'runId'>, buildId: string): Promise<void> {
    const { id, runId } = run;
    await this.service.updateWorkflowExecutionOptions({
      namespace: this.namespace,
      workflowExecution: { workflowId: id, runId },
      workflowExecutionOptions: {
        versioningOverride: {
          oneTime: { targetDeploymentVersion: { deploymentName: this.name, buildId } },
        },
      },
      updateMask: { paths: ['versioning_override'] },
      identity: this.identity,
    });
    // The run is moved even if the signal fails, and notices with its next task.
    await this.signal(run, messageNames.moved).catch(() => undefined);
  }

  /** Asks a run that waits to continue as new, which brings it to the current version. */
  requestBorder(run: Pick<PinnedRun, 'id' | 'runId'>): Promise<void> {
    return this.signal(run, messageNames.border);
  }

  private async signal(
    { id, runId }: Pick<PinnedRun, 'id' | 'runId'>,
    signalName: string,
  ): Promise<void> {
    await this.service.signalWorkflowExecution({
      namespace: this.namespace,
      workflowExecution: { workflowId: id, runId },
      signalName,
      identity: this.identity,
    });
  }
}

function milliseconds(
  time: { seconds?: unknown; nanos?: number | null } | null | undefined,
): number {
  return time ? Number(time.seconds ?? 0) * 1_000 + Math.floor((time.nanos ?? 0) / 1e6) : 0;
}

/** A keyword attribute's value. */
function text(payload: { data?: Uint8Array | null } | null | undefined): string {
  try {
    const value: unknown = JSON.parse(Buffer.from(payload?.data ?? []).toString('utf8'));
    return typeof value === 'string' ? value : '';
  } catch {
    return '';
  }
}
