import type { AttemptRequest } from '../common/attempt.js';
import { gatesFor } from '../common/gate-before.js';
import { listsAction, listsUndo } from '../common/listed.js';
import { probedAt, undoneBy } from '../language/paths.js';
import { canonicalJson, type Json, type JsonObject } from '../language/json.js';
import type { Plan, PlannedFile, Program } from '../language/plan.js';
import type { RunFacts } from '../language/run-facts.js';
import type { StepSpec } from '../language/runbook.js';
import { isCaptured, lookedAt } from '../language/facts.js';
import { isOpen, referencesIn, resolve, Unresolved } from '../language/reference.js';
import type { Action } from '../language/kinds/index.js';
import {
  declaredStep,
  neededOutputs,
  runbookOf,
  scopeOf,
  storedStep,
  type StoredStep,
} from '../language/stored-step.js';
import { NoText, resolveAction } from '../language/work.js';
import { firstOpen, stepsBefore, type StepsBefore } from '../language/steps-before.js';
import type { RecordedFacts, WantedFacts } from '../store/index.js';
import type { StepFailure } from './failure.js';
import { approvalOutdated, notAsPlanned } from './not-as-planned.js';
import { coveredPrograms, uncoveredNames } from './planned-programs.js';

/** By how much clocks of hosts may differ, in milliseconds. */
const clockErrorMs = 5 * 60_000;

/** What an attempt at a step is for. */
type Use = 'act' | 'undo' | 'probe';

/** The plan that a run follows: its own, or the one with changed inputs. */
export type PlannedBy = Pick<
  Plan,
  'runbook' | 'steps' | 'outputs' | 'inputs' | 'targets' | 'data' | 'drill' | 'programs' | 'files'
>;

/** What the comparison with a plan depends on beside the facts. */
export interface Comparison {
  /** The attempt was taken over: its first worker has made sure that it might begin. */
  resumed: boolean;
  /** The decision from which on this plan holds; 0: from the start. */
  since: number;
}

/** The step of a request in its plan, and what has to come before it. */
interface Found {
  stored: Pick<StoredStep, 'spec' | 'top'> & Partial<StoredStep>;
  /** Whose approval it needs; an approved step may be undone without another one. */
  gate: StoredStep | string | null;
  before: StepsBefore | null;
  /** Of a code-first step: the gates in front of its own that code cannot pass over. */
  earlier: readonly string[];
  /** Of a code-first undo: the gate that has listed it. */
  listedAt: string | null;
}

/**
 * Compares a request with the plan in the record: a worker does what the plan says, whatever the
 * requesting workflow claims.
 */
export class AsPlanned {
  private constructor(
    private readonly request: AttemptRequest,
    private readonly plan: PlannedBy,
    private readonly run: RunFacts,
    private readonly use: Use,
    private readonly found: Found,
    private readonly isSettled: (path: string) => boolean,
  ) {}

  /**
   * @param isSettled the groups that are known to be settled
   * @returns null when the plan has no such step
   */
  static of(
    request: AttemptRequest,
    plan: PlannedBy,
    run: RunFacts,
    isSettled: (path: string) => boolean = () => false,
  ): AsPlanned | null {
    const { path } = request.step;
    const undone = undoneBy(path);
    const probed = undone === null ? probedAt(path) : null;
    const own = undone ?? probed ?? path;
    const stored = plan.data ? storedStep(plan, own) : declaredStep(plan.steps, own);
    if (!stored) return null;
    const use = undone !== null ? 'undo' : probed !== null ? 'probe' : 'act';
    const nearest = gateBefore(stored, plan);
    const isCode = !isStored(stored);
    const found: Found = {
      stored,
      gate: use === 'act' ? nearest : null,
      // What is undone, or only looked at again, has no turn.
      before: use === 'act' && isStored(stored) ? stepsBefore(stored, isSettled) : null,
      earlier: use === 'act' && isCode ? earlierGates(stored, plan) : [],
      listedAt: use === 'undo' && isCode && typeof nearest === 'string' ? nearest : null,
    };
    return new AsPlanned(request, plan, run, use, found, isSettled);
  }

