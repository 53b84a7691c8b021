import { digestOf } from '../../language/digest.js';
import type { JsonObject } from '../../language/json.js';
import { rulesOf } from '../../language/kinds/index.js';
import type { StepSpec } from '../../language/runbook.js';
import { deciders, defaultApprovers } from '../../common/deciders.js';
import type { DecisionEnvelope } from '../../common/envelope.js';
import type { GateFacts } from '../../common/judgement.js';
import type { Problem, StepView } from '../../common/view.js';
import type { Board } from './board.js';
import type { CarriedGate } from './carried.js';
import { nextWake, waitTimes } from './clock.js';
import { GateRejected } from './outcome.js';
import { codeIn } from './programs.js';
import type { Turn } from './turn.js';

interface Gate extends CarriedGate {
  spec: StepSpec;
  /** Openings in this execution, including those decided in an earlier one. */
  openings: number;
  /** The question of its last opening. */
  question?: GateQuestion;
  /**
   * Set once its approval is asked for again: 'asking', or the error when people refused or the
   * asking step was cancelled.
   */
  renewal?: unknown;
}

/** What a gate is opened with. */
export interface GateQuestion {
  /** What the approver must see to decide. */
  evidence: JsonObject;
  /** The steps up to the next gate, resolved: exactly what the approval allows. */
  covers: JsonObject;
  /**
   * The name that the approver has to type, where acting on the wrong thing would do harm.
   */
  confirm?: string;
}

interface GateHost {
  board: Board;
  planDigest: string;
  procedure: string;
  /**
   * Identifies the code that executes the run now, and the changed programs that people accepted.
   */
  release(): string;
  /** Evidence that every gate shows beside its own. */
  evidence(): JsonObject;
  command: string;
  /** True while a decision is being judged. */
  busy(): boolean;
  save(): Promise<void>;
  until: Turn['until'];
}

/** The places where the run waits for people. */
export class Gates {
  private readonly gates = new Map<string, Gate>();
  private readonly waived = new Set<string>();

  constructor(steps: readonly StepSpec[], carried: readonly CarriedGate[] = []) {
    const before = new Map(carried.map((gate) => [gate.id, gate]));
    for (const spec of withParts(steps)) {
      if (spec.kind === 'approval')
        this.gates.set(spec.id, {
          ...unopened(spec.id),
          ...before.get(spec.id),
          spec,
          openings: 0,
        });
    }
  }

  /**
   * For the next execution of the run.
   * @param voided true when the approvals so far no longer hold
   */
  carry(voided: boolean): CarriedGate[] {
    return [...this.gates.values()].map(
      ({ spec: _spec, openings: _openings, question: _question, renewal: _renewal, ...gate }) =>
        voided ? { ...unopened(gate.id), attempt: gate.attempt, release: gate.release } : gate,
    );
  }

  facts(): GateFacts[] {
    return [...this.gates.values()].map(({ spec, attempt, digest, state, decision, confirm }) => ({
      id: spec.id,
      attempt,
      digest,
      state,
      approvers: spec.approvers ?? defaultApprovers,
      confirm,
      decidedBy: decision?.by ?? null,
      decidedVerb: decision?.verb ?? null,
    }));
  }

  /**
   * A gate whose `when` makes it unnecessary this time: nothing behind it waits for it.
   * @param drill in a drill no declaration is needed: isolated targets are all that can be changed
   */
  waive(id: string, drill: boolean): void {
    if (drill || this.gates.get(id)?.spec.when) this.waived.add(id);
  }

  specOf(id: string): StepSpec {
    const gate = this.gates.get(id);
    if (!gate) throw new Error(`gate ${id} is not declared`);
    return gate.spec;
  }

  /** @param release the code that is going to act: an approval of other code does not count */
  approved(id: string, release: string): boolean {
    const gate = this.gates.get(id);
    if (this.waived.has(id)) return true;
    return gate?.decision?.verb === 'approve' && gate.release === release;
  }

  /** Whether a gate was approved that the requester may not approve. */
  hasApprovalByAnother(): boolean {
    return this.facts().some(
      ({ approvers, decidedVerb }) => approvers === 'another' && decidedVerb === 'approve',
    );
  }

