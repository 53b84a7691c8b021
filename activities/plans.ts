import type pg from 'pg';
import type { AttemptRequest } from '../common/attempt.js';
import type { RunKey } from '../common/keys.js';
import type { Plan } from '../language/plan.js';
import type { RunFacts } from '../language/run-facts.js';
import { changedInputs, planOf, type RecordedFacts } from '../store/index.js';
import { admit, type AdmissionDeps } from './admit.js';
import { AsPlanned, type Comparison } from './as-planned.js';
import type { StepFailure } from './failure.js';
import { notAsPlanned } from './not-as-planned.js';

/** Size of the cache of plans; a miss costs one query. */
const remembered = 500;

/** The plan that a run follows since people have changed its inputs. */
interface ChangedPlan {
  plan: Plan;
  /** The decision that changed them last. */
  since: number;
  /** False: the changed inputs were not admitted, and the run keeps its plan. */
  isNew: boolean;
}

/** A run as the record has it. */
export interface Known {
  plan: Plan;
  run: RunFacts;
}

/**
 * The plans of the runs whose steps this worker does, from the record. A plan never changes; when
 * people change inputs at the desk, the run continues with another plan.
 */
export class Plans {
  private readonly plans = new Map<string, Known>();
  private readonly changed = new Map<string, ChangedPlan>();
  /** The groups of steps that are known to be settled. */
  private readonly settled = new Map<string, Set<string>>();

  constructor(
    private readonly pool: pg.Pool,
    private readonly admission: AdmissionDeps,
  ) {}

  /** Caches a plan that was just recorded. */
  keep(key: RunKey, known: Known): void {
    remember(this.plans, nameOf(key), known);
  }

  /**
   * The run with its plan, as far as this worker knows.
   * @returns null when the record has the run without a plan: it was never admitted
   * @throws NotInRecord
   */
  async of(key: RunKey): Promise<Known | null> {
    const first = await this.first(key);
    const changed = this.changed.get(nameOf(key));
    return first && changed ? { ...first, plan: changed.plan } : first;
  }

  /** What to compare a request with; null when the plan has no such step. */
  compare(request: AttemptRequest, { plan, run }: Known): AsPlanned | null {
    const settled = this.settled.get(nameOf(request.key));
    return AsPlanned.of(request, plan, run, (path) => settled?.has(path) === true);
  }

  /**
   * Why a request is not as planned; null when it is. Where people have changed inputs only the
   * plan with these inputs counts, except for an attempt that began before.
   * @param planned the request with the plan that `facts` were read for
   */
  async whyNot(
    { key }: AttemptRequest,
    planned: AsPlanned,
    facts: RecordedFacts,
    resumed: boolean,
  ): Promise<StepFailure | null> {
    const newest = await this.newest(key, facts.changes ?? []);
    const since = newest?.isNew ? newest.since : 0;
    const why = compared(newest ? planned.against(newest.plan) : planned, facts, {
      resumed,
      since,
    });
    if (why === null) this.keepSettled(key, planned, facts);
    if (why === null || !resumed || since === 0) return why;
    const first = await this.first(key);
    return compared(first && planned.against(first.plan), facts, { resumed, since: 0 });
  }

  /**
   * The programs that an attempt may run. Once inputs were changed only the run knows how the
   * programs of its plan were found.
   */
  covered({ key, programs = [] }: AttemptRequest, planned: AsPlanned, facts: RecordedFacts) {
    return this.changed.get(nameOf(key))?.isNew ? programs : planned.covered(facts);
  }

  /** The plan with the inputs that people have changed; undefined when they have not. */
  private async newest(key: RunKey, changes: readonly number[]): Promise<ChangedPlan | undefined> {
    const since = changes.at(-1);
    if (since === undefined) return undefined;
    const name = nameOf(key);
    const known = this.changed.get(name);
    if (known?.since === since) return known;
    const envelope = await changedInputs(this.pool, key);
    const admission = envelope && admit(envelope, this.admission);
    const first = await this.first(key);
    const plan = admission?.admitted ? keeping(first?.plan, admission.plan) : first?.plan;
    if (!plan) return undefined;
    this.settled.delete(name);
    const newest = { plan, since, isNew: admission?.admitted === true };
    remember(this.changed, name, newest);
    return newest;
  }

  private async first(key: RunKey): Promise<Known | null> {
    const known = this.plans.get(nameOf(key));
    if (known) return known;
    const { plan, run } = await planOf(this.pool, key);
    if (!plan) return null;
    this.keep(key, { plan, run });
    return { plan, run };
  }

  private keepSettled(key: RunKey, planned: AsPlanned, facts: RecordedFacts): void {
    const { groupsBefore } = planned;
    if (groupsBefore.length === 0 || facts.despite) return;
    const name = nameOf(key);
    const settled = this.settled.get(name) ?? new Set();
    for (const group of groupsBefore) settled.add(group);
    remember(this.settled, name, settled);
  }
}

/** A run keeps what it knows of its targets, and its files. */
function keeping(first: Plan | undefined, plan: Plan): Plan {
  const known = (name: string) => first?.targets.find((target) => target.name === name);
  const targets = plan.targets.map((target) => known(target.name) ?? target);
  return { ...plan, targets, ...(first?.files ? { files: first.files } : {}) };
}

function compared(
  planned: AsPlanned | null,
  facts: RecordedFacts,
  how: Comparison,
): StepFailure | null {
  return planned ? planned.whyNot(facts, how) : notAsPlanned('the plan has no such step');
}

function remember<T>(plans: Map<string, T>, name: string, plan: T): void {
  plans.delete(name);
  plans.set(name, plan);
  const [oldest] = plans.keys();
  if (plans.size > remembered && oldest !== undefined) plans.delete(oldest);
}

function nameOf({ run, firstRunId }: RunKey): string {
  return `${run}\0${firstRunId}`;
}
