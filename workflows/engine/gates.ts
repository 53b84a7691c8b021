import { condition } from '@temporalio/workflow';
import { digestOf } from '../../language/digest.js';
import type { JsonObject } from '../../language/json.js';
import type { StepSpec } from '../../language/runbook.js';
import type { DecisionEnvelope } from '../../common/envelope.js';
import type { GateFacts } from '../../common/judgement.js';
import type { Board } from './board.js';
import { nextWake, waitTimes } from './clock.js';
import { GateRejected } from './outcome.js';

interface Gate {
  spec: StepSpec;
  attempt: number;
  digest: string;
  state: GateFacts['state'];
  decision: DecisionEnvelope | null;
}

/** What a gate is opened with. */
export interface GateQuestion {
  /** What the approver must see to decide. */
  evidence: JsonObject;
  /** The steps up to the next gate, resolved: exactly what the approval allows. */
  covers: JsonObject;
}

interface GateHost {
  board: Board;
  planDigest: string;
  procedure: string;
  command: string;
  /** True while a decision is being judged. */
  busy(): boolean;
  save(): Promise<void>;
}

/** The places where the run waits for people. */
export class Gates {
  private readonly gates = new Map<string, Gate>();

  constructor(steps: readonly StepSpec[]) {
    for (const spec of steps) {
      if (spec.kind === 'approval') this.gates.set(spec.id, { spec, attempt: 0, digest: '', state: 'pending', decision: null });
    }
  }

  facts(): GateFacts[] {
    return [...this.gates.values()].map(({ spec, attempt, digest, state, decision }) => ({
      id: spec.id,
      attempt,
      digest,
      state,
      approvers: spec.approvers ?? 'another',
      decidedBy: decision?.by ?? null,
      decidedVerb: decision?.verb ?? null,
    }));
  }

  approved(id: string): boolean {
    const gate = this.gates.get(id);
    return gate?.state === 'decided' && gate.decision?.verb === 'approve';
  }

  /** Takes a decision that was judged good. */
  decide(decision: DecisionEnvelope): void {
    const gate = this.gates.get(decision.gate ?? '');
    if (gate?.state !== 'waiting') return;
    gate.state = 'decided';
    gate.decision = decision;
  }

  /**
   * Opens the gate and waits until it is decided. Each opening is a new attempt with a new digest, so that a decision
   * about an earlier question never answers a later one.
   * @throws GateRejected when it is rejected or its deadline passes; silence is never a yes
   */
  async pass(id: string, question: GateQuestion, host: GateHost, run: string): Promise<DecisionEnvelope> {
    const gate = this.gates.get(id);
    if (!gate) throw new Error(`gate ${id} is not declared`);
    gate.attempt += 1;
    gate.decision = null;
    gate.digest = digestOf({ plan: host.planDigest, procedure: host.procedure, gate: id, attempt: gate.attempt, ...question });
    gate.state = 'waiting';

    const times = waitTimes(Date.now(), gate.spec.deadlineMs);
    const command = `${host.command} approve ${run} ${id} --reason '…'`;
    const row = host.board.row(id, gate.spec);
    row.attempts = gate.attempt;
    host.board.begin(row, 'waiting');
    host.board.openWait({
      kind: 'approval',
      id,
      title: gate.spec.title,
      since: new Date(times.since).toISOString(),
      deadline: times.deadline === null ? null : new Date(times.deadline).toISOString(),
      who: gate.spec.approvers === 'anyone' ? 'an operator' : 'an operator other than the requester',
      attempt: gate.attempt,
      digest: gate.digest,
      evidence: question.evidence,
      command,
    });
    const saved = host.save();
    try {
      for (;;) {
        const wait = nextWake(Date.now(), times);
        if (wait === 0 && !host.busy()) break;
        const decided = () => gate.decision !== null;
        // A decision that arrived before the deadline counts, even when it is judged after it.
        if (wait === 0) await condition(() => decided() || !host.busy());
        // The timer's summary is the one place that shows the command without a worker.
        else await condition(decided, wait, { summary: command });
        if (decided()) break;
      }
    } finally {
      gate.state = 'decided';
      host.board.closeWait(id);
    }
    await saved;

    const decision = gate.decision as DecisionEnvelope | null;
    if (decision?.verb === 'approve') {
      host.board.end(row, 'succeeded', { output: { by: decision.by, reason: decision.reason } });
      return decision;
    }
    const problem = decision
      ? { type: 'Rejected', message: `${decision.by} rejected ${id}: ${decision.reason}` }
      : { type: 'Expired', message: `nobody decided ${id} before its deadline` };
    host.board.end(row, 'failed', { error: problem });
    throw new GateRejected(id, problem);
  }
}
