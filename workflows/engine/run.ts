import { CancellationScope, CancelledFailure, isCancellation } from '@temporalio/workflow';
import type { Json, JsonObject } from '../../language/json.js';
import type { Plan, PlannedTarget } from '../../language/plan.js';
import type { Action, CheckAction, StepSpec } from '../../language/runbook.js';
import type { AttemptRequest, Builds, Expectation } from '../../common/attempt.js';
import type { RunSettings } from '../../common/admission.js';
import type { DecisionEnvelope, StartEnvelope } from '../../common/envelope.js';
import type { RunKey } from '../../common/keys.js';
import { gateFor } from '../../common/gate-before.js';
import { isTakenName, probePath, undoPath } from '../../common/paths.js';
import { leasedTargets, refusesWhenHeld, type HeldTarget } from '../../common/lease.js';
import { judgeRecovery, type RecoveryFacts } from '../../common/recovery.js';
import { defaultRetry, triesOf } from '../../common/tries.js';
import type { Problem, RunView, StepView } from '../../common/view.js';
import { attemptStep, platformActivities, settleStep, stepOptions } from './activities.js';
import { Board } from './board.js';
import type { Carried } from './carried.js';
import {
  aboutFailure,
  aboutManual,
  aboutUndo,
  Desk,
  isAboutUndo,
  type DeskQuestion,
} from './desk.js';
import { Gates, type GateQuestion } from './gates.js';
import { assertAllowed } from './guards.js';
import { onItsHost } from './host-queue.js';
import type { Inbox } from './inbox.js';
import { Lease } from './lease.js';
import {
  isSilence,
  MisshapenAnswer,
  ProcedureStopped,
  readFailure,
  type AttemptFailure,
  StepFailed,
} from './outcome.js';
import { forCode, OutputBudget, withoutSpentOutputs } from './outputs.js';
import { inParallel } from './parallel.js';
import { nestedIn, type Part } from './part.js';
import { presentRelease } from './release.js';
import { RunPrograms } from './programs.js';
import { Saves } from './saves.js';
import { Turn } from './turn.js';
import { Unconfirmed } from './unconfirmed.js';
import { UndoList, type Undo } from './undo.js';

/** What an execution begins with: an admission, or what the execution before has handed over. */
export interface Entry {
  key: RunKey;
  envelope: StartEnvelope;
  plan: Plan;
  settings: RunSettings;
  view: RunView;
  /** Who has the run's targets, as admission found them. */
  held?: HeldTarget[];
  /** Steps of the dead run that this one was started from. */
  taken?: StepView[];
  carried: Carried | null;
}

interface Replanned {
  envelope: StartEnvelope;
  plan: Plan;
  changes: string;
}

/** What a step is given when its turn comes: everything that earlier outputs decided. */
export interface Work {
  action: Action;
  /** Must hold on the output. */
  expect?: readonly Expectation[];
  /** Polled after the action until it holds. */
  verify?: CheckAction;
  /**
   * Holds when, and only when, the step's effect is there: proves an outcome that would be unknown.
   */
  check?: CheckAction;
  /** Takes the step back; has to be harmless when the step never happened. */
  undo?: Action;
  /** Limit of one attempt in milliseconds, where an input decides it. */
  timeoutMs?: number;
}

/** Limit of one attempt where the step declares none, in milliseconds. */
const defaultTimeoutMs = 60_000;
/** How long a result that was taken over may take to show that it still holds, in milliseconds. */
const probeMs = 30_000;

/**
 * A live run as its procedure sees it: one durable primitive, `step`, and the few ways to order it.
 */
export class Run {
  readonly board: Board;
  private readonly saves: Saves;
  private readonly outputs: OutputBudget;
  readonly gates: Gates;
  readonly desk = new Desk();
  readonly lease = new Lease();
  readonly undos = new UndoList();
  readonly unconfirmed: Unconfirmed;
  readonly turn: Turn;
  private readonly programs: RunPrograms;
  /** Steps that failed without failing the run. */
  readonly exceptions: string[] = [];
  /** Steps that could not be taken back. */
  readonly leftover: string[] = [];
  private readonly specs = new Map<string, StepSpec>();
  private readonly times = new Map<string, number>();
  private replanned: Replanned | null = null;

