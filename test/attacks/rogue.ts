import {
  ActivityCancellationType,
  makeContinueAsNewFunc,
  proxyActivities,
  workflowInfo,
} from '@temporalio/workflow';
import type { Admission } from '../../common/admission.js';
import type { StartEnvelope } from '../../common/envelope.js';
import { initialView } from '../../common/initial-view.js';
import { engineQueue } from '../../common/queues.js';
import type { RunView } from '../../common/view.js';
import type { Json, JsonObject } from '../../language/json.js';
import type { Carried } from '../../workflows/engine/carried.js';
import { runbook } from '../../workflows/engine/runbook.js';
import { interpret } from '../../workflows/interpreter/interpret.js';
import type { Call } from './strangers.js';

/** What a run continues as: our own code. */
const interpreter = runbook(null, interpret);
export default interpreter;

type Asked = Record<string, (request: object) => Promise<Json>>;

const options = {
  startToCloseTimeout: '20s' as const,
  cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
  retry: { maximumAttempts: 1 },
};

/** Is admitted as a run, as ours are. */
async function admitted(envelope: StartEnvelope) {
  const { workflowId, firstExecutionRunId, startTime, taskQueue } = workflowInfo();
  const key = { run: workflowId, firstRunId: firstExecutionRunId };
  const platform = proxyActivities<Asked>({ ...options, taskQueue: engineQueue(taskQueue) });
  const startedAt = startTime.toISOString();
  const answer = await platform['admit']?.({ version: 1, key, envelope, startedAt });
  return { key, platform, startedAt, admission: answer as unknown as Admission };
}

/**
 * Workflow code that is not ours, on a worker of our own task queue: it is admitted as a run of a
 * runbook, and then asks for what it likes in the run's name.
 */
export async function rogue(envelope: StartEnvelope, calls: readonly Call[]): Promise<Json[]> {
  const { key, platform } = await admitted(envelope);
  const steps = proxyActivities<Asked>(options);
  const answers: Json[] = [];
  for (const { activity, request } of calls) {
    const own = { id: key.run, firstRunId: key.firstRunId };
    const { view } = request as JsonObject;
    const asked = { ...(request as JsonObject), key, view: { ...(view as JsonObject), ...own } };
    const from = activity === 'judge' || activity === 'record' ? platform : steps;
    answers.push(
      (await from[activity]?.(asked).catch(
        (error: Error) => `refused: ${((error.cause ?? error) as Error).message}`,
      )) ?? null,
    );
  }
  return answers;
}

/**
 * The same, but it hands a forged state over to our code: workers of ours take it for that of the
 * execution before.
 * @param forge what is put in the place of the steps' true states, by path
 */
export async function rogueBorder(
  envelope: StartEnvelope,
  forge: Record<string, Partial<RunView['steps'][number]>>,
): Promise<void> {
  const { key, startedAt, admission } = await admitted(envelope);
  if (!admission.admitted) return;
  const { plan, settings } = admission;
  const view = initialView(key, envelope, plan, startedAt, null);
  const carried: Carried = {
    ...{ version: 1, verb: 'continue', key, envelope, plan, settings },
    view: {
      ...view,
      steps: view.steps.map((step) => Object.assign(step, forge[step.id])),
    },
    published: { state: '', step: '', command: '' },
    ...{ gates: [], desk: [], lease: { held: [], asked: 0 }, paused: false, rollback: null },
    inbox: { verdicts: [], count: 0, noted: [] },
    ...{ saves: { made: 0, unsaved: [] }, unconfirmed: { answers: [], decisions: [] } },
  };
  const type = { workflowType: envelope.runbook };
  await makeContinueAsNewFunc<(from: Carried) => Promise<void>>(type)(carried);
}
