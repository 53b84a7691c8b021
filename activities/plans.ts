import type pg from 'pg';
import type { AttemptRequest } from '../common/attempt.js';
import type { RunKey } from '../common/keys.js';
import type { Plan } from '../language/plan.js';
import { changedInputs, planOf, type RecordedFacts } from '../store/index.js';
import { admit, type AdmissionDeps } from './admit.js';
import { AsPlanned } from './as-planned.js';

/** Plans that a worker remembers; one that it has forgotten costs one query more. */
const remembered = 500;

/**
 * The plans of the runs that this worker does steps of, as the record has them. A plan never changes;
 * people can change inputs at the desk, and then the run goes on with another one.
 */
export class Plans {
  private readonly plans = new Map<string, Plan>();
  private readonly changed = new Map<string, Plan>();

  constructor(
    private readonly pool: pg.Pool,
    private readonly admission: AdmissionDeps,
  ) {}

  /** Remembers what the record has just taken. */
  keep(key: RunKey, plan: Plan): void {
    remember(this.plans, nameOf(key), plan);
  }

  /**
   * The plan of the run, the one with changed inputs where there is one.
   * @returns null when the record has the run without a plan: it was never admitted
   * @throws NotInRecord
   */
  async of(key: RunKey): Promise<Plan | null> {
    const name = nameOf(key);
    const known = this.changed.get(name) ?? this.plans.get(name);
    if (known) return known;
    const plan = await planOf(this.pool, key);
    if (plan) this.keep(key, plan);
    return plan;
  }

  /**
   * Why a request is none of those that the run's plans have; null when it is one. Only a request that
   * does not fit what is remembered costs a query: whether people have changed inputs meanwhile.
   */
  async whyNot(request: AttemptRequest, plan: Plan, facts: RecordedFacts): Promise<string | null> {
    const why = fits(request, plan, facts);
    if (why === null) return null;
    for (const other of await this.others(request.key, plan))
      if (fits(request, other, facts) === null) return null;
    return why;
  }

  private async others(key: RunKey, tried: Plan): Promise<Plan[]> {
    const name = nameOf(key);
    const first = this.plans.get(name) ?? (await planOf(this.pool, key));
    const envelope = await changedInputs(this.pool, key);
    const admission = envelope && admit(envelope, this.admission);
    if (admission?.admitted) remember(this.changed, name, admission.plan);
    const newest = this.changed.get(name);
    return [newest, first].filter((plan): plan is Plan => !!plan && plan !== tried);
  }
}

function fits(request: AttemptRequest, plan: Plan, facts: RecordedFacts): string | null {
  const asPlanned = AsPlanned.of(request, plan);
  return asPlanned ? asPlanned.whyNot(facts) : 'the plan has no such step';
}

function remember(plans: Map<string, Plan>, name: string, plan: Plan): void {
  plans.delete(name);
  plans.set(name, plan);
  const [oldest] = plans.keys();
  if (plans.size > remembered && oldest !== undefined) plans.delete(oldest);
}

function nameOf({ run, firstRunId }: RunKey): string {
  return `${run}\0${firstRunId}`;
}
