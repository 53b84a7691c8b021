import { Context } from '@temporalio/activity';
import type pg from 'pg';
import type { Admission } from '../common/admission.js';
import type { AttemptRequest, AttemptResult } from '../common/attempt.js';
import type { StartEnvelope } from '../common/envelope.js';
import { initialView } from '../common/initial-view.js';
import type { JudgeAnswer, JudgeRequest, SignalNote } from '../common/judgement.js';
import type { RunKey } from '../common/keys.js';
import { refusesWhenHeld } from '../common/lease.js';
import type { SavedStep } from '../common/saved-steps.js';
import { whyNotAsked } from '../common/shapes.js';
import { actionKinds, type ActionKind } from '../language/kinds/index.js';
import { runFacts } from '../language/run-facts.js';
import type { Problem, RunView } from '../common/view.js';
import type { PlannedFile } from '../language/plan.js';
import {
  admitRun,
  lostTargets,
  noteExecution,
  recordRefusal,
  recordDecisions,
  retakeTargets,
  saveRun,
  type SaveAnswer,
  type RefusedStart,
  type SaveNumber,
} from '../store/index.js';
import { admitHere, refuseInputs, sourcesOf, type AdmissionDeps } from './admit.js';
import { check } from './check.js';
import { command } from './command.js';
import { delivery } from './delivery/index.js';
import { executionOf } from './execution.js';
import type { Handlers } from './handler.js';
import { withHeartbeats } from './heartbeat.js';
import { http } from './http.js';
import { goesOn, mayGoOn } from './judge-lost.js';
import { judge } from './judge.js';
import {
  acquire,
  tryLeases,
  currentHolders,
  lossesText,
  type LeaseAnswer,
  type LeaseRequest,
  type TellLoss,
} from './lease.js';
import { notify } from './notify.js';
import { perform, type PerformDeps } from './perform.js';
import { Plans } from './plans.js';
import { settle, type SettleRequest, type Settled } from './settle.js';
import { sql } from './sql.js';
import { takenSteps } from './taken-steps.js';

export interface AdmitRequest {
  version: 1;
  /** null where no run exists yet. */
  key: RunKey | null;
  envelope: StartEnvelope;
  startedAt: string | null;
  /** The files that the run keeps, where its inputs were changed. */
  files?: readonly PlannedFile[] | undefined;
}

/** A start that the run itself has refused, because of its shape. */
export type RefuseRequest = { version: 1 } & RefusedStart;

export interface RecordRequest {
  version: 2;
  /** Without its decisions; they are recorded when they are judged. */
  view: Omit<RunView, 'steps'> & { steps: SavedStep[] };
  save: SaveNumber;
  /** Signals since the previous save that decided nothing. */
  signals?: SignalNote[];
}

/** Asks which targets the run has lost. */
export interface LostRequest {
  version: 1;
  key: RunKey;
}

export interface LostAnswer {
  text: string;
}

export type ActivityDeps = AdmissionDeps &
  Omit<PerformDeps, 'handlers' | 'plans'> & {
    pool: pg.Pool;
    /** Id of the worker's Temporal namespace; null when the server does not say. */
    namespaceId: string | null;
    /** The queue whose runs the worker serves. */
    taskQueue: string;
    tellLoss: TellLoss;
  };
export type Activities = ReturnType<typeof createActivities>;

function notAsked(why: string): Admission {
  const problem: Problem = {
    type: 'Refused',
    message: `nothing was started: ${why}`,
    next: 'Say who you are with --as NAME or RUNBOOK_OPERATOR, and why with --reason.',
  };
  return { admitted: false, problem, problems: [problem] };
}

