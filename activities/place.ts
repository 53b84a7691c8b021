import { ApplicationFailure, type Info } from '@temporalio/activity';
import type { RunKey } from '../common/keys.js';

/**
 * What the Temporal server says of a workflow execution. No client can choose any of it for a run
 * that is not its own.
 */
export interface ToldExecution {
  /**
   * Run id of the first execution of its chain; survives reset, retry, cron and continue-as-new.
   */
  firstRunId: string;
  taskQueue: string;
}

/** The same as it stands now. */
interface ToldNow extends ToldExecution {
  /** Ids of the activities that it waits for; null when it has ended. */
  activities: readonly string[] | null;
}

/** Asks the server for one execution; null when it has none such. */
export type AskServer = (workflowId: string, runId: string) => Promise<ToldNow | null>;

/** Executions that a worker remembers; one that it has forgotten costs one request more. */
const remembered = 10_000;

/**
 * Proves where a request comes from, before anything is done for it. Whoever reaches the Temporal
 * server can start our activities: on their own, from a workflow of theirs, or with state that no
 * run has handed over. So the server itself is asked, once for each execution, whose it is.
 */
export class Places {
  private readonly told = new Map<string, Promise<ToldExecution | null>>();

  /** @param taskQueue where runs of this worker are: their code is done by workers of this queue */
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
    if (!from) throw outOfPlace(key, info, 'no workflow asked for it');
    if (from.workflowId !== key.run)
      throw outOfPlace(key, info, `workflow ${from.workflowId} asked for it`);
    const told = await this.tell(from.workflowId, from.runId);
    if (!told) throw outOfPlace(key, info, 'the Temporal server has no such execution');
    if (told.firstRunId !== key.firstRunId)
      throw outOfPlace(key, info, 'another workflow asked for it under the same id');
    if (told.taskQueue !== this.taskQueue)
      throw outOfPlace(key, info, `a workflow on task queue ${told.taskQueue} asked for it`);
  }

  /**
   * Whether the execution goes on and waits for the activity no more, although this worker has not
   * answered: somebody else has.
   * @throws what the server said when it does not say
   */
  async isAnswered({ workflowExecution: from, activityId }: Info): Promise<boolean> {
    const now = from && (await this.ask(from.workflowId, from.runId));
    return now?.activities?.includes(activityId) === false;
  }

  private async tell(workflowId: string, runId: string): Promise<ToldExecution | null> {
    const known = this.told.get(runId);
    if (known) return known;
    const asked = this.ask(workflowId, runId).then(
      (now) => now && { firstRunId: now.firstRunId, taskQueue: now.taskQueue },
    );
    this.told.set(runId, asked);
    const [oldest] = this.told.keys();
    if (this.told.size > remembered && oldest !== undefined) this.told.delete(oldest);
    try {
      const told = await asked;
      if (!told) this.told.delete(runId);
      return told;
    } catch (error) {
      this.told.delete(runId);
      throw ApplicationFailure.create({
        type: 'TemporalUnavailable',
        message: `the Temporal server did not say which run asks (${codeOf(error)}); nothing was done, and it is asked again`,
        nextRetryDelay: '1s',
      });
    }
  }
}

function outOfPlace(key: RunKey, { activityType }: Info, why: string): ApplicationFailure {
  return ApplicationFailure.create({
    type: 'OutOfPlace',
    message:
      `${activityType} was asked for in the name of run ${key.run}, but ${why}. Nothing was done. ` +
      'Whoever asked can reach the Temporal server and is no run of this program: see who may',
    nonRetryable: true,
  });
}

function codeOf(error: unknown): string {
  const { code } = (error ?? {}) as { code?: unknown };
  return typeof code === 'number' ? `gRPC status ${code}` : 'no answer';
}