  /** The same request compared with another plan, by the same facts. */
  against(plan: PlannedBy): AsPlanned | null {
    return plan === this.plan ? this : AsPlanned.of(this.request, plan, this.run, this.isSettled);
  }

  /** What `whyNot` needs from the record. */
  get wanted(): WantedFacts {
    const { plan, request } = this;
    const { stored, gate, earlier, listedAt, before } = this.found;
    const about = [stored, ...(gate !== null && typeof gate !== 'string' ? [gate] : [])];
    const needed = about.flatMap((step) => (isStored(step) ? [neededOutputs(step)] : []));
    if (before) needed.push(before.outputs);
    return {
      paths: needed.flatMap(({ paths }) => paths),
      below: needed.flatMap(({ below }) => below),
      gate: listedAt ?? gateName(gate),
      listed: (gate === null && listedAt === null) || isStored(stored) ? null : stored.top,
      undone: listedAt === null ? null : undoneBy(request.step.path),
      before: before?.paths ?? earlier,
      beforeBelow: [
        ...(before?.below ?? []),
        ...(plan.steps.some(mayHaveFailures) ? needed.flatMap(({ below }) => below) : []),
      ],
      programs: uncoveredNames(request, plan),
    };
  }

  /** The programs that the attempt may run. */
  covered(facts: RecordedFacts): Program[] {
    return coveredPrograms(this.plan, facts);
  }

  /** The files of the plan that lie beside the runbook of the step. */
  get files(): readonly PlannedFile[] {
    const { stored } = this.found;
    const runbook = (isStored(stored) && runbookOf(stored)) || this.plan.runbook.id;
    return (this.plan.files ?? []).filter((each) => each.runbook === runbook);
  }

  /** The groups before the step: once it may begin, they are settled. */
  get groupsBefore(): string[] {
    return this.found.before?.groups ?? [];
  }

  /** Why the request is not what the plan says, or may not begin yet; null when it may. */
  whyNot(facts: RecordedFacts, how: Comparison): StepFailure | null {
    const why = this.wrongKind() ?? this.wrongTarget() ?? this.wrongTime();
    if (why !== null) return notAsPlanned(why);
    const early = how.resumed ? null : this.tooEarly(facts, how);
    if (early) return early;
    const wrong = this.wrongWork(facts);
    return wrong === null ? null : notAsPlanned(wrong);
  }

  private tooEarly(facts: RecordedFacts, { since }: Comparison): StepFailure | null {
    try {
      const unapproved = this.notApproved(facts, since);
      if (unapproved) return unapproved;
      const open = this.openBefore(facts, since);
      return open === null ? null : notAsPlanned(`the record does not have step ${open} before it`);
    } catch (error) {
      if (error instanceof Unresolved) return notAsPlanned(`the record has no ${error.reference}`);
      throw error;
    }
  }

  private wrongKind(): string | null {
    const { step } = this.request;
    const { spec } = this.found.stored;
    const [kind, effect] = this.use === 'probe' ? ['check', 'read'] : [spec.kind, spec.effect];
    if (step.kind !== kind) return `it is of kind ${kind}, not ${step.kind}`;
    return step.effect === effect ? null : `its effect is ${effect}, not ${step.effect}`;
  }

  private wrongTarget(): string | null {
    const { action, verify, check } = this.request;
    const names = [action, verify, check].flatMap((each) => (each ? targetsOf(each) : []));
    const other = names.find((name) => !this.plan.targets.some((target) => target.name === name));
    return other === undefined ? null : `the plan has no target ${other}`;
  }