  constructor(
    private readonly entry: Entry,
    private readonly inbox: Inbox,
  ) {
    const { plan, view, carried } = entry;
    this.board = new Board(view, carried?.published, carried?.saves?.unsaved);
    this.saves = new Saves(this.board, inbox, carried?.saves?.made);
    this.outputs = new OutputBudget(plan, view.steps);
    this.gates = new Gates(plan.steps, carried?.gates);
    this.unconfirmed = new Unconfirmed(carried?.unconfirmed);
    this.programs = new RunPrograms(plan.programs, carried?.programs);
    this.turn = new Turn(inbox, entry.settings.border);
    for (const step of plan.steps) this.specs.set(step.id, step);
    for (const row of entry.taken ?? []) this.board.adopt(row);
    if (!carried) return;
    this.desk.restore(carried.desk);
    inbox.restore(carried.inbox);
    if (carried.paused) this.pause();
    if (!carried.rollback) return;
    this.undos.restore(carried.rollback.undos);
    this.leftover.push(...carried.rollback.failed);
  }

  /** Set when the execution before was already taking changes back. */
  get rollbackCarried(): Carried['rollback'] {
    return this.entry.carried?.rollback ?? null;
  }

  get key(): RunKey {
    return this.entry.key;
  }

  get envelope(): StartEnvelope {
    return this.entry.envelope;
  }

  get inputs(): JsonObject {
    return this.entry.plan.inputs;
  }

  get settings(): RunSettings {
    return this.entry.settings;
  }

  get plan(): Plan {
    return this.entry.plan;
  }

  /** The target that an input chose. */
  target(input: string): PlannedTarget {
    const name = this.inputs[input];
    const target = this.entry.plan.targets.find((candidate) => candidate.name === name);
    if (!target)
      throw new ProcedureStopped(
        `input ${input} names no target of the plan`,
        'Report this to the owners of the runbook.',
      );
    return target;
  }

  /** Waits until the run holds the targets that it changes. @throws TargetRefused */
  holdTargets(): Promise<void> {
    const { plan, held = [], carried } = this.entry;
    return this.lease.hold(carried ? carried.lease : { held, asked: 0 }, {
      board: this.board,
      key: this.key,
      root: this.envelope.root,
      targets: leasedTargets(plan),
      command: this.settings.command,
      heartbeatMs: this.settings.heartbeatMs,
      refuses: refusesWhenHeld(this.envelope, plan.inputs),
      save: () => this.save(),
      turn: this.turn,
    });
  }

  /**
   * Does a declared step, durably: guards, undo registered first, attempts with back-off,
   * verification, state. A step that is done again gets a path of its own (`follow.2`), so that its
   * record and its claim are its own too.
   * @param work what to do; a function when it depends on the step's own key
   * @throws StepFailed when its attempts are used up
   */
  async step<T extends Json = Json>(id: string, work: Work | ((key: string) => Work)): Promise<T> {
    const spec = this.spec(id);
    const path = this.freshPath(id);
    return (await this.perform(
      path,
      spec,
      id,
      typeof work === 'function' ? work(this.stepKey(path)) : work,
    )) as T;
  }

  /**
   * A step whose failure people should know of, but which does not change how the run ends
   * otherwise.
   */
  async attemptStep(id: string, work: Work): Promise<void> {
    try {
      await this.step(id, work);
    } catch (error) {
      if (!(error instanceof StepFailed)) throw error;
      this.exceptions.push(error.path);
    }
  }

