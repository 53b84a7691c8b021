import type { AttemptRequest } from '../common/attempt.js';
import { gateFor } from '../common/gate-before.js';
import { probedAt, undoneBy } from '../common/paths.js';
import { canonicalJson, type Json, type JsonObject } from '../language/json.js';
import type { Plan } from '../language/plan.js';
import { isReference, Unresolved } from '../language/reference.js';
import type { Action } from '../language/runbook.js';
import {
  declaredStep,
  neededOutputs,
  scopeOf,
  storedStep,
  type StoredStep,
} from '../language/stored-step.js';
import { NoText, resolveAction } from '../language/work.js';
import type { RecordedFacts, WantedFacts } from '../store/index.js';

/** What an attempt at a step is for. */
type Use = 'act' | 'undo' | 'probe';

/** The plan that a run follows: its own, or the one with changed inputs. */
export type PlannedBy = Pick<Plan, 'steps' | 'inputs' | 'targets' | 'data' | 'drill'>;

/**
 * Compares a request with the plan in the record: a worker does what the plan says, whatever the
 * requesting workflow claims.
 */
export class AsPlanned {
  private constructor(
    private readonly request: AttemptRequest,
    private readonly plan: PlannedBy,
    private readonly use: Use,
    private readonly stored: Pick<StoredStep, 'spec' | 'top'> & Partial<StoredStep>,
    private readonly gate: StoredStep | string | null,
  ) {}

  /** @returns null when the plan has no such step */
  static of(request: AttemptRequest, plan: PlannedBy): AsPlanned | null {
    const { path } = request.step;
    const undone = undoneBy(path);
    const probed = undone === null ? probedAt(path) : null;
    const own = undone ?? probed ?? path;
    const stored = plan.data ? storedStep(plan, own) : declaredStep(plan.steps, own);
    if (!stored) return null;
    const use = undone !== null ? 'undo' : probed !== null ? 'probe' : 'act';
    // An approved step may be undone without another approval.
    const gate = use === 'act' ? gateBefore(stored, plan) : null;
    return new AsPlanned(request, plan, use, stored, gate);
  }

  /** What `whyNot` needs from the record. */
  get wanted(): WantedFacts {
    const { stored, gate } = this;
    const about = [stored, ...(gate !== null && typeof gate !== 'string' ? [gate] : [])];
    const needed = about.flatMap((step) => (isStored(step) ? [neededOutputs(step)] : []));
    return {
      paths: needed.flatMap(({ paths }) => paths),
      below: needed.flatMap(({ below }) => below),
      gate: gate === null ? null : typeof gate === 'string' ? gate : gate.top,
    };
  }

  /** Why the request is not what the plan says, as the end of a sentence; null when it is. */
  whyNot(facts: RecordedFacts): string | null {
    return (
      this.wrongKind() ?? this.wrongTarget() ?? this.notApproved(facts) ?? this.wrongWork(facts)
    );
  }

  private wrongKind(): string | null {
    const { step } = this.request;
    const { spec } = this.stored;
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

  private notApproved(facts: RecordedFacts): string | null {
    const { gate, plan, request } = this;
    // A drill runs unattended, and changes isolated targets only.
    if (gate === null || facts.approved || plan.drill) return null;
    if (typeof gate === 'string') return `gate ${gate} has no approval in the record`;
    const scope = scopeOf(gate, plan, request.key.run, { ...facts, below: this.wanted.below });
    return scope ? `gate ${gate.top} has no approval in the record` : null;
  }

  private wrongWork(facts: RecordedFacts): string | null {
    const { stored, plan, request, use } = this;
    if (!isStored(stored)) return null;
    const { work } = stored.spec;
    if (!work) return 'it does nothing';
    try {
      const scope = scopeOf(stored, plan, request.key.run, { ...facts, below: this.wanted.below });
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
      if (use !== 'act') {
        const declared = use === 'undo' ? work.undo : work.check;
        return difference(
          { action: request.action },
          { action: resolved(declared, request.action) },
        );
      }
      const asked = {
        action: request.action,
        expect: request.expect,
        verify: request.verify,
        check: request.check,
      };
      return difference(asked, {
        action: resolved(work.action, request.action),
        expect: work.expect ?? [],
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

/** A gate with a condition counts only where the condition can be evaluated. */
function gateBefore(
  { spec, top }: Pick<StoredStep, 'spec' | 'top'>,
  plan: PlannedBy,
): StoredStep | string | null {
  const id = gateFor(spec, top, plan);
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
function withRequestedOutputs(template: JsonObject, asked: Json, facts: RecordedFacts): JsonObject {
  return facts.despite ? (fromAsked(template, asked) as JsonObject) : template;
}

function fromAsked(template: Json, asked: Json): Json {
  if (isReference(template)) return template.$.startsWith('steps.') ? (asked ?? null) : template;
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
