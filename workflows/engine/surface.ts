import type { DecisionEnvelope } from '../../common/envelope.js';
import { below, isReservedName, namesOf, partOf, pathOf } from '../../language/paths.js';
import { judgeRecovery, type RecoveryFacts } from '../../common/recovery.js';
import type { RunView } from '../../common/view.js';
import type { Json, JsonObject } from '../../language/json.js';
import type { Plan, PlannedTarget } from '../../language/plan.js';
import type { StepSpec } from '../../language/runbook.js';
import type { Work } from './attempts.js';
import type { GateQuestion } from './gates.js';
import { ProcedureStopped, StepFailed } from './outcome.js';
import { inParallel } from './parallel.js';
import type { Steps } from './steps.js';

/*
 * The API for authors of procedures, the same for a run and for a section nested in it. Every id is
 * that of a declared step.
 */

/**
 * The steps that a runbook declares, or that one of its steps contains. A gate inside such a step
 * holds back the steps inside it, and no others.
 */
export class Section {
  /** @param around declared path of the step that contains them, with `/` behind it */
  constructor(
    protected readonly steps: Steps,
    private readonly declared: readonly StepSpec[],
    private readonly around = '',
  ) {}

  /**
   * Does a step, durably: guards, undo registered first, attempts with back-off, verification,
   * state. A step that is done again gets a path of its own (`follow.2`), so that its record and
   * its claim are its own too.
   * @param work what to do; a function when it depends on the step's key: the same for every
   *   attempt, and sent to servers as Idempotency-Key
   * @throws StepFailed when its attempts are used up
   */
  async step<T extends Json = Json>(id: string, work: Work | ((key: string) => Work)): Promise<T> {
    const { spec, top, path } = this.next(id);
    // eslint-disable-next-line layers/step-paths -- a run and its step
    const key = `${this.steps.run.key.run}/${path}`;
    const given = typeof work === 'function' ? work(key) : work;
    return (await this.steps.perform(path, spec, top, this.named(given))) as T;
  }

  private named({ undoesToo, ...work }: Work): Work {
    if (undoesToo === undefined) return work;
    return { ...work, undoesToo: this.steps.run.newestPath(this.around + undoesToo) };
  }

  /**
   * Does a step whose failure does not end the run: it then succeeds with exceptions.
   */
  async attemptStep(id: string, work: Work): Promise<void> {
    try {
      await this.step(id, work);
    } catch (error) {
      if (!(error instanceof StepFailed)) throw error;
      this.steps.run.exceptions.push(error.path);
    }
  }

  /** Does the named parts of a `parallel` step at once. */
  async parallel<T extends Record<string, Json>>(
    id: string,
    parts: { [K in keyof T]: Work },
  ): Promise<T> {
    const { spec, top, path } = this.next(id);
    const names = Object.keys(parts);
    const one = (name: string) => (): Promise<Json> => {
      const part = declaredIn(partsOf(spec), name, below(top));
      return this.steps.perform(partOf(path, name), part, partOf(top, name), parts[name] as Work);
    };
    const outputs = await this.steps.group(path, spec, () => inParallel(names.map(one)));
    return Object.fromEntries(names.map((name, index) => [name, outputs[index]])) as T;
  }

  /** Does the one part of a `forEach` step for every item at once. */
  async forEach<T extends Json, I extends string = string>(
    id: string,
    items: readonly I[],
    work: (item: I) => Work,
  ): Promise<Record<string, T>> {
    const { spec, top, path } = this.next(id);
    const taken = items.find(isReservedName);
    if (taken !== undefined)
      throw new ProcedureStopped(
        `step ${id} cannot do item ${taken}: the record would take it for another one's`,
        'Nothing of the step was begun. Call the item otherwise.',
      );
    const part = spec.steps?.[0];
    if (!part) throw faulty(`step ${id} declares no part`);
    const one = (item: I) => (): Promise<Json> => {
      const own = { ...part, title: `${part.title}: ${item}` };
      return this.steps.perform(partOf(path, item), own, partOf(top, part.id), work(item));
    };
    const outputs = await this.steps.group(path, spec, () => inParallel(items.map(one)));
    return Object.fromEntries(items.map((item, index) => [item, outputs[index] as T]));
  }

