import { isCancellation } from '@temporalio/workflow';
import type { DecisionEnvelope } from '../../common/envelope.js';
import { gateFor } from '../../common/gate-before.js';
import { probePath } from '../../common/paths.js';
import type { Problem, StepView } from '../../common/view.js';
import type { Json, JsonObject } from '../../language/json.js';
import type { StepSpec } from '../../language/runbook.js';
import { Attempts, type Work } from './attempts.js';
import { aboutFailure, aboutManual, aboutUndecided } from './desk.js';
import type { GateQuestion } from './gates.js';
import { passGuards } from './guards.js';
import { ProcedureStopped, StepFailed } from './outcome.js';
import { forCode } from './outputs.js';
import type { LiveRun } from './live-run.js';

/** How long a result that was taken over may take to show that it still holds, in milliseconds. */
const probeMs = 30_000;

/**
 * Does the steps of a plan, durably: guards, undo registered first, attempts with back-off, the
 * desk where they fail, state. Each is named by its path, its declaration and its declared path.
 */
export class Steps {
  private readonly attempts: Attempts;

  constructor(readonly run: LiveRun) {
    this.attempts = new Attempts(run);
  }

  /** Does a step anywhere in the plan. @param top its declared path */
  async perform(path: string, spec: StepSpec, top: string, work: Work): Promise<Json> {
    const before = this.run.board.settled(path);
    if (before && (await this.stillHolds(before, spec, work))) {
      this.registerUndo(path, spec, work);
      return this.readable(path, this.resultOf(before));
    }
    const row = this.run.board.row(path, spec);
    // A question that the execution before has left open is asked again, not the step done again.
    let begun = this.run.desk.asked(path) > 0;
    if (begun) this.registerUndo(path, spec, work);
    for (;;) {
      let problem =
        this.run.desk.open(path) ??
        (this.run.desk.asked(path) === 0 ? leftUnknown(row) : undefined);
      if (!problem) {
        const actions = work.undo ? [work.action, work.undo] : [work.action];
        await passGuards({ step: spec, top, actions }, this.run);
        if (!begun) this.registerUndo(path, spec, work);
        begun = true;
        delete row.takenFrom;
        this.run.board.begin(row);
        const outcome = await this.attempts.oneRound(path, spec, row, work);
        if ('output' in outcome) {
          this.run.outputs.add(path, outcome.output);
          return this.readable(path, outcome.output);
        }
        problem = outcome.problem;
        if (this.asksAnew(spec, top, row, problem)) continue;
        const way = this.wayWithoutAsking(spec, problem);
        if (way !== 'ask') return this.unattended(way, row, problem);
      }
      const decision = await this.run.desk.ask(
        path,
        spec,
        row,
        { ...aboutFailure(spec, problem), ...this.run.whoLetsRun(path) },
        this.run.deskHost(),
      );
      if (decision.verb !== 'retry') return this.answered(decision, row, problem);
      this.run.board.programsChanged(this.run.programs.accept(path));
      if (decision.inputs) await this.run.changeInputs(decision.inputs);
    }
  }

  /**
   * Nobody can tell whether a step is to be done: people say.
   * @returns null when it is to be looked at again
   * @throws StepFailed
   */
  async undecided(
    path: string,
    spec: StepSpec,
    problem: Problem,
  ): Promise<{ output: Json } | null> {
    const { board, desk } = this.run;
    const before = board.settled(path);
    if (before) return { output: this.resultOf(before) };
    const row = board.row(path, spec);
    if (!desk.open(path)) board.begin(row);
    const way = this.wayWithoutAsking(spec, problem);
    if (way !== 'ask') return { output: this.unattended(way, row, problem) };
    const question = aboutUndecided(spec, problem);
    const decision = await desk.ask(path, spec, row, question, this.run.deskHost());
    if (decision.verb !== 'retry') return { output: this.answered(decision, row, problem) };
    // With other inputs it is looked at in the next execution.
    if (decision.inputs && (await this.run.changeInputs(decision.inputs)))
      await this.run.turn.until(() => false);
    return null;
  }

