import type pg from 'pg';
import type { AttemptRequest } from '../common/attempt.js';
import type { RunKey } from '../common/keys.js';
import type { Plan } from '../language/plan.js';
import { changedInputs, planOf, type RecordedFacts } from '../store/index.js';
import { admit, type AdmissionDeps } from './admit.js';
import { AsPlanned } from './as-planned.js';

/** Size of the cache of plans; a miss costs one query. */
const remembered = 500;

/**
 * The plans of the runs whose steps this worker does, from the record. A plan never changes; when
 * people change inputs at the desk, the run continues with another plan.
 */
export class Plans {
  private readonly plans = new Map<string, Plan>();
  private readonly changed = new Map<string, Plan>();

  constructor(
    private readonly pool: pg.Pool,
    private readonly admission: AdmissionDeps,
  ) {}

  /** Caches a plan that was just recorded. */
  keep(key: RunKey, plan: Plan): void {
    remember(this.plans, nameOf(key), plan);
  }

  /**
   * The plan of the run; after a change of inputs, the newest.
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
   * Why a request fits none of the run's plans; null when it fits one. Only a request that does not
   * fit the cached plan costs a query: people may have changed inputs meanwhile.
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