  /** The run says when the turn of the step came: not before the run, and not in time to come. */
  private wrongTime(): string | null {
    const { now } = this.request;
    if (now === undefined) return null;
    const at = Date.parse(now);
    const isPossible =
      at >= Date.parse(this.run.startedAt) - clockErrorMs && at <= Date.now() + clockErrorMs;
    return isPossible ? null : `its turn cannot have come at ${now}`;
  }

  private notApproved(facts: RecordedFacts, since: number): StepFailure | null {
    const { plan } = this;
    const { gate } = this.found;
    // A drill runs unattended, and changes isolated targets only.
    if (plan.drill) return null;
    const passedOver = this.passedOver(facts);
    if (passedOver) return notAsPlanned(`gate ${passedOver} has no approval in the record`);
    if (gate === null) return null;
    const { approval } = facts;
    const isOld = approval !== null && approval.no < since;
    if (approval?.approved && !approval.reopened && !isOld) return null;
    const name = gateName(gate) as string;
    if (typeof gate !== 'string' && !scopeOf(gate, plan, this.run, this.outputs(facts)))
      return null;
    if (!approval?.approved) return notAsPlanned(`gate ${name} has no approval in the record`);
    return approvalOutdated(
      name,
      isOld ? 'inputs were changed since' : 'the gate was opened again since',
    );
  }

  /** A gate in front of the one that a code-first step needs, and that nobody has approved. */
  private passedOver({ settled, despite }: RecordedFacts): string | undefined {
    return despite ? undefined : this.found.earlier.find((gate) => !settled?.includes(gate));
  }

  /** A step that should be settled before this one, and is not; null when there is none. */
  private openBefore(facts: RecordedFacts, since: number): string | null {
    const { plan } = this;
    const { before } = this.found;
    if (!before || facts.despite) return null;
    return firstOpen(before.steps, plan, this.run, this.outputs(facts), {
      paths: new Set(facts.settled),
      tried: new Set(facts.tried),
      goesOn: facts.goesOn,
      drill: plan.drill === true,
      changed: since > 0,
    });
  }

  private outputs(facts: RecordedFacts) {
    const failed = facts.tried?.filter((path) => !facts.settled?.includes(path)) ?? [];
    return { ...facts, failed, below: this.wanted.below, looked: lookedAt(this.plan) };
  }

  /** Code decides what the step does, within what its gate has listed. */
  private notListed({ approval, shown, despite }: RecordedFacts): string | null {
    const { plan, request, use } = this;
    const { stored } = this.found;
    const isUndo = use === 'undo';
    const works = isUndo ? (shown?.flat() ?? null) : (approval?.listed ?? null);
    if (works === null || plan.drill || (isUndo && despite)) return null;
    if (isUndo ? listsUndo(works, request.action) : listsAction(works, request.action)) return null;
    return `what it does is not among what the approver was shown of ${stored.top}`;
  }

  private wrongWork(facts: RecordedFacts): string | null {
    const { plan, request, use } = this;
    const { stored } = this.found;
    if (!isStored(stored))
      return request.capture ? 'code does not capture failures' : this.notListed(facts);
    const { work } = stored.spec;
    if (!work) return 'it does nothing';
    try {
      const { now } = request;
      const time = now === undefined ? {} : { now };
      const scope = scopeOf(stored, plan, this.run, { ...this.outputs(facts), ...time });
      if (!scope) return 'its condition does not hold, or there is no such item';
      const resolved = (
        template: JsonObject | undefined,
        asked: Action | undefined,
      ): Action | null =>
        template === undefined
          ? null
          : resolveAction(
              withRequestedOutputs(template, asked as unknown as Json, facts),
              scope,
              template,
            );
      const values = (template: unknown, asked: unknown): Json =>
        resolve(withRequestedOutputs(template as Json, (asked ?? null) as Json, facts), scope);
      if (use !== 'act') {
        const declared = use === 'undo' ? work.undo : work.check;
        return difference(
          { action: request.action, capture: request.capture },
          { action: resolved(declared, request.action) },
        );
      }
      const asked = {
        action: request.action,
        expect: request.expect,
        outputs: request.outputs,
        capture: request.capture,
        verify: request.verify,
        check: request.check,
      };
      return difference(asked, {
        action: resolved(work.action, request.action),
        expect: values(work.expect ?? [], request.expect),
        outputs: work.outputs && values(work.outputs, request.outputs),
        capture: isCaptured(stored.spec) ? true : undefined,
        verify: resolved(work.verify, request.verify),
        check: resolved(work.check, request.check),
      });
    } catch (error) {
      if (error instanceof Unresolved) return `the record has no ${error.reference}`;
      if (error instanceof NoText) return 'one of its arguments is no text';
      throw error;
    }
  }
}