  /** The same for a step anywhere in the plan. @param top its declared path */
  async byHand(
    path: string,
    spec: StepSpec,
    top: string,
    instructions: string,
    evidence: JsonObject,
  ): Promise<Json> {
    const before = this.run.board.settled(path);
    if (before) return this.resultOf(before);
    const row = this.run.board.row(path, spec);
    if (!this.run.desk.open(path)) {
      await passGuards({ step: spec, top, actions: [] }, this.run);
      this.run.board.begin(row, 'waiting');
    }
    const decision = await this.run.desk.ask(
      path,
      spec,
      row,
      aboutManual(spec, instructions, evidence),
      this.run.deskHost(),
    );
    return this.answered(decision, row, {
      type: 'Manual',
      message: `not done by hand: ${decision.reason}`,
    });
  }

  /** The same for a step anywhere in the plan. */
  choose<T extends Json>(path: string, spec: StepSpec, choose: () => T): T {
    const before = this.run.board.settled(path);
    if (before?.state === 'succeeded') return before.output as T;
    const row = this.run.board.row(path, spec);
    this.run.board.begin(row);
    try {
      const output = choose();
      this.run.board.end(row, 'succeeded', { output });
      return output;
    } catch (error) {
      if (error instanceof ProcedureStopped)
        this.run.board.end(row, 'failed', { error: error.problem });
      throw error;
    }
  }

  /** The same for a step anywhere in the plan. */
  markNotNeeded(path: string, spec: StepSpec, why: string): void {
    this.run.gates.waive(path, this.run.plan.drill === true);
    if (this.run.board.settled(path)) return;
    const row = this.run.board.row(path, spec);
    this.run.board.begin(row);
    this.run.board.end(row, 'not-needed', { output: why });
  }

  /** Waits at a declared gate. @returns null in a drill that nobody attends @throws GateRejected */
  async gate(id: string, question: GateQuestion): Promise<DecisionEnvelope | null> {
    if (this.run.plan.drill && this.run.envelope.unattended) {
      this.markNotNeeded(
        id,
        this.run.gates.specOf(id),
        'nobody attends this drill, and it changes isolated targets only',
      );
      return null;
    }
    const changed = this.run.entry.carried?.changedInputs;
    const evidence = changed
      ? { 'inputs changed since the last approval': changed, ...question.evidence }
      : question.evidence;
    return this.run.gates.ask(id, { ...question, evidence }, this.run.gateHost(), this.run.key.run);
  }

  /** Shows the parts as one step. */
  async group<T>(path: string, spec: StepSpec, parts: () => Promise<T>): Promise<T> {
    if (this.run.board.settled(path)?.state === 'succeeded') return parts();
    const row = this.run.board.row(path, spec);
    this.run.board.begin(row);
    try {
      const outputs = await parts();
      this.run.board.end(row, 'succeeded');
      return outputs;
    } catch (error) {
      // Whatever ends a procedure on purpose says why.
      this.run.board.end(row, isCancellation(error) ? 'skipped' : 'failed', {
        error: (error as Partial<StepFailed>).problem,
      });
      throw error;
    }
  }

  /**
   * What would run is not what was approved, and nothing was started: the gate asks once more, and
   * shows what is there now. Where no approval was given, the desk asks.
   */
  private asksAnew(spec: StepSpec, top: string, row: StepView, problem: Problem): boolean {
    const gate = gateFor(spec, top, this.run.plan);
    if (problem.type !== 'ProgramChanged' || gate === undefined) return false;
    if (!this.run.gates.canAskAnew(gate) || !this.run.programs.hasRefused(row.id)) return false;
    this.run.board.programsChanged(this.run.programs.accept(row.id));
    this.run.board.begin(row, 'waiting');
    this.run.board.tell(row, problem);
    return true;
  }