  /** Does the named parts of a declared `parallel` step at once. */
  async parallel<T extends Record<string, Json>>(
    id: string,
    parts: { [K in keyof T]: Work },
  ): Promise<T> {
    const spec = this.spec(id);
    const path = this.freshPath(id);
    const names = Object.keys(parts);
    const outputs = await this.group(path, spec, () =>
      inParallel(
        names.map(
          (name) => () =>
            this.perform(`${path}/${name}`, this.partOf(spec, name), id, parts[name] as Work),
        ),
      ),
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
    const taken = items.find(isTakenName);
    if (taken !== undefined)
      throw new ProcedureStopped(
        `step ${id} cannot do item ${taken}: the record would take it for another one's`,
        'Nothing of the step was begun. Call the item otherwise.',
      );
    const part = spec.steps?.[0];
    if (!part)
      throw new ProcedureStopped(
        `step ${id} declares no part`,
        'Report this to the owners of the runbook.',
      );
    const outputs = await this.group(path, spec, () =>
      inParallel(
        items.map(
          (item) => () =>
            this.perform(
              `${path}/${item}`,
              { ...part, title: `${part.title}: ${item}` },
              id,
              work(item),
            ),
        ),
      ),
    );
    return Object.fromEntries(items.map((item, index) => [item, outputs[index] as T]));
  }

  /**
   * A declared `decide` step: pure code of the procedure. What it throws ends the step as failed.
   */
  decide<T extends Json>(id: string, choose: () => T): T {
    return this.choose(this.freshPath(id), this.spec(id), choose);
  }

  /** The same for a step anywhere in the plan. */
  choose<T extends Json>(path: string, spec: StepSpec, choose: () => T): T {
    const before = this.board.settled(path);
    if (before?.state === 'succeeded') return before.output as T;
    const row = this.board.row(path, spec);
    this.board.begin(row);
    try {
      const output = choose();
      this.board.end(row, 'succeeded', { output });
      return output;
    } catch (error) {
      if (error instanceof ProcedureStopped)
        this.board.end(row, 'failed', { error: error.problem });
      throw error;
    }
  }

  /** Does the steps inside a declared `runbook` step, in the order that `procedure` gives them. */
  nested<T>(id: string, procedure: (part: Part) => Promise<T>): Promise<T> {
    return nestedIn(this, id, this.spec(id), procedure);
  }

  /** Says that a declared step has nothing to do this time, and why. */
  notNeeded(id: string, why: string): void {
    this.passBy(this.freshPath(id), this.spec(id), why);
  }

  /** The same for a step anywhere in the plan. */
  passBy(path: string, spec: StepSpec, why: string): void {
    this.gates.waive(path, this.plan.drill === true);
    if (this.board.settled(path)) return;
    const row = this.board.row(path, spec);
    this.board.begin(row);
    this.board.end(row, 'not-needed', { output: why });
  }

  /**
   * A declared `manual` step: waits until people say that they have done it.
   * @throws StepFailed when they end the run
   */
  async manual<T extends Json = Json>(
    id: string,
    instructions: string,
    evidence: JsonObject = {},
  ): Promise<T> {
    return (await this.byHand(this.freshPath(id), this.spec(id), id, instructions, evidence)) as T;
  }

  /** The same for a step anywhere in the plan. @param top its declared path */
  async byHand(
    path: string,
    spec: StepSpec,
    top: string,
    instructions: string,
    evidence: JsonObject,
  ): Promise<Json> {
    const before = this.board.settled(path);
    if (before) return this.passOver(before);
    const row = this.board.row(path, spec);
    if (!this.desk.open(path)) {
      await this.mayBegin(spec, top, []);
      this.board.begin(row, 'waiting');
    }
    const decision = await this.desk.ask(
      path,
      spec,
      row,
      aboutManual(spec, instructions, evidence),
      this.deskHost(),
    );
    return this.answered(decision, row, {
      type: 'Manual',
      message: `not done by hand: ${decision.reason}`,
    });
  }

  /** Waits at a declared gate. @returns null in a drill that nobody attends @throws GateRejected */
  async gate(id: string, question: GateQuestion): Promise<DecisionEnvelope | null> {
    if (this.plan.drill && this.envelope.unattended) {
      this.passBy(
        id,
        this.gates.specOf(id),
        'nobody attends this drill, and it changes isolated targets only',
      );
      return null;
    }
    const changed = this.entry.carried?.changedInputs;
    const evidence = changed
      ? { 'inputs changed since the last approval': changed, ...question.evidence }
      : question.evidence;
    return this.gates.pass(id, { ...question, evidence }, this.gateHost(), this.key.run);
  }

  /** What came of the recovery that the run is, against what was to be reached. */
  recovered(facts: RecoveryFacts): void {
    this.board.view.recovery = judgeRecovery(facts, this.plan, this.board.view);
  }

  /** What the run hands to its report and to whoever started it. */
  setOutputs(outputs: JsonObject): void {
    this.board.view.outputs = outputs;
  }

  pause(): void {
    this.turn.pause();
    this.board.setPaused(true);
  }

  resume(): void {
    this.turn.resume();
    this.board.setPaused(false);
  }

  /**
   * Writes the run as it stands to the record. Not cancellable: the record must tell how it ended.
   */
  save(): Promise<void> {
    return this.turn.during(() => CancellationScope.nonCancellable(() => this.saves.save()));
  }

  /**
   * Closes what the procedure has asked and did not come back to: in this execution it may not have
   * come so far yet.
   */
  stopAsking(): void {
    this.gates.close();
    this.desk.close();
    this.board.closeWaits((wait) => isAboutUndo(wait.id));
  }

  /**
   * Takes back what was changed, newest first. An undo that fails asks people; `abort` there stops
   * the rollback.
   */
  async rollback(): Promise<void> {
    if (this.undos.empty) return;
    this.board.setRollingBack(this.rollbackCarried ? this.board.told.step : '');
    for (let undo = this.undos.newest; undo; undo = this.undos.newest) {
      await this.turn.start(() => this.stopped);
      if (this.stopped || !(await this.takeBack(undo))) return;
      this.undos.taken();
      this.showUndos();
    }
  }

  /**
   * Ends a rollback before its next undo. An undo that failed asks nobody any more, or has its
   * answer.
   */
  stopRollback(decision: DecisionEnvelope): void {
    this.stopped = true;
    this.desk.answerAll(decision);
  }

  /** What the next execution of the run needs to go on where this one is. */
  carry(rollback: Carried['rollback']): Carried {
    const { key, envelope, plan, settings } = this.entry;
    const { replanned } = this;
    const steps = withoutSpentOutputs(plan, this.board.view.steps);
    const view = { ...this.board.view, steps };
    const changedInputs = replanned?.changes ?? this.entry.carried?.changedInputs;
    return {
      version: 1,
      verb: 'continue',
      key,
      envelope: replanned?.envelope ?? envelope,
      plan: replanned?.plan ?? plan,
      settings,
      view: replanned
        ? { ...view, inputs: replanned.plan.inputs, planDigest: replanned.plan.digest }
        : view,
      published: this.board.told,
      saves: { made: this.saves.count, unsaved: this.board.left },
      gates: this.gates.carry(replanned !== null),
      desk: this.desk.carry(),
      lease: this.lease.carry(),
      inbox: this.inbox.carry(),
      unconfirmed: this.unconfirmed.carry(),
      programs: replanned ? undefined : this.programs.carry(),
      paused: this.turn.paused,
      rollback,
      changedInputs,
    };
  }

  private stopped = false;
  private readonly until: Turn['until'] = (met, limit) => this.turn.until(met, limit);

  /** Does a step anywhere in the plan. @param top its declared path */
  async perform(path: string, spec: StepSpec, top: string, work: Work): Promise<Json> {
    const before = this.board.settled(path);
    if (before && (await this.stillHolds(before, spec, work))) {
      this.passed(path, spec, work);
      return this.readable(path, this.passOver(before));
    }
    const row = this.board.row(path, spec);
    // A question that the execution before has left open is asked again, not the step done again.
    let begun = this.desk.asked(path) > 0;
    if (begun) this.passed(path, spec, work);
    for (;;) {
      let problem =
        this.desk.open(path) ?? (this.desk.asked(path) === 0 ? leftUnknown(row) : undefined);
      if (!problem) {
        await this.mayBegin(spec, top, work.undo ? [work.action, work.undo] : [work.action]);
        if (!begun) this.passed(path, spec, work);
        begun = true;
        delete row.takenFrom;
        this.board.begin(row);
        const outcome = await this.oneRound(path, spec, row, work);
        if ('output' in outcome) {
          this.outputs.add(path, outcome.output);
          return this.readable(path, outcome.output);
        }
        problem = outcome.problem;
        if (this.asksAnew(spec, top, row, problem)) continue;
        const way = this.wayWithoutAsking(spec, problem);
        if (way === 'continue') return this.goOnWithout(row, problem);
        if (way !== 'ask') {
          this.board.end(row, 'failed', { error: problem });
          throw new StepFailed(path, problem, way === 'rollback' ? 'rollback' : null);
        }
      }
      const decision = await this.desk.ask(
        path,
        spec,
        row,
        { ...aboutFailure(spec, problem), ...this.whoLetsRun(path) },
        this.deskHost(),
      );
      if (decision.verb !== 'retry') return this.answered(decision, row, problem);
      this.board.programsChanged(this.programs.accept(path));
      if (decision.inputs) await this.changeInputs(decision.inputs);
    }
  }

  /**
   * What would run is not what was approved, and nothing was started: the gate asks once more, and
   * shows what is there now. Where no approval was given, the desk asks.
   */
  private asksAnew(spec: StepSpec, top: string, row: StepView, problem: Problem): boolean {
    const gate = gateFor(spec, top, this.plan);
    if (problem.type !== 'ProgramChanged' || gate === undefined) return false;
    if (!this.gates.canAskAnew(gate) || !this.programs.hasRefused(row.id)) return false;
    this.board.programsChanged(this.programs.accept(row.id));
    this.board.begin(row, 'waiting');
    this.board.tell(row, problem);
    return true;
  }

  /** Who did not approve what was planned does not let run what is there instead, either. */
  private whoLetsRun(path: string): Pick<DeskQuestion, 'approvers'> {
    const isChanged = this.programs.hasRefused(path) && this.gates.haveNeededAnother();
    return isChanged ? { approvers: 'another' } : {};
  }

  /** What a failed attempt tells of programs. */
  private foundPrograms(path: string, { ran, changed }: AttemptFailure): void {
    this.board.programsChanged(this.programs.ran(path, ran));
    this.programs.refuse(path, changed);
  }

  /** Names all that is going to act: an approval that was given for something else is none. */
  private readonly code = (): string => presentRelease() + this.programs.mark;

  /**
   * A result that was taken over from a dead run is looked at again where the step can (`check`);
   * what has drifted since is done anew. Results of this run hold.
   */
  private async stillHolds(row: StepView, spec: StepSpec, work: Work): Promise<boolean> {
    if (row.takenFrom === undefined || !work.check || row.state !== 'succeeded') return true;
    const path = probePath(row.id);
    if (this.board.view.drifted?.includes(row.id)) return false;
    if (this.board.view.probed?.includes(row.id)) return true;
    await this.turn.start();
    const probe: StepSpec = {
      ...spec,
      kind: 'check',
      effect: 'read',
      title: `Look again: ${spec.title}`,
      retry: { attempts: 1 },
    };
    try {
      const builds = this.unconfirmed.namedBy(path);
      await this.attempt(path, probe, { action: work.check, timeoutMs: probeMs }, builds);
      this.board.view.probed = [...(this.board.view.probed ?? []), row.id];
      return true;
    } catch (error) {
      if (isCancellation(error)) throw error;
      this.board.view.drifted = [...(this.board.view.drifted ?? []), row.id];
      return false;
    }
  }

  /**
   * What becomes of the run without anybody being asked. What is unknown always asks, unless nobody
   * is there to be asked.
   */
  private wayWithoutAsking(spec: StepSpec, problem: Problem): NonNullable<StepSpec['onFailure']> {
    const declared = problem.type === 'OutcomeUnknown' ? 'ask' : (spec.onFailure ?? 'ask');
    return declared === 'ask' ? (this.envelope.unattended ?? 'ask') : declared;
  }

  /** What the desk answered, other than to try again. */
  private answered(decision: DecisionEnvelope, row: StepView, problem: Problem): Json {
    switch (decision.verb) {
      case 'skip':
        return this.goOnWithout(row, problem);
      case 'done':
        this.board.end(row, 'done-by-hand', { output: decision.outputs ?? null });
        return decision.outputs ?? null;
      default:
        this.board.end(row, 'failed', { error: problem });
        throw new StepFailed(row.id, problem, decision.verb === 'rollback' ? 'rollback' : 'abort');
    }
  }

  /** The interpreter looks at each reference itself. */
  private readable(path: string, output: Json): Json {
    return this.plan.data ? output : forCode(path, output);
  }

  private goOnWithout(row: StepView, problem: Problem): null {
    this.board.end(row, 'skipped', { error: problem });
    this.exceptions.push(row.id);
    return null;
  }

  /**
   * The step begins, or has begun in an earlier execution: from here on it has to be taken back.
   */
  private passed(path: string, spec: StepSpec, work: Work): void {
    // What a drill made is removed, whatever happened to it.
    const noReturn = spec.pointOfNoReturn === true && !this.plan.drill;
    if (noReturn) this.undos.clear();
    if (work.undo) this.undos.register({ path, spec, action: work.undo });
    this.showUndos();
  }

  private showUndos(): void {
    this.board.view.undos = this.undos.paths;
  }

  /** The result of a step that was settled before this execution. */
  private passOver(row: StepView): Json {
    if (row.state === 'failed') throw new StepFailed(row.id, row.error as Problem, null);
    if (row.state === 'skipped') this.exceptions.push(row.id);
    return row.output;
  }

  /**
   * Waits until the step may begin. An approval that was given for other code is asked for once
   * more.
   */
  private async mayBegin(spec: StepSpec, top: string, actions: readonly Action[]): Promise<void> {
    const { plan } = this.entry;
    // No gate has the empty name.
    const gate = gateFor(spec, top, plan) ?? '';
    await this.turn.start();
    while (this.gates.outdated(gate, this.code())) {
      await this.gates.renew(gate, this.gateHost(), this.key.run);
      await this.turn.start();
    }
    assertAllowed(
      spec,
      top,
      { plan, approved: (id) => this.gates.approved(id, this.code()) },
      actions,
    );
  }

  /** @returns false when people stopped the rollback here */
  private async takeBack({ path, spec, action }: Undo): Promise<boolean> {
    const row = this.board.row(path, spec);
    const undoing = undoPath(path);
    const undoSpec: StepSpec = { ...spec, title: `Undo: ${spec.undo ?? spec.title}`, answers: [] };
    for (;;) {
      let problem = this.desk.open(undoing);
      if (!problem) {
        this.board.begin(row, 'undoing');
        try {
          const builds = this.unconfirmed.namedByUndo(undoing, path);
          const { output } = await this.attempt(undoing, undoSpec, { action }, builds);
          this.board.end(row, 'undone', { output });
          return true;
        } catch (error) {
          if (error instanceof MisshapenAnswer) await this.endWhatIsLeft(undoing);
          const failure = readFailure(error);
          this.foundPrograms(undoing, failure);
          problem = failure.problem;
        }
      }
      const question = { ...aboutUndo(spec, problem), ...this.whoLetsRun(undoing) };
      const verb =
        this.unasked() ??
        (await this.desk.ask(undoing, undoSpec, row, question, this.deskHost())).verb;
      if (verb === 'retry') {
        this.board.programsChanged(this.programs.accept(undoing));
        continue;
      }
      this.board.end(row, verb === 'done' ? 'undone' : 'failed', { error: problem });
      if (verb !== 'done') this.leftover.push(path);
      return verb !== 'abort';
    }
  }

  /** What becomes of an undo that failed when nobody is to be asked. */
  private unasked(): 'abort' | 'skip' | null {
    if (this.stopped) return 'abort';
    return this.envelope.unattended ? 'skip' : null;
  }

  /**
   * All attempts that the step's retry allows; as many again each time that people let it try
   * again.
   */
  private async oneRound(
    path: string,
    spec: StepSpec,
    row: StepView,
    work: Work,
  ): Promise<{ output: Json } | { problem: Problem }> {
    try {
      const builds = this.unconfirmed.namedBy(path);
      const { output, attempt } = await this.attempt(path, spec, work, builds, (problem) =>
        this.board.tell(row, problem),
      );
      row.attempts = attempt;
      this.board.end(row, 'succeeded', { output });
      return { output };
    } catch (error) {
      const ending = CancellationScope.current().consideredCancelled;
      // A worker that was dead when the cancellation came: Temporal then tells that it fell silent,
      // and nothing else.
      if (isCancellation(error) || (ending && isSilence(error))) {
        const { state } = await this.endWhatIsLeft(path);
        this.board.end(row, state === 'ended' ? 'skipped' : 'unknown', { error: cancelled(state) });
        throw new CancelledFailure('cancelled while it ran');
      }
      if (error instanceof MisshapenAnswer) await this.endWhatIsLeft(path);
      const failure = readFailure(error);
      const { problem, attempt } = failure;
      this.foundPrograms(path, failure);
      row.attempts = attempt ?? row.attempts;
      if (!ending) return { problem };
      // What becomes of the run is decided already: nobody is asked, and the step decides nothing.
      this.board.end(row, problem.type === 'OutcomeUnknown' ? 'unknown' : 'failed', {
        error: problem,
      });
      throw new CancelledFailure('cancelled while it failed');
    }
  }

  /**
   * Makes a new plan of changed inputs. The run continues as new with it: what is done stays done,
   * approvals are void, and the step is tried again. When the new inputs are refused after all, the
   * step is tried again as it was.
   */
  private async changeInputs(inputs: JsonObject): Promise<void> {
    const { digest: _seen, ...asked } = this.envelope;
    const envelope: StartEnvelope = { ...asked, inputs: { ...this.envelope.inputs, ...inputs } };
    const admission = await this.turn.during(() =>
      platformActivities.admit({ version: 1, key: null, envelope, startedAt: null }),
    );
    if (!admission.admitted) return;
    this.replanned = {
      envelope,
      plan: admission.plan,
      changes: changesBetween(this.inputs, admission.plan.inputs),
    };
    this.turn.want();
  }

  private gateHost() {
    const { plan, settings } = this.entry;
    return {
      board: this.board,
      planDigest: plan.digest,
      procedure: plan.procedure,
      release: this.code,
      evidence: () => this.programs.evidence,
      command: settings.command,
      busy: () => this.inbox.busy,
      save: () => this.save(),
      until: this.until,
    };
  }

  private deskHost() {
    const { board, key, settings, until } = this;
    return { board, command: settings.command, run: key.run, save: () => this.save(), until };
  }

  private async attempt(
    path: string,
    spec: StepSpec,
    work: Work,
    builds: Builds,
    told?: (problem: Problem) => void,
  ): Promise<{ output: Json; attempt: number }> {
    const retry = { ...defaultRetry, ...spec.retry };
    const tries = triesOf(spec, work.action);
    const rounds = this.desk.asked(path) + 1;
    const request: AttemptRequest = {
      version: 1,
      key: this.key,
      step: { path, title: spec.title, kind: spec.kind, effect: spec.effect },
      action: work.action,
      expect: work.expect ?? [],
      verify: work.verify,
      check: work.check,
      attempts: tries.attempts * rounds,
      attemptsOnceActed: tries.onceActed * rounds,
      timeoutMs: work.timeoutMs ?? spec.timeoutMs ?? defaultTimeoutMs,
      ...(this.desk.lastProblem(path)?.type === 'LeaseLost' ? { retakeLease: true } : {}),
      builds: { ...builds, ...this.despite(path) },
      ...this.programs.about([work.action, work.verify, work.check]),
    };
    const options = stepOptions(request, retry, this.settings.heartbeatMs);
    try {
      const answer = await this.turn.during(() =>
        onItsHost(
          this.settings.hostWaitMs,
          (where) =>
            attemptStep({ ...request, hostGone: where.hostGone }, { ...options, ...where.options }),
          told,
        ),
      );
      this.unconfirmed.succeeded(path, answer.attempt, answer.output, builds);
      this.board.programsChanged(this.programs.ran(path, answer.programs));
      return answer;
    } catch (error) {
      this.unconfirmed.ended(path);
      throw error;
    }
  }

  /** People have looked at what the record did not confirm, and let the step go on. */
  private despite(path: string): Pick<Builds, 'despite'> {
    const decision = this.desk.lastDecision(path);
    const { type } = this.desk.lastProblem(path) ?? {};
    const doubted = type === 'NotConfirmed' || type === 'NotAsPlanned';
    return doubted && decision !== undefined ? { despite: decision } : {};
  }

  /**
   * Ends what the step may have left running: no worker that knows of it answers for it any more.
   */
  private endWhatIsLeft(path: string): ReturnType<typeof settleStep> {
    return this.turn.during(() =>
      CancellationScope.nonCancellable(() =>
        onItsHost(this.settings.hostWaitMs, ({ options, ...gone }) =>
          settleStep({ version: 1, key: this.key, step: path, ...gone }, options),
        ),
      ),
    );
  }

  /** Shows the parts as one step. */
  async group<T>(path: string, spec: StepSpec, parts: () => Promise<T>): Promise<T> {
    if (this.board.settled(path)?.state === 'succeeded') return parts();
    const row = this.board.row(path, spec);
    this.board.begin(row);
    try {
      const outputs = await parts();
      this.board.end(row, 'succeeded');
      return outputs;
    } catch (error) {
      // Whatever ends a procedure on purpose says why.
      this.board.end(row, isCancellation(error) ? 'skipped' : 'failed', {
        error: (error as Partial<StepFailed>).problem,
      });
      throw error;
    }
  }

  /**
   * The same for every attempt of the step in this run; what servers are given as Idempotency-Key.
   */
  private stepKey(path: string): string {
    return `${this.key.run}/${path}`;
  }

  private spec(id: string): StepSpec {
    const spec = this.specs.get(id);
    if (!spec)
      throw new ProcedureStopped(
        `step ${id} is not declared`,
        'Report this to the owners of the runbook.',
      );
    return spec;
  }

  private partOf(spec: StepSpec, name: string): StepSpec {
    const part = spec.steps?.find((candidate) => candidate.id === name);
    if (!part)
      throw new ProcedureStopped(
        `step ${spec.id}/${name} is not declared`,
        'Report this to the owners of the runbook.',
      );
    return part;
  }

  /**
   * A path of its own for every time that a step is done.
   * @param id as declared, with the steps around it
   */
  freshPath(id: string): string {
    const times = (this.times.get(id) ?? 0) + 1;
    this.times.set(id, times);
    return times === 1 ? id : `${id}.${times}`;
  }
}

/** A step of a dead run: it had begun there, and nobody knows how that ended. */
function leftUnknown(row: StepView): Problem | undefined {
  if (row.takenFrom === undefined || row.state !== 'unknown') return undefined;
  return {
    type: 'OutcomeUnknown',
    message: `run ${row.takenFrom} ended while this step was under way`,
    next: 'Find out whether it was done, then say so.',
  };
}

function cancelled(state: 'ended' | 'unknown'): Problem {
  if (state === 'ended')
    return { type: 'Cancelled', message: 'cancelled while it ran; what it had started has ended' };
  return {
    type: 'OutcomeUnknown',
    message: 'cancelled after its worker died on another host, where it may still run',
    next: 'Look at that host.',
  };
}

/** `name: before → after` for each input that differs. */
function changesBetween(before: JsonObject, after: JsonObject): string {
  const text = (value: Json | undefined): string =>
    value === undefined ? 'not given' : JSON.stringify(value);
  return [...new Set([...Object.keys(before), ...Object.keys(after)])]
    .filter((name) => text(before[name]) !== text(after[name]))
    .map((name) => `${name}: ${text(before[name])} → ${text(after[name])}`)
    .join('; ');
}
