import {
  ApplicationFailure,
  CancellationScope,
  CancelledFailure,
  isCancellation,
  setDefaultSignalHandler,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import type { RunbookSpec } from '../../language/runbook.js';
import type { Json, JsonObject } from '../../language/json.js';
import type { DecisionEnvelope, StartEnvelope, Verdict } from '../../common/envelope.js';
import type { DecisionView, Problem, RunState, RunView } from '../../common/view.js';
import type { RunKey } from '../../common/keys.js';
import { decideSignal, statusQuery, verdictQuery } from '../messages.js';
import { platformActivities } from './activities.js';
import { Inbox, type InboxOwner } from './inbox.js';
import { GateRejected, ProcedureStopped, StepFailed, TargetRefused } from './outcome.js';
import { Run } from './run.js';

export type Procedure = (run: Run) => Promise<void>;

/** What the workflow returns to whoever waits for its result. */
export interface RunResult {
  state: RunState;
  outputs: JsonObject;
}

interface Ending {
  state: RunState;
  problem: Problem | null;
  /** Whether what was changed has to be taken back. */
  rollback: boolean;
}

/** Decisions kept for `status`; older ones stay in the record. */
const decisionsShown = 100;

/**
 * Makes a Temporal workflow of a code-first runbook: `spec` declares its steps, `procedure` orders them. One life of a
 * run, top to bottom: handlers, admission, procedure, rollback where it is owed, the last word to the record.
 * @param onFailure what to do with the changes made when a step fails for good
 */
export function runbook(spec: RunbookSpec, procedure: Procedure, onFailure: (run: Run) => 'leave' | 'rollback' = () => 'leave') {
  return async (argument: unknown): Promise<RunResult> => {
    const inbox = new Inbox();
    let run: Run | undefined;
    // Before the first await: a signal or query may arrive with the very first task.
    setHandler(decideSignal, (payload: unknown) => inbox.receive('decide', payload));
    setDefaultSignalHandler((name: string, ...payload: unknown[]) => inbox.receive(name, payload[0]));
    setHandler(verdictQuery, (decision: string) => inbox.verdict(decision));
    setHandler(statusQuery, (): RunView => {
      if (run) return run.board.view;
      throw new Error('the run is not admitted yet');
    });

    const info = workflowInfo();
    const key: RunKey = { run: info.workflowId, firstRunId: info.firstExecutionRunId };
    const envelope = readEnvelope(argument, spec.id);
    const admission = await CancellationScope.nonCancellable(() =>
      platformActivities.admit({ version: 1, key, envelope, startedAt: info.startTime.toISOString() }),
    );
    if (!admission.admitted) throw failed(admission.problem);

    const live = (run = new Run(key, envelope, admission, () => inbox.busy));
    const scope = new CancellationScope();
    const answering = CancellationScope.nonCancellable(() => inbox.pump(ownerOf(live, () => scope.cancel())));

    const work = async (): Promise<void> => {
      await live.holdTargets();
      await procedure(live);
    };
    const ending = await endingOf(live, () => scope.run(work), onFailure);
    await CancellationScope.nonCancellable(async () => {
      const problem = ending.rollback ? await rollBack(live, ending) : ending.problem;
      live.board.close(ending.state, problem);
      inbox.close();
      await answering;
      await live.save();
    });
    return result(live);
  };
}

/** Runs the procedure and says how it ended. Errors that the engine does not know are bugs: they fail the workflow task. */
async function endingOf(
  run: Run,
  procedure: () => Promise<void>,
  onFailure: (run: Run) => 'leave' | 'rollback',
): Promise<Ending> {
  try {
    await procedure();
    return { state: run.exceptions.length > 0 ? 'succeeded-with-exceptions' : 'succeeded', problem: null, rollback: false };
  } catch (error) {
    if (isCancellation(error)) {
      return { state: 'cancelled', problem: { type: 'Cancelled', message: 'the run was cancelled' }, rollback: true };
    }
    if (error instanceof TargetRefused) return { state: 'failed', problem: error.problem, rollback: false };
    if (error instanceof GateRejected) return { state: 'rejected', problem: error.problem, rollback: true };
    if (error instanceof StepFailed || error instanceof ProcedureStopped) {
      const way = error instanceof StepFailed ? error.way : null;
      const rollback = way === null ? onFailure(run) === 'rollback' : way === 'rollback';
      return { state: rollback && !run.undos.empty ? 'rolled-back' : 'failed', problem: error.problem, rollback };
    }
    throw error;
  }
}

async function rollBack(run: Run, ending: Ending): Promise<Problem | null> {
  const failed = await run.rollback();
  if (failed.length === 0) return ending.problem;
  if (ending.state === 'rolled-back') ending.state = 'failed';
  const message = `${ending.problem?.message ?? 'rollback'}; could not be taken back: ${failed.join(', ')}`;
  return {
    type: ending.problem?.type ?? 'StepFailed',
    message,
    next: 'Take these steps back by hand; each step above says how.',
  };
}

/** How Temporal itself sees the end: completed, failed or cancelled, so that its own lists are right too. */
function result(run: Run): RunResult {
  const { state, outputs, problem } = run.board.view;
  // Only when Temporal was asked: a cancellation it never requested would be shown as a failure.
  if (state === 'cancelled' && CancellationScope.current().consideredCancelled)
    throw new CancelledFailure('the run was cancelled');
  if (state === 'failed' || state === 'rolled-back') throw failed(problem);
  return { state, outputs };
}

function failed(problem: Problem | null): ApplicationFailure {
  return ApplicationFailure.create({
    type: problem?.type ?? 'RunFailed',
    message: [problem?.message ?? 'the run failed', problem?.next].filter(Boolean).join('. '),
    nonRetryable: true,
  });
}

function ownerOf(run: Run, cancel: () => void): InboxOwner {
  const note = (received: Json, verdict: Verdict, at: string): void => {
    const decisions = run.board.view.decisions;
    decisions.push(decisionView(received, verdict, at));
    if (decisions.length > decisionsShown) decisions.shift();
  };
  return {
    facts: () => ({
      key: run.key,
      requester: run.envelope.by,
      gates: run.gates.facts(),
      desk: run.desk.facts(),
      lease: run.lease.facts(),
      ended: run.board.view.endedAt !== null,
    }),
    judge: async (request) => (await platformActivities.judge(request)).verdicts,
    apply: (decision, verdict, at) => {
      note(decision as unknown as Json, verdict, at);
      if (decision.verb === 'cancel') cancel();
      else if (decision.verb === 'take-over') run.lease.decide(decision);
      else if (decision.step !== undefined) run.desk.decide(decision);
      else run.gates.decide(decision);
    },
    refused: note,
  };
}

function decisionView(received: Json, verdict: Verdict, at: string): DecisionView {
  const told = (
    received !== null && typeof received === 'object' && !Array.isArray(received) ? received : {}
  ) as Partial<DecisionEnvelope>;
  const text = (value: unknown): string => (typeof value === 'string' ? value.slice(0, 500) : '');
  return {
    id: verdict.decision,
    verb: text(told.verb),
    gate: text(told.gate) || text(told.step) || null,
    by: text(told.by),
    reason: text(told.reason),
    at,
    accepted: verdict.accepted,
    code: verdict.code,
    message: verdict.message,
  };
}

/** The start argument, when it is one. Anything else ends the run at once with words, before anything is done. */
function readEnvelope(argument: unknown, runbookId: string): StartEnvelope {
  const envelope = argument as Partial<StartEnvelope> | null | undefined;
  if (envelope?.version === 1 && envelope.verb === 'start' && envelope.runbook === runbookId && typeof envelope.by === 'string') {
    return envelope as StartEnvelope;
  }
  throw failed({
    type: 'Refused',
    message: `a run of ${runbookId} was started with something that is no start envelope.`,
    next: `Start it with: runbook start ${runbookId}`,
  });
}