  /** A `decide` step: pure code of the procedure. What it throws ends the step as failed. */
  decide<T extends Json>(id: string, choose: () => T): T {
    const { spec, path } = this.next(id);
    return this.steps.choose(path, spec, choose);
  }

  /**
   * A `manual` step: waits until people say that they have done it.
   * @throws StepFailed when they end the run
   */
  async manual<T extends Json = Json>(
    id: string,
    instructions: string,
    evidence: JsonObject = {},
  ): Promise<T> {
    const { spec, top, path } = this.next(id);
    return (await this.steps.byHand(path, spec, top, instructions, evidence)) as T;
  }

  /**
   * Waits at a gate.
   * @param question its actions by the paths of their steps within this section
   * @returns null in a drill that nobody attends
   * @throws GateRejected
   */
  gate(id: string, question: GateQuestion): Promise<DecisionEnvelope | null> {
    const actions = Object.fromEntries(
      Object.entries(question.actions).map(([path, works]) => [this.around + path, works]),
    );
    return this.steps.gate(this.around + id, { ...question, actions });
  }

  /** Does the steps inside a `runbook` step, in the order that `procedure` gives them. */
  nested<T>(id: string, procedure: (section: Section) => Promise<T>): Promise<T> {
    const path = this.around + id;
    return this.steps.group(path, this.spec(id), () => procedure(this.within(id)));
  }

  /**
   * The steps inside a step, without showing the step itself as running.
   * @param about appended to the title of each
   */
  within(id: string, about?: string): Section {
    const held = partsOf(this.spec(id)).map((each) =>
      about === undefined ? each : { ...each, title: `${each.title}: ${about}` },
    );
    return new Section(this.steps, held, below(this.around + id));
  }

  /** The ids of the parts that a step declares, as far as the plan has them. */
  partsOf(id: string): string[] {
    return partsOf(this.spec(id)).map((part) => part.id);
  }

  /** Marks steps as not needed this time, and says why. @param ids also paths below them */
  notNeeded(ids: string | readonly string[], why: string): void {
    for (const id of typeof ids === 'string' ? [ids] : ids) {
      const [first, ...rest] = namesOf(id) as [string, ...string[]];
      if (rest.length > 0) this.within(first).notNeeded(pathOf(rest), why);
      else this.steps.markNotNeeded(this.next(id).path, this.spec(id), why);
    }
  }

  private next(id: string): { spec: StepSpec; top: string; path: string } {
    const top = this.around + id;
    return { spec: this.spec(id), top, path: this.steps.run.freshPath(top) };
  }

  private spec(id: string): StepSpec {
    return declaredIn(this.declared, id, this.around);
  }
}

/** A live run as its procedure sees it. */
export class Run extends Section {
  constructor(steps: Steps) {
    super(steps, steps.run.plan.steps);
  }

  /** Its workflow id. */
  get id(): string {
    return this.steps.run.key.run;
  }

  get plan(): Plan {
    return this.steps.run.plan;
  }

  /** The inputs, with their defaults. */
  get inputs(): JsonObject {
    return this.plan.inputs;
  }

  /** The inputs that were given, without defaults. */
  get given(): JsonObject {
    return this.steps.run.envelope.inputs;
  }

  /** Its present state. */
  get view(): RunView {
    return this.steps.run.board.view;
  }

  /** The target that an input chose. */
  target(input: string): PlannedTarget {
    const name = this.inputs[input];
    const target = this.plan.targets.find((candidate) => candidate.name === name);
    if (target) return target;
    throw new ProcedureStopped(
      `input ${input} names no target of the plan`,
      'Report this to the owners of the runbook.',
    );
  }

  /** Reports the result of a recovery, compared with its objectives. */
  recovered(facts: RecoveryFacts): void {
    this.view.recovery = judgeRecovery(facts, this.plan, this.view);
  }

  /** The run's outputs, for its report and its caller. */
  setOutputs(outputs: JsonObject): void {
    this.view.outputs = outputs;
  }
}

function partsOf({ steps = [] }: StepSpec): readonly StepSpec[] {
  return steps;
}

function declaredIn(steps: readonly StepSpec[], id: string, around: string): StepSpec {
  const spec = steps.find((candidate) => candidate.id === id);
  if (spec) return spec;
  throw faulty(`step ${around}${id} is not declared`);
}

function faulty(what: string): ProcedureStopped {
  return new ProcedureStopped(what, 'Report this to the owners of the runbook.');
}
