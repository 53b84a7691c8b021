import { ApplicationFailure, type Info } from '@temporalio/activity';
import type { RunKey } from '../common/keys.js';

/**
 * Facts about a workflow execution from the Temporal server. A client cannot choose them for a run
 * that is not its own.
 */
export interface ExecutionFacts {
  /**
   * Run id of the first execution of its chain; survives reset, retry, cron and continue-as-new.
   */
  firstRunId: string;
  taskQueue: string;
}

/** The same facts, with the current state. */
interface CurrentExecution extends ExecutionFacts {
  /** Ids of the activities that it waits for; null when it has ended. */
  activities: readonly string[] | null;
}

/** Asks the server for one execution; null when there is none. */
export type AskServer = (workflowId: string, runId: string) => Promise<CurrentExecution | null>;

/** Size of the cache of executions; a miss costs one request. */
const remembered = 10_000;

/**
 * Proves where a request comes from, before it is served. Anybody who reaches the Temporal server
 * can start our activities: standalone, from another workflow, or with invented state. So the
 * server itself is asked, once for each execution, which run it belongs to.
 */
export class Origins {
  private readonly known = new Map<string, Promise<ExecutionFacts | null>>();

  /** @param taskQueue queue of this worker's runs: only its workers execute their code */
  constructor(
    private readonly ask: AskServer,
    private readonly taskQueue: string,
  ) {}

  /**
   * @param key the run that the request names
   * @throws ApplicationFailure OutOfPlace when it does not come from that run; TemporalUnavailable,
   *   retryable, when the server does not say
   */
  async prove(key: RunKey, info: Info): Promise<void> {
    const from = info.workflowExecution;
    if (!from) throw outOfPlace(key, info, 'no workflow requested it');
    if (from.workflowId !== key.run)
      throw outOfPlace(key, info, `workflow ${from.workflowId} requested it`);
    const execution = await this.lookUp(from.workflowId, from.runId);
    if (!execution) throw outOfPlace(key, info, 'the Temporal server has no such execution');
    if (execution.firstRunId !== key.firstRunId)
      throw outOfPlace(key, info, 'another workflow requested it under the same id');
    if (execution.taskQueue !== this.taskQueue)
      throw outOfPlace(key, info, `a workflow on task queue ${execution.taskQueue} requested it`);
  }

  /**
   * True when the execution no longer waits for the activity, although this worker has not
   * completed it: somebody else has.
   * @throws the error of the server when it does not answer
   */
  async isAnswered({ workflowExecution: from, activityId }: Info): Promise<boolean> {
    const now = from && (await this.ask(from.workflowId, from.runId));
    return now?.activities?.includes(activityId) === false;
  }

  private async lookUp(workflowId: string, runId: string): Promise<ExecutionFacts | null> {
    const known = this.known.get(runId);
    if (known) return known;
    const asked = this.ask(workflowId, runId).then(
      (now) => now && { firstRunId: now.firstRunId, taskQueue: now.taskQueue },
    );
    this.known.set(runId, asked);
    const [oldest] = this.known.keys();
    if (this.known.size > remembered && oldest !== undefined) this.known.delete(oldest);
    try {
      const execution = await asked;
      if (!execution) this.known.delete(runId);
      return execution;
    } catch (error) {
      this.known.delete(runId);
      throw ApplicationFailure.create({
        type: 'TemporalUnavailable',
        message:
          `the Temporal server did not say which run made the request (${codeOf(error)}); ` +
          'nothing was done, and it is retried',
        nextRetryDelay: '1s',
      });
    }
  }
}

function outOfPlace(key: RunKey, { activityType }: Info, why: string): ApplicationFailure {
  return ApplicationFailure.create({
    type: 'OutOfPlace',
    message:
      `${activityType} was requested in the name of ` +
      `run ${key.run}, but ${why}. Nothing was done. ` +
      'The requester can reach the Temporal server and ' +
      'is no run of this program: check who has access',
    nonRetryable: true,
  });
}

function codeOf(error: unknown): string {
  const { code } = (error ?? {}) as { code?: unknown };
  return typeof code === 'number' ? `gRPC status ${code}` : 'no answer';
}
