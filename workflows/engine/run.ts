import { CancellationScope, isCancellation, workflowInfo } from '@temporalio/workflow';
import type { Json, JsonObject } from '../../language/json.js';
import type { PlannedTarget } from '../../language/plan.js';

import type { Action, CheckAction, StepSpec } from '../../language/runbook.js';
import type { AttemptRequest, Expectation } from '../../common/attempt.js';
import type { Admission, RunSettings } from '../../common/admission.js';
import type { DecisionEnvelope, StartEnvelope } from '../../common/envelope.js';
import { initialView } from '../../common/initial-view.js';
import type { RunKey } from '../../common/keys.js';
import { leasedTargets } from '../../common/lease.js';
import { uiLink } from '../../common/ui-link.js';
import type { Problem, StepView } from '../../common/view.js';
import { platformActivities, stepActivities, stepOptions } from './activities.js';
import { Board } from './board.js';
import { Desk } from './desk.js';
import { Gates, type GateQuestion } from './gates.js';
import { assertAllowed } from './guards.js';
import { Lease } from './lease.js';
import { ProcedureStopped, readFailure, StepFailed } from './outcome.js';
import { inParallel } from './parallel.js';
import { UndoList } from './undo.js';

type Admitted = Extract<Admission, { admitted: true }>;

/** What a step is given when its turn comes: everything that earlier outputs decided. */
export interface Work {
  action: Action;
  /** Must hold on the output. */
  expect?: readonly Expectation[];
  /** Polled after the action until it holds. */
  verify?: CheckAction;
  /** Takes the step back; has to be harmless when the step never happened. */
  undo?: Action;
  /** Limit of one attempt in milliseconds, where an input decides it. */
  timeoutMs?: number;
}

/** What people let a failed step do. */
interface Leave {
  /** Counts how often they let it try again; each time it has as many attempts. */
  round: number;
  /** They know that a target was lost: the step may take it back when it is free. */
  retakeLease: boolean;
}

/** Limit of one attempt where the step declares none, in milliseconds. */
const defaultTimeoutMs = 60_000;
const defaultRetry = { attempts: 3, initialMs: 1_000, factor: 2, maxMs: 30_000 };

/** A live run as its procedure sees it: one durable primitive, `step`, and the few ways to order it. */
export class Run {
  readonly board: Board;
  readonly gates: Gates;
  readonly desk = new Desk();
  readonly lease = new Lease();
  readonly undos = new UndoList();
  /** Steps that failed without failing the run. */
  readonly exceptions: string[] = [];
  private readonly specs = new Map<string, StepSpec>();
  private readonly times = new Map<string, number>();

  constructor(
    readonly key: RunKey,
    readonly envelope: StartEnvelope,
    private readonly admitted: Admitted,
    private readonly inboxBusy: () => boolean,
  ) {
    const info = workflowInfo();
    const { plan, settings } = admitted;
    const link = settings.uiUrl && uiLink(settings.uiUrl, info.namespace, key.run, info.runId, 'history');
    this.board = new Board(initialView(key, envelope, plan, info.startTime.toISOString(), link));
    this.gates = new Gates(plan.steps);
    for (const step of plan.steps) this.specs.set(step.id, step);
  }

  get inputs(): JsonObject {
    return this.admitted.plan.inputs;
  }

  get settings(): RunSettings {
    return this.admitted.settings;
  }

  /** The target that an input chose. */
  target(input: string): PlannedTarget {
    const name = this.inputs[input];
    const target = this.admitted.plan.targets.find((candidate) => candidate.name === name);
    if (!target)
      throw new ProcedureStopped(`input ${input} names no target of the plan`, 'Report this to the owners of the runbook.');
    return target;
  }

  /** Waits until the run holds the targets that it changes. @throws TargetRefused */
  holdTargets(): Promise<void> {
    const { plan, held = [] } = this.admitted;
    return this.lease.hold(held, {
      board: this.board,
      key: this.key,
      root: this.envelope.root,
      targets: leasedTargets(plan),
      command: this.settings.command,
      heartbeatMs: this.settings.heartbeatMs,
      refuses: this.envelope.whenHeld === 'refuse',
      save: () => this.save(),
    });
  }

  /** The same for every attempt of the step in this run; what servers are given as Idempotency-Key. */
  private stepKey(path: string): string {
    return `${this.key.run}/${path}`;
  }

  /**
   * Does a declared step, durably: guards, undo registered first, attempts with back-off, verification, state.
   * A step that is done again gets a path of its own (`follow.2`), so that its record and its claim are its own too.
   * @param work what to do; a function when it depends on the step's own key
   * @throws StepFailed when its attempts are used up
   */
  async step<T extends Json = Json>(id: string, work: Work | ((key: string) => Work)): Promise<T> {
    const spec = this.spec(id);
    const path = this.freshPath(id);
    return (await this.perform(path, spec, id, typeof work === 'function' ? work(this.stepKey(path)) : work)) as T;
  }