  /** Whether the gate was approved, or is being reopened: then it can ask its question again. */
  canReopen(id: string): boolean {
    const gate = this.gates.get(id);
    if (!gate?.question) return false;
    return gate.renewal !== undefined || gate.decision?.verb === 'approve';
  }

  /** Whether the approval was given for earlier code, or is being asked for again. */
  isOutdated(id: string, release: string): boolean {
    const gate = this.gates.get(id);
    if (!gate?.question) return false;
    return (
      gate.renewal !== undefined || (gate.decision?.verb === 'approve' && gate.release !== release)
    );
  }

  /**
   * Asks again for an approval that was given for other code. Only a step that needs it asks, so
   * that finished steps ask nobody. Steps that need the same approval wait for the same answer.
   * @throws GateRejected as `ask`
   */
  async renew(id: string, host: GateHost, run: string): Promise<void> {
    const gate = this.gates.get(id) as Gate;
    if (gate.renewal === 'asking') await host.until(() => gate.renewal !== 'asking');
    if (gate.renewal instanceof GateRejected) throw gate.renewal;
    if (!this.isOutdated(id, host.release())) return;
    gate.renewal = 'asking';
    // Approvals of this opening and later ones were given for other code.
    gate.passed.length = gate.openings - 1;
    try {
      await this.askUntilDecided(gate, gate.question as GateQuestion, host, run);
      delete gate.renewal;
    } catch (error) {
      gate.renewal = error;
      throw error;
    }
  }

  /** The procedure is over: no gate is opened any more. */
  close(): void {
    for (const gate of this.gates.values()) gate.state = 'decided';
  }

  /** Takes a decision that was judged good. */
  decide(decision: DecisionEnvelope): void {
    const gate = this.gates.get(decision.gate as string);
    if (gate?.state !== 'waiting' || decision.attempt !== gate.attempt) return;
    gate.state = 'decided';
    gate.decision = decision;
    if (decision.verb === 'approve') gate.passed.push(decision);
  }

  /**
   * Opens the gate and waits until it is decided. Each opening is a new attempt with a new digest,
   * so that a decision about an earlier question never answers a later one.
   * @throws GateRejected when it is rejected or its deadline passes: silence never approves
   */
  async ask(
    id: string,
    question: GateQuestion,
    host: GateHost,
    run: string,
  ): Promise<DecisionEnvelope> {
    const spec = this.specOf(id);
    const gate = this.gates.get(id) as Gate;
    const row = host.board.row(id, spec);
    gate.openings += 1;
    gate.question = question;
    const before = gate.passed[gate.openings - 1];
    if (before) return approved(before, row, host.board);
    // The previous execution ended after the rejection and before its effect.
    if (gate.decision?.verb === 'reject') throw this.closed(gate, row, host.board);
    return this.askUntilDecided(gate, question, host, run);
  }

  private async askUntilDecided(
    gate: Gate,
    question: GateQuestion,
    host: GateHost,
    run: string,
  ): Promise<DecisionEnvelope> {
    const row = host.board.row(gate.id, gate.spec);
    const summary = commandOf(host, run, gate.id, question);
    const decided = (): boolean => gate.decision !== null;
    // The run was moved to other code while it waited. A decision that is being judged still
    // answers the old question.
    const outdated = (): boolean => gate.release !== host.release() && !host.busy();
    let saved = this.put(gate, row, question, host, run);
    try {
      for (;;) {
        const wait = nextWake(
          Date.now(),
          waitTimes(Date.parse(gate.since as string), gate.spec.deadlineMs),
        );
        if (wait === 0 && !host.busy()) break;
        // A decision that arrived before the deadline counts, even when it is judged after it.
        if (wait === 0) await host.until(() => !host.busy());
        // The timer's summary shows the command in the Temporal UI even when no worker is alive.
        else await host.until(() => decided() || outdated(), { ms: wait, summary });
        if (decided()) break;
        if (outdated()) {
          await saved;
          saved = this.put(gate, row, question, host, run);
        }
      }
    } finally {
      gate.state = 'decided';
      host.board.closeWait(gate.id);
    }
    await saved;

    const decision = gate.decision;
    if (decision?.verb === 'approve') return approved(decision, row, host.board);
    throw this.closed(gate, row, host.board);
  }

