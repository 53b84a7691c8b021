import {
  Client,
  Connection,
  WorkflowNotFoundError,
  type ConnectionOptions,
  type WorkflowExecutionDescription,
} from '@temporalio/client';
import { queryWithRetry } from '../common/ask-again.js';
import { messageNames } from '../common/defaults.js';
import { searchAttributes } from '../common/search-attributes.js';
import { defaultAddress, launchWorkflow } from '../common/defaults.js';
import { quoted } from '../common/visibility.js';
import { endableRetries } from '../common/temporal-retries.js';
import { resetReason } from '../common/reset-event.js';
import { pausesOf, type TemporalPause } from '../common/temporal-pauses.js';
import type { RunView } from '../common/view.js';
import type { Execution, WatchedRun } from '../store/index.js';
import { closedBy, type Closed } from './closed-by.js';

/** Milliseconds that Temporal gets for one answer. */
const patienceMs = 5_000;
/** Milliseconds for the whole list, which may have many pages. */
const listPatienceMs = 20_000;

/** gRPC's NOT_FOUND. */
const notFound = 5;

/** Temporal's HISTORY_EVENT_FILTER_TYPE_CLOSE_EVENT. */
const closeEventOnly = 2;

/** The state of a run in Temporal. */
export type TemporalState =
  | { is: 'running'; execution: Execution; pauses: TemporalPause[] }
  | ({ is: 'closed' } & Closed)
  /** Temporal answered that it does not have it. Without an answer `stateOf` throws. */
  | { is: 'missing' };

/** Asks Temporal about runs. Every method throws when Temporal does not answer. */
export class TemporalRuns {
  private readonly connection: Connection;
  private readonly retries: ReturnType<typeof endableRetries>;
  private readonly client: Client;
  private readonly address: string;

  /** @param options where Temporal is; connects with the first request */
  constructor(
    options: ConnectionOptions,
    readonly namespace: string,
    identity: string,
  ) {
    // A failed comparison is soon repeated; the worker's own connection would retry for a minute
    // and log each try.
    this.retries = endableRetries(2);
    this.address = options.address ?? defaultAddress;
    const interceptors = [this.retries.interceptor];
    this.connection = Connection.lazy({ ...options, interceptors });
    this.client = new Client({ connection: this.connection, namespace, identity });
  }

  /** The namespace's id, which differs from that of an earlier namespace of the same name. */
  async namespaceId(): Promise<string> {
    const { namespaceInfo } = await this.within(() =>
      this.connection.workflowService.describeNamespace({ namespace: this.namespace }),
    );
    return namespaceInfo?.id || this.namespace;
  }

  /** Workflow ids of running runs from the visibility store, which lags behind and may be wrong. */
  async listed(): Promise<Set<string>> {
    const query = `${searchAttributes.state.name} IS NOT NULL AND ExecutionStatus = 'Running'`;
    return this.connection.withDeadline(Date.now() + listPatienceMs, async () => {
      const found = new Set<string>();
      for await (const { workflowId } of this.client.workflow.list({ query, pageSize: 1_000 }))
        found.add(workflowId);
      return found;
    });
  }

  /** The authoritative state of this run, from Temporal's own records. */
  async stateOf({ key, execution }: WatchedRun): Promise<TemporalState> {
    let found = await this.describe(key.run);
    // Another run may use the id by now; then this one has ended.
    if (found && firstRunOf(found) !== key.firstRunId)
      found = await this.describe(key.run, execution ?? key.firstRunId);
    // During a reset Temporal may still describe the execution that was just replaced.
    for (let next = resetTo(found); next; next = resetTo(found))
      found = await this.describe(key.run, next);
    if (!found) return { is: 'missing' };
    // A workflow that is paused in Temporal has not ended.
    if (found.status.name === 'RUNNING' || found.status.name === 'PAUSED') {
      return {
        is: 'running',
        execution: { runId: found.runId, at: found.startTime.toISOString() },
        pauses: pausesOf({ address: this.address, namespace: this.namespace }, found),
      };
    }
    const { history } = await this.within(() =>
      this.connection.workflowService.getWorkflowExecutionHistory({
        namespace: this.namespace,
        execution: { workflowId: key.run, runId: found.runId },
        historyEventFilterType: closeEventOnly,
      }),
    );
    const endedAt = found.closeTime?.toISOString() ?? new Date().toISOString();
    return { is: 'closed', endedAt, ...closedBy(found.status.name, history?.events?.at(-1)) };
  }