  /** A step whose failure people should know of, but which does not change how the run ends otherwise. */
  async attemptStep(id: string, work: Work): Promise<void> {
    try {
      await this.step(id, work);
    } catch (error) {
      if (!(error instanceof StepFailed)) throw error;
      this.exceptions.push(error.path);
    }
  }

  /** Does the named parts of a declared `parallel` step at once. */
  async parallel<T extends Record<string, Json>>(id: string, parts: { [K in keyof T]: Work }): Promise<T> {
    const spec = this.spec(id);
    const path = this.freshPath(id);
    const names = Object.keys(parts);
    const outputs = await this.group(path, spec, () =>
      inParallel(names.map((name) => () => this.perform(`${path}/${name}`, this.partOf(spec, name), id, parts[name] as Work))),
    );
    return Object.fromEntries(names.map((name, index) => [name, outputs[index]])) as T;
  }

  /** Does the one declared part of a `forEach` step for every item at once. */
  async forEach<T extends Json, I extends string = string>(
    id: string,
    items: readonly I[],
    work: (item: I) => Work,
  ): Promise<Record<string, T>> {
    const spec = this.spec(id);
    const path = this.freshPath(id);
    const part = spec.steps?.[0];
    if (!part) throw new ProcedureStopped(`step ${id} declares no part`, 'Report this to the owners of the runbook.');
    const outputs = await this.group(path, spec, () =>
      inParallel(
        items.map((item) => () => this.perform(`${path}/${item}`, { ...part, title: `${part.title}: ${item}` }, id, work(item))),
      ),
    );
    return Object.fromEntries(items.map((item, index) => [item, outputs[index] as T]));
  }

  /** A declared `decide` step: pure code of the procedure. What it throws ends the step as failed. */
  decide<T extends Json>(id: string, choose: () => T): T {
    const row = this.board.row(this.freshPath(id), this.spec(id));
    this.board.begin(row);
    try {
      const output = choose();
      this.board.end(row, 'succeeded', { output });
      return output;
    } catch (error) {
      if (error instanceof ProcedureStopped) this.board.end(row, 'failed', { error: error.problem });
      throw error;
    }
  }

  /** Says that a declared step has nothing to do this time, and why. */
  notNeeded(id: string, why: string): void {
    const row = this.board.row(this.freshPath(id), this.spec(id));
    this.board.begin(row);
    this.board.end(row, 'not-needed', { output: why });
  }

  /** Waits at a declared gate. @throws GateRejected */
  gate(id: string, question: GateQuestion): Promise<DecisionEnvelope> {
    const host = {
      board: this.board,
      planDigest: this.admitted.plan.digest,
      procedure: this.admitted.plan.procedure,
      command: this.settings.command,
      busy: this.inboxBusy,
      save: () => this.save(),
    };
    return this.gates.pass(id, question, host, this.key.run);
  }

  /** What the run hands to its report and to whoever started it. */
  setOutputs(outputs: JsonObject): void {
    this.board.view.outputs = outputs;
  }

  /** Writes the run as it stands to the record. Not cancellable: the record must tell how it ended. */
  save(): Promise<void> {
    return CancellationScope.nonCancellable(() => platformActivities.record({ version: 1, view: this.board.view }));
  }

  /**
   * Takes back what was changed, newest first, and goes on past an undo that fails: the more is back, the better.
   * @returns the paths whose undo failed
   */
  async rollback(): Promise<string[]> {
    if (this.undos.empty) return [];
    this.board.setState('rolling-back');
    const failed: string[] = [];
    for (let undo = this.undos.next(); undo; undo = this.undos.next()) {
      const row = this.board.row(undo.path, undo.spec);
      this.board.begin(row, 'undoing');
      const path = `${undo.path}.undo`;
      try {
        const output = await this.attempt(
          { path, spec: { ...undo.spec, title: `Undo: ${undo.spec.undo ?? undo.spec.title}` } },
          { action: undo.action },
        );
        this.board.end(row, 'undone', { output: output.output });
      } catch (error) {
        this.board.end(row, 'failed', { error: readFailure(error).problem });
        failed.push(undo.path);
      }
    }
    return failed;
  }

