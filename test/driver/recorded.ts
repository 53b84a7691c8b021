import type { AdmitRequest } from '../../activities/index.js';
import { AsPlanned } from '../../activities/as-planned.js';
import type { Admission } from '../../common/admission.js';
import type { AttemptRequest, AttemptResult } from '../../common/attempt.js';
import type { DecisionEnvelope } from '../../common/envelope.js';
import type { JudgeAnswer, JudgeRequest } from '../../common/judgement.js';
import type { Json } from '../../language/json.js';
import { runFacts, type RunFacts } from '../../language/run-facts.js';
import type { Plan } from '../../language/plan.js';
import type { RecordedApproval, RecordedFacts } from '../../store/facts.js';
import type { ActivityFunction } from '../../testing/driver/attempt.js';

/*
 * What a record would have of a run on the driver, and what a worker would say to its requests.
 */

export class Recorded {
  private plan: Plan | undefined;
  private run: RunFacts | undefined;
  private decisions = 0;
  private readonly approvals = new Map<string, RecordedApproval>();
  private readonly settled = new Set<string>();
  private readonly tried = new Set<string>();
  private readonly values: Record<string, Json> = {};
  /** Requests that a worker would have refused, and why. */
  readonly refused: string[] = [];
  /** Requests that it would have refused had nothing been done before them. */
  early = 0;

  /** The same activities, which the record sees. */
  around(real: Record<string, ActivityFunction>): Record<string, ActivityFunction> {
    return {
      ...real,
      admit: async (request, activity) => {
        const admission = (await real['admit']?.(request, activity)) as Admission;
        const { envelope, startedAt } = request as AdmitRequest;
        const { run: id, by: requester, reason } = envelope;
        this.run = runFacts({ id, startedAt: startedAt ?? '', requester, reason });
        if (admission.admitted) this.plan = admission.plan;
        return admission;
      },
      judge: async (request, activity) => {
        const answer = (await real['judge']?.(request, activity)) as JudgeAnswer;
        answer.verdicts.forEach(({ accepted }, place) => {
          const { received } = (request as JudgeRequest).decisions[place] ?? {};
          if (accepted) this.decided(received as unknown as DecisionEnvelope);
        });
        return answer;
      },
      ...Object.fromEntries(['command', 'check'].map((kind) => [kind, this.compared(real[kind])])),
    };
  }

  private compared(act: ActivityFunction | undefined): ActivityFunction {
    return async (request, activity) => {
      const { path } = (request as AttemptRequest).step;
      this.compare(request);
      try {
        const result = (await act?.(request, activity)) as AttemptResult;
        this.settled.add(path);
        this.values[path] = result.output;
        return result;
      } catch (error) {
        this.tried.add(path);
        throw error;
      }
    };
  }

  private decided({ verb, about, outputs }: DecisionEnvelope): void {
    this.decisions += 1;
    if (about?.kind === 'gate') {
      const approved = verb === 'approve';
      this.approvals.set(about.id, {
        ...{ no: this.decisions, approved, reopened: false, listed: null },
      });
      if (approved) this.settled.add(about.id);
    }
    if (about?.kind !== 'step' || (verb !== 'done' && verb !== 'skip')) return;
    const step = about.id;
    this.settled.add(step);
    if (verb === 'done') this.values[step] = outputs ?? null;
  }

  private compare(request: AttemptRequest): void {
    const planned = this.plan && this.run && AsPlanned.of(request, this.plan, this.run);
    const { path } = request.step;
    if (!planned) {
      this.refused.push(`${path}: the plan has no such step`);
      return;
    }
    const { gate } = planned.wanted;
    const facts: RecordedFacts = {
      approval: (gate !== null && this.approvals.get(gate)) || null,
      ...{ changes: null, goesOn: false, despite: false, shown: null, programs: null },
      settled: [...this.settled],
      tried: [...this.tried],
      values: this.values,
    };
    const how = { resumed: false, since: 0 };
    const why = planned.whyNot(facts, how);
    if (why) this.refused.push(`${path}: ${why.message}`);
    if (planned.whyNot({ ...facts, settled: null, tried: null }, how)) this.early += 1;
  }
}