  /**
   * Why the run was reset to this execution, as its history says; empty where it does not say, or
   * is gone.
   */
  async resetReason(run: string, runId: string): Promise<string> {
    let reason = '';
    let nextPageToken: Uint8Array | undefined;
    do {
      const page = await this.page(run, runId, nextPageToken);
      // One history may have been reset several times: the last time is this execution's own.
      for (const event of page?.history?.events ?? []) reason = resetReason(event) ?? reason;
      nextPageToken = page?.nextPageToken ?? undefined;
    } while (nextPageToken && nextPageToken.length > 0);
    return reason;
  }

  private async page(run: string, runId: string, nextPageToken: Uint8Array | undefined) {
    try {
      return await this.within(() =>
        this.connection.workflowService.getWorkflowExecutionHistory({
          namespace: this.namespace,
          execution: { workflowId: run, runId },
          ...(nextPageToken ? { nextPageToken } : {}),
        }),
      );
    } catch (error) {
      if ((error as { code?: unknown }).code === notFound) return null;
      throw error;
    }
  }

  /** The run's own view; needs a worker that answers queries. */
  view(run: string): Promise<RunView> {
    return this.within(() =>
      queryWithRetry(() => this.client.workflow.getHandle(run).query<RunView>(messageNames.status)),
    );
  }

  /**
   * Deletes launches of a task queue from Temporal's list, which is for runs. Whoever asked has
   * read the answer, or has died; refused starts are in the record.
   * @param keptMs milliseconds for which they are left after their end
   */
  async forgetLaunches(taskQueue: string, keptMs: number): Promise<void> {
    const before = new Date(Date.now() - keptMs).toISOString();
    const query = [
      `WorkflowType = ${quoted(launchWorkflow)}`,
      `TaskQueue = ${quoted(taskQueue)}`,
      `ExecutionStatus != 'Running'`,
      `CloseTime < ${quoted(before)}`,
    ].join(' AND ');
    await this.connection.withDeadline(Date.now() + listPatienceMs, async () => {
      for await (const { workflowId, runId } of this.client.workflow.list({ query }))
        await this.delete(workflowId, runId);
    });
  }

  private async delete(workflowId: string, runId: string): Promise<void> {
    try {
      await this.connection.workflowService.deleteWorkflowExecution({
        namespace: this.namespace,
        workflowExecution: { workflowId, runId },
      });
    } catch (error) {
      // Another worker was quicker, and the list lags behind.
      if ((error as { code?: unknown }).code !== notFound) throw error;
    }
  }

  close(): Promise<void> {
    this.retries.end();
    return this.connection.close();
  }

  private async describe(
    run: string,
    runId?: string,
  ): Promise<WorkflowExecutionDescription | undefined> {
    try {
      return await this.within(() => this.client.workflow.getHandle(run, runId).describe());
    } catch (error) {
      // A missing namespace is another error: it does not prove that its runs are missing.
      if (error instanceof WorkflowNotFoundError) return undefined;
      throw error;
    }
  }

  private within<T>(call: () => Promise<T>): Promise<T> {
    return this.connection.withDeadline(Date.now() + patienceMs, call);
  }
}

function firstRunOf({ raw, runId }: WorkflowExecutionDescription): string {
  return raw.workflowExecutionInfo?.firstRunId || runId;
}

function resetTo(execution: WorkflowExecutionDescription | undefined): string | undefined {
  return execution?.raw.workflowExtendedInfo?.resetRunId ?? undefined;
}