  private closed({ id, decision }: Gate, row: StepView, board: Board): GateRejected {
    const problem: Problem = decision
      ? { type: 'Rejected', message: `${decision.by} rejected ${id}: ${decision.reason}` }
      : { type: 'Expired', message: `nobody decided ${id} before its deadline` };
    board.closeWait(id);
    board.end(row, 'failed', { error: problem });
    return new GateRejected(id, problem);
  }

  /**
   * Opens the gate. An opening that the previous execution left waiting stays as it is, unless its
   * question has changed; the code that is going to act is part of the question.
   */
  private put(
    gate: Gate,
    row: StepView,
    question: GateQuestion,
    host: GateHost,
    run: string,
  ): Promise<void> {
    const release = host.release();
    const evidence = (): JsonObject => ({
      ...(gate.changed === undefined ? {} : { [codeChanged]: gate.changed }),
      ...host.evidence(),
      ...question.evidence,
    });
    const digestFor = (attempt: number, about: JsonObject = { run }): string =>
      digestOf({
        ...about,
        ...{ plan: host.planDigest, procedure: host.procedure, release },
        ...{ gate: gate.id, attempt },
        ...question,
        evidence: evidence(),
      });
    // An earlier release left the run out of the digest.
    const same = [digestFor(gate.attempt), digestFor(gate.attempt, {})];
    const isSameQuestion = gate.decision === null && same.includes(gate.digest);
    if (!isSameQuestion) {
      gate.changed = changeOf(gate, release);
      gate.release = release;
      gate.attempt += 1;
      gate.digest = digestFor(gate.attempt);
      gate.since = new Date().toISOString();
      gate.decision = null;
    }
    gate.state = 'waiting';
    gate.confirm = question.confirm;
    row.attempts = gate.attempt;
    const { deadline } = waitTimes(Date.parse(gate.since as string), gate.spec.deadlineMs);
    if (!isSameQuestion) host.board.begin(row, 'waiting');
    host.board.openWait({
      kind: 'approval',
      id: gate.id,
      title: gate.spec.title,
      since: gate.since as string,
      deadline: deadline === null ? null : new Date(deadline).toISOString(),
      who: deciders[gate.spec.approvers ?? defaultApprovers],
      attempt: gate.attempt,
      digest: gate.digest,
      evidence: evidence(),
      confirm: question.confirm,
      command: commandOf(host, run, gate.id, question),
    });
    return isSameQuestion ? Promise.resolve() : host.save();
  }
}

function commandOf(host: GateHost, run: string, id: string, { confirm }: GateQuestion): string {
  return `${host.command} approve ${run} ${id}${confirm === undefined ? '' : " --confirm '…'"} --reason '…'`;
}

const codeChanged = 'code changed since this was last asked';

/** The change of the code, for the approver; undefined when the code is the same. */
function changeOf({ attempt, release, decision }: Gate, now: string): string | undefined {
  // Changed programs are evidence of their own.
  const [before, present] = [codeIn(release), codeIn(now)];
  if (attempt === 0 || before === present) return undefined;
  const change = `${before || 'unknown'} → ${present || 'unknown'}`;
  return decision?.verb === 'approve'
    ? `${change}; the approval by ${decision.by} was for the code before`
    : change;
}

function unopened(id: string): CarriedGate {
  return { id, attempt: 0, digest: '', state: 'pending', since: null, decision: null, passed: [] };
}

function approved(decision: DecisionEnvelope, row: StepView, board: Board): DecisionEnvelope {
  board.closeWait(row.id);
  if (row.state !== 'succeeded')
    board.end(row, 'succeeded', { output: { by: decision.by, reason: decision.reason } });
  return decision;
}

/** Nested runbooks have gates of their own; a gate's id is its path. */
function withParts(steps: readonly StepSpec[], prefix = ''): StepSpec[] {
  return steps.flatMap((step) => {
    const spec = prefix ? { ...step, id: `${prefix}/${step.id}` } : step;
    return rulesOf(step.kind).holdsGates ? withParts(step.steps ?? [], spec.id) : [spec];
  });
}