  /**
   * A result that was taken over from a dead run is looked at again where the step can (`check`);
   * what has drifted since is done anew. Results of this run hold.
   */
  private async stillHolds(row: StepView, spec: StepSpec, work: Work): Promise<boolean> {
    if (row.takenFrom === undefined || !work.check || row.state !== 'succeeded') return true;
    const path = probePath(row.id);
    if (this.run.board.view.drifted?.includes(row.id)) return false;
    if (this.run.board.view.probed?.includes(row.id)) return true;
    await this.run.turn.start();
    const probe: StepSpec = {
      ...spec,
      kind: 'check',
      effect: 'read',
      title: `Look again: ${spec.title}`,
      retry: { attempts: 1 },
    };
    try {
      const builds = this.run.unconfirmed.namedBy(path);
      await this.attempts.attempt(path, probe, { action: work.check, timeoutMs: probeMs }, builds);
      this.run.board.view.probed = [...(this.run.board.view.probed ?? []), row.id];
      return true;
    } catch (error) {
      if (isCancellation(error)) throw error;
      this.run.board.view.drifted = [...(this.run.board.view.drifted ?? []), row.id];
      return false;
    }
  }

  /** What was said beforehand becomes of a step when nobody is asked. @throws StepFailed */
  private unattended(
    way: Exclude<NonNullable<StepSpec['onFailure']>, 'ask'>,
    row: StepView,
    problem: Problem,
  ): null {
    if (way === 'continue') return this.goOnWithout(row, problem);
    this.run.board.end(row, 'failed', { error: problem });
    throw new StepFailed(row.id, problem, way === 'rollback' ? 'rollback' : null);
  }

  /**
   * What becomes of the run without anybody being asked. What is unknown always asks, unless nobody
   * is there to be asked.
   */
  private wayWithoutAsking(spec: StepSpec, problem: Problem): NonNullable<StepSpec['onFailure']> {
    const declared = problem.type === 'OutcomeUnknown' ? 'ask' : (spec.onFailure ?? 'ask');
    return declared === 'ask' ? (this.run.envelope.unattended ?? 'ask') : declared;
  }

  /** What the desk answered, other than to try again. */
  private answered(decision: DecisionEnvelope, row: StepView, problem: Problem): Json {
    switch (decision.verb) {
      case 'skip':
        return this.goOnWithout(row, problem);
      case 'done':
        this.run.board.end(row, 'done-by-hand', { output: decision.outputs ?? null });
        return decision.outputs ?? null;
      default:
        this.run.board.end(row, 'failed', { error: problem });
        throw new StepFailed(row.id, problem, decision.verb === 'rollback' ? 'rollback' : 'abort');
    }
  }

  /** The interpreter looks at each reference itself. */
  private readable(path: string, output: Json): Json {
    return this.run.plan.data ? output : forCode(path, output);
  }

  private goOnWithout(row: StepView, problem: Problem): null {
    this.run.board.end(row, 'skipped', { error: problem });
    this.run.exceptions.push(row.id);
    return null;
  }

  /**
   * The step begins, or has begun in an earlier execution: from here on it has to be taken back.
   */
  private registerUndo(path: string, spec: StepSpec, work: Work): void {
    // What a drill made is removed, whatever happened to it.
    const noReturn = spec.pointOfNoReturn === true && !this.run.plan.drill;
    if (noReturn) this.run.undos.clear();
    if (work.undo) this.run.undos.register({ path, spec, action: work.undo });
    this.run.showUndos();
  }

  /** The result of a step that was settled before this execution. */
  private resultOf(row: StepView): Json {
    if (row.state === 'failed') throw new StepFailed(row.id, row.error as Problem, null);
    if (row.state === 'skipped') this.run.exceptions.push(row.id);
    return row.output;
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