  private async perform(path: string, spec: StepSpec, top: string, work: Work): Promise<Json> {
    assertAllowed(spec, top, { plan: this.admitted.plan, approved: (gate) => this.gates.approved(gate) });
    if (work.undo) this.undos.register({ path, spec, action: work.undo });
    const row = this.board.row(path, spec);
    for (let round = 1, retakeLease = false; ; round += 1) {
      this.board.begin(row);
      const failure = await this.oneRound(path, spec, row, work, { round, retakeLease });
      if ('output' in failure) return failure.output;
      const { problem } = failure;
      retakeLease = problem.type === 'LeaseLost';
      if (problem.type !== 'OutcomeUnknown' && (spec.onFailure ?? 'ask') !== 'ask') {
        this.board.end(row, 'failed', { error: problem });
        throw new StepFailed(path, problem, spec.onFailure === 'rollback' ? 'rollback' : null);
      }
      const decision = await this.desk.ask(path, spec, row, problem, this.deskHost());
      switch (decision.verb) {
        case 'retry':
          continue;
        case 'skip':
          this.board.end(row, 'skipped', { error: problem });
          this.exceptions.push(path);
          return null;
        case 'done':
          this.board.end(row, 'done-by-hand', { output: decision.outputs ?? null });
          return decision.outputs ?? null;
        default:
          this.board.end(row, 'failed', { error: problem });
          throw new StepFailed(path, problem, decision.verb === 'rollback' ? 'rollback' : 'abort');
      }
    }
  }

  /** All attempts that the step's retry allows. */
  private async oneRound(
    path: string,
    spec: StepSpec,
    row: StepView,
    work: Work,
    leave: Leave,
  ): Promise<{ output: Json } | { problem: Problem }> {
    try {
      const { output, attempt } = await this.attempt({ path, spec }, work, leave);
      row.attempts = attempt;
      this.board.end(row, 'succeeded', { output });
      return { output };
    } catch (error) {
      if (isCancellation(error)) {
        const { state } = await CancellationScope.nonCancellable(() =>
          platformActivities.settle({ version: 1, key: this.key, step: path }),
        );
        this.board.end(row, state === 'ended' ? 'skipped' : 'unknown', { error: cancelled(state) });
        throw error;
      }
      const { problem, attempt } = readFailure(error);
      row.attempts = attempt ?? row.attempts;
      return { problem };
    }
  }

  private deskHost() {
    return { board: this.board, command: this.settings.command, run: this.key.run, save: () => this.save() };
  }

  private attempt(
    { path, spec }: { path: string; spec: StepSpec },
    work: Work,
    { round, retakeLease }: Leave = { round: 1, retakeLease: false },
  ): Promise<{ output: Json; attempt: number }> {
    const retry = { ...defaultRetry, ...spec.retry };
    const request: AttemptRequest = {
      version: 1,
      key: this.key,
      step: { path, title: spec.title, kind: spec.kind, effect: spec.effect },
      action: work.action,
      expect: work.expect ?? [],
      ...(work.verify ? { verify: work.verify } : {}),
      attempts: retry.attempts * round,
      timeoutMs: work.timeoutMs ?? spec.timeoutMs ?? defaultTimeoutMs,
      ...(retakeLease ? { retakeLease } : {}),
    };
    const options = stepOptions(request, retry, this.settings.heartbeatMs);
    return stepActivities[work.action.kind].executeWithOptions(options, [request]);
  }

  private async group<T>(path: string, spec: StepSpec, parts: () => Promise<T>): Promise<T> {
    const row = this.board.row(path, spec);
    this.board.begin(row);
    try {
      const outputs = await parts();
      this.board.end(row, 'succeeded');
      return outputs;
    } catch (error) {
      this.board.end(
        row,
        isCancellation(error) ? 'skipped' : 'failed',
        error instanceof StepFailed ? { error: error.problem } : {},
      );
      throw error;
    }
  }

  private spec(id: string): StepSpec {
    const spec = this.specs.get(id);
    if (!spec) throw new ProcedureStopped(`step ${id} is not declared`, 'Report this to the owners of the runbook.');
    return spec;
  }

  private partOf(spec: StepSpec, name: string): StepSpec {
    const part = spec.steps?.find((candidate) => candidate.id === name);
    if (!part) throw new ProcedureStopped(`step ${spec.id}/${name} is not declared`, 'Report this to the owners of the runbook.');
    return part;
  }

  private freshPath(id: string): string {
    const times = (this.times.get(id) ?? 0) + 1;
    this.times.set(id, times);
    return times === 1 ? id : `${id}.${times}`;
  }
}

function cancelled(state: 'ended' | 'unknown'): Problem {
  if (state === 'ended') return { type: 'Cancelled', message: 'cancelled while it ran; what it had started has ended' };
  return {
    type: 'OutcomeUnknown',
    message: 'cancelled after its worker died on another host, where it may still run',
    next: 'Look at that host.',
  };
}