/** All activities of a worker: the platform's own, and one per kind of step. */
export function createActivities(deps: ActivityDeps) {
  const probes = { command, sql, http };
  const handlers: Handlers = {
    ...probes,
    check: (action, context) => check(action, context, probes),
    notify,
    ...delivery(probes),
  };
  const plans = new Plans(deps.pool, deps);
  /** Nothing is done or recorded for a requester that is not the run it names. */
  const prove = (key: RunKey): Promise<void> => deps.origins.prove(key, Context.current().info);
  const step = (request: AttemptRequest): Promise<AttemptResult> =>
    perform(request, { ...deps, handlers, plans });
  const steps = Object.fromEntries(actionKinds.map((kind) => [kind, step]));

  const platform = {
    /**
     * Admission; with a key also the run's first entry in the record, and its leases if they are
     * free.
     */
    async admit({ key, envelope, startedAt, files: kept }: AdmitRequest): Promise<Admission> {
      if (key) await prove(key);
      const why = whyNotAsked(envelope);
      const { admission: decided, files } =
        why === null
          ? await admitHere(envelope, deps, deps.programs, kept)
          : { admission: notAsked(why), files: [] };
      const taken = decided.admitted ? await takenSteps(deps.pool, envelope) : [];
      if (!Array.isArray(taken)) return { admitted: false, problem: taken, problems: [taken] };
      const admission = decided.admitted && taken.length > 0 ? { ...decided, taken } : decided;
      if (key && startedAt && admission.admitted) {
        const view = initialView(key, envelope, admission.plan, startedAt, null);
        const execution = executionOf(Context.current().info);
        const digest = await admitRun(deps.pool, {
          key,
          view,
          plan: admission.plan,
          files,
          sources: sourcesOf(Object.keys(admission.library ?? {}), deps),
          envelope,
          execution,
          namespaceId: deps.namespaceId,
          taskQueue: deps.taskQueue,
        });
        const run = runFacts({
          ...{ id: key.run, startedAt, requester: envelope.by, reason: envelope.reason },
        });
        if (digest === admission.plan.digest) plans.keep(key, { plan: admission.plan, run });
      }
      if (!admission.admitted) return admission;
      const held = key
        ? await tryLeases(
            deps.pool,
            key,
            envelope.root ?? key,
            admission.plan,
            !refusesWhenHeld(envelope, admission.plan.inputs),
          )
        : await currentHolders(deps.pool, admission.plan);
      return held.length > 0 ? { ...admission, held } : admission;
    },
    /** Records that a start was refused. */
    async refuse({ key, ...refused }: RefuseRequest): Promise<void> {
      await prove(key);
      return recordRefusal(deps.pool, { key, ...refused });
    },
    /** Verdicts on decisions, recorded before they are returned. */
    async judge(request: JudgeRequest): Promise<JudgeAnswer> {
      await prove(request.key);
      const lost = mayGoOn(request) ? await lostTargets(deps.pool, request.key) : null;
      const answer = judge(request, (...asked) => refuseInputs(deps, ...asked), lost);
      if (lost && goesOn(request, answer)) await retakeTargets(deps.pool, request.key);
      await recordDecisions(
        deps.pool,
        request.key,
        answer.verdicts.map((verdict, index) => ({
          envelope: request.decisions[index]?.received ?? null,
          verdict,
          receivedAt: request.decisions[index]?.at ?? verdict.at,
        })),
      );
      return answer;
    },
    /** Saves the state of the run. */
    async record({ view, save, signals }: RecordRequest): Promise<SaveAnswer> {
      await prove({ run: view.id, firstRunId: view.firstRunId });
      return saveRun(deps.pool, view, executionOf(Context.current().info), save, signals);
    },
    /** What questions say of targets that other runs have taken over; empty when none is lost. */
    async lost({ key }: LostRequest): Promise<LostAnswer> {
      await prove(key);
      const lost = await lostTargets(deps.pool, key);
      return { text: lost ? lossesText(lost) : '' };
    },
    /** Ends the commands that a cancelled step left running. */
    async settle(request: SettleRequest): Promise<Settled> {
      await prove(request.key);
      return settle(request, deps);
    },
  };

  return {
    ...alive(platform),
    /** Acquires a run's leases, once no other run holds them. */
    async acquireLeases(request: LeaseRequest): Promise<LeaseAnswer> {
      const { info } = Context.current();
      await prove(request.key);
      const execution = executionOf(info);
      // After a reset the record may first learn of the run here; later attempts only wait.
      if (execution && info.attempt === 1) await noteExecution(deps.pool, request.key, execution);
      return acquire(request, deps.pool, deps.tellLoss);
    },
    ...(steps as Record<ActionKind, typeof step>),
  };
}

/** The same activities, with heartbeats: the record may hold each of them up. */
function alive<T extends Record<string, (request: never) => Promise<unknown>>>(activities: T): T {
  const entries = Object.entries(activities).map(([name, activity]) => [
    name,
    (request: never) => withHeartbeats(Context.current(), () => activity(request)),
  ]);
  return Object.fromEntries(entries) as T;
}