function isStored(
  step: Pick<StoredStep, 'spec' | 'top'> & Partial<StoredStep>,
): step is StoredStep {
  return step.levels !== undefined;
}

/** Loops in which items may fail: the record has to say which have. */
function mayHaveFailures({ maxFailures, steps = [] }: StepSpec): boolean {
  return maxFailures !== undefined || steps.some(mayHaveFailures);
}

function gateName(gate: StoredStep | string | null): string | null {
  return gate === null || typeof gate === 'string' ? gate : gate.top;
}

/** The gates in front of a code-first step's own, without those that code may leave out. */
function earlierGates({ spec, top }: Pick<StoredStep, 'spec' | 'top'>, plan: PlannedBy): string[] {
  return gatesFor(spec, top, plan).filter(
    (gate, at, { length }) => at < length - 1 && !declaredStep(plan.steps, gate)?.spec.when,
  );
}

/** A gate with a condition counts only where the condition can be evaluated. */
function gateBefore(
  { spec, top }: Pick<StoredStep, 'spec' | 'top'>,
  plan: PlannedBy,
): StoredStep | string | null {
  const id = gatesFor(spec, top, plan).at(-1);
  if (id === undefined) return null;
  const gate = plan.data ? storedStep(plan, id) : declaredStep(plan.steps, id);
  if (!gate) return id;
  if ('levels' in gate) return gate as StoredStep;
  return gate.spec.when ? null : id;
}

function targetsOf(action: Action): string[] {
  if (action.kind === 'check') return targetsOf(action.probe);
  return action.target === undefined ? [] : [action.target];
}

/**
 * People have let the step continue although record and run differ on earlier outputs: then values
 * that the plan takes from outputs may be the run's, and nothing else may.
 */
function withRequestedOutputs<T extends Json>(template: T, asked: Json, facts: RecordedFacts): T {
  return facts.despite ? (fromAsked(template, asked) as T) : template;
}

function fromAsked(template: Json, asked: Json): Json {
  if (isOpen(template))
    return referencesIn(template).some((name) => name.startsWith('steps.'))
      ? (asked ?? null)
      : template;
  if (template === null || typeof template !== 'object') return template;
  const at = (key: string | number): Json =>
    asked !== null && typeof asked === 'object' ? ((asked as JsonObject)[key] ?? null) : null;
  if (Array.isArray(template)) return template.map((item, place) => fromAsked(item, at(place)));
  return Object.fromEntries(
    Object.entries(template).map(([key, value]) => [key, fromAsked(value, at(key))]),
  );
}

/** The first difference, as a path; null when there is none. */
function difference(asked: object, planned: object, at = ''): string | null {
  const [a, b] = [asked, planned] as Record<string, unknown>[];
  for (const key of new Set([...Object.keys(b ?? {}), ...Object.keys(a ?? {})])) {
    const [mine, theirs] = [a?.[key] ?? null, b?.[key] ?? null];
    if (canonicalJson(mine) === canonicalJson(theirs)) continue;
    const place = at ? `${at}.${key}` : key;
    const isDeeper = [mine, theirs].every((value) => value !== null && typeof value === 'object');
    return (
      (isDeeper ? difference(mine as object, theirs as object, place) : null) ?? `${place} differs`
    );
  }
  return null;
}
