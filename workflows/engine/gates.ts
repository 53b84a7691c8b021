import { digestOf } from '../../language/digest.js';
import type { JsonObject } from '../../language/json.js';
import { describeAction } from '../../language/kinds/index.js';
import type { Plan } from '../../language/plan.js';
import type { StepSpec } from '../../language/runbook.js';
import { defaultApprovers, verbsFor } from '../../common/questions.js';
import type { DeclaredStep } from '../../common/gate-before.js';
import type { DecisionEnvelope } from '../../common/envelope.js';
import { isListed, type ListedWork, type ListedWorks } from '../../common/listed.js';
import type { Problem, StepView } from '../../common/view.js';
import type { Board } from './board.js';
import { gatesOf } from './gates-of.js';
import { followingSteps } from './listed.js';
import type { Losses } from './losses.js';
import { cancelledWhileItWaited, GateRejected } from './outcome.js';
import { codeIn } from './programs.js';
import type { Question, Questions } from './questions.js';
import type { Turn } from './turn.js';

/** A gate, as the next execution of the run gets it. */
export interface CarriedGate extends Question {
  /** The approvals of its openings so far, in order. */
  passed: DecisionEnvelope[];
  /** Names the code that last opened the gate. Absent: not opened yet. */
  release?: string | undefined;
  /** What the last opening said about a change of the code. */
  changed?: string | undefined;
  /** What steps were going to do beside the list of an opening. Absent: nothing. */
  amended?: Amendment | undefined;
  /** Its approval does not count any more. */
  outdated?: boolean;
}

/** What people were asked to allow beside what an opening listed. */
interface Amendment {
  opening: number;
  works: Record<string, ListedWork[]>;
}

interface Gate extends CarriedGate {
  spec: StepSpec;
  /** Openings in this execution, including those decided in an earlier one. */
  openings: number;
  /** What it was last opened with. */
  asked?: GateQuestion;
  /** How often each step behind it was done since its last opening, by declared path. */
  done: Map<string, number>;
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
  /** What the steps up to the next gate do, by declared path: the run does nothing else. */
  actions: ListedWorks;
  /**
   * The name that the approver has to type, where acting on the wrong thing would do harm.
   */
  confirm?: string;
}

interface GateDeps {
  /** Workflow id. */
  run: string;
  plan: Plan;
  questions: Questions;
  board: Board;
  /**
   * Identifies the code that executes the run now, and the changed programs that people accepted.
   */
  code: () => string;
  losses: Losses;
  /** Evidence that every gate shows beside its own. */
  evidence: () => JsonObject;
  until: Turn['until'];
}

/** The places where the run waits for people. */
export class Gates {
  private readonly gates = new Map<string, Gate>();
  private readonly waived = new Set<string>();

  constructor(
    private readonly deps: GateDeps,
    carried: readonly CarriedGate[] = [],
  ) {
    const before = new Map(carried.map((gate) => [gate.id, gate]));
    for (const spec of gatesOf(deps.plan.steps)) {
      const gate: Gate = {
        ...(before.get(spec.id) ?? unopened(spec)),
        ...{ spec, openings: 0, done: new Map() },
      };
      this.gates.set(spec.id, gate);
      deps.questions.add(gate, () => {
        if (gate.decision?.verb === 'approve') gate.passed.push(gate.decision);
      });
    }
  }

  /**
   * For the next execution of the run.
   * @param voided true when the approvals so far no longer hold: the next step that needs one asks
   *   for it again, so that what is done is passed over before anybody is asked, and can be undone
   */
  carry(voided: boolean): CarriedGate[] {
    return [...this.gates.values()].map(
      ({
        spec,
        openings: _openings,
        asked: _asked,
        outdated: _outdated,
        renewal: _renewal,
        done: _done,
        ...gate
      }) => {
        if (!voided) return gate;
        if (gate.decision?.verb === 'approve') return { ...gate, outdated: true };
        return { ...unopened(spec), attempt: gate.attempt, release: gate.release };
      },
    );
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

  /** An approval counts only for the code that was to act when it was given. */
  approved(id: string): boolean {
    if (this.waived.has(id)) return true;
    const gate = this.gates.get(id);
    return gate?.decision?.verb === 'approve' && gate.release === this.deps.code();
  }

  /** Whether a gate was approved that the requester may not approve. */
  hasApprovalByAnother(): boolean {
    return [...this.gates.values()].some(
      ({ deciders, decision }) => deciders === 'another' && decision?.verb === 'approve',
    );
  }

  /** Whether the gate was approved, or is being reopened: then it can ask its question again. */
  canReopen(id: string): boolean {
    const gate = this.gates.get(id);
    if (!gate?.asked) return false;
    return gate.renewal !== undefined || gate.decision?.verb === 'approve';
  }

  /** Whether the approval does not count any more, or is being asked for again. */
  isOutdated(id: string): boolean {
    const gate = this.gates.get(id);
    if (!gate?.asked) return false;
    const isOld = gate.outdated === true || gate.release !== this.deps.code();
    return gate.renewal !== undefined || (gate.decision?.verb === 'approve' && isOld);
  }

  /** A worker found that the approval does not count any more: the next step that needs it asks. */
  outdate(id: string): void {
    const gate = this.gates.get(id) as Gate;
    if (gate.decision?.verb === 'approve') gate.outdated = true;
  }

  /** Counts a time that the step behind the gate is done. @returns how often it was done before */
  count(id: string | undefined, step: string): number {
    const done = this.gates.get(id ?? '')?.done;
    const before = done?.get(step) ?? 0;
    done?.set(step, before + 1);
    return before;
  }

  /**
   * Whether the approver was shown what the step is going to do. A plan that is data has shown all
   * of it, and workers hold each step against it.
   * @param before how often it was done since the gate was opened
   */
  hasListed(id: string, step: string, work: ListedWork, before: number): boolean {
    const gate = this.gates.get(id);
    const asked = gate && present(gate);
    return !asked || this.deps.plan.data === true || isListed(asked.actions[step], work, before);
  }

  /**
   * Asks whether a step may do what the approver was not shown.
   * @throws GateRejected as `ask`
   */
  async amend(id: string, step: string, { action, undo }: ListedWork): Promise<void> {
    const work = undo ? { action, undo } : { action };
    const gate = this.gates.get(id) as Gate;
    const before = amendmentOf(gate);
    const works = { ...before, [step]: [...(before[step] ?? []), work] };
    gate.amended = { opening: gate.openings, works };
    gate.outdated = true;
    return this.renew(id);
  }

  /**
   * Asks again for an approval that was given for other code. Only a step that needs it asks, so
   * that finished steps ask nobody. Steps that need the same approval wait for the same answer.
   * @throws GateRejected as `ask`
   */
  async renew(id: string): Promise<void> {
    const gate = this.gates.get(id) as Gate;
    if (gate.renewal === 'asking') await this.deps.until(() => gate.renewal !== 'asking');
    if (gate.renewal instanceof GateRejected) throw gate.renewal;
    if (!this.isOutdated(id)) return;
    gate.renewal = 'asking';
    const asked = present(gate) as GateQuestion;
    // Approvals of this opening and later ones were given for other code.
    gate.passed.length = gate.openings - 1;
    try {
      await this.askUntilDecided(gate, asked);
      delete gate.renewal;
    } catch (error) {
      gate.renewal = error;
      throw error;
    }
  }

  /**
   * Opens the gate and waits until it is decided. Each opening is a new attempt with a new digest,
   * so that a decision about an earlier question never answers a later one.
   * @throws GateRejected when it is rejected or its deadline passes: silence never approves
   */
  async ask(id: string, asked: GateQuestion): Promise<DecisionEnvelope> {
    const spec = this.specOf(id);
    const gate = this.gates.get(id) as Gate;
    const row = this.deps.board.row(id, spec);
    gate.openings += 1;
    gate.done.clear();
    gate.asked = asked;
    const before = gate.passed[gate.openings - 1];
    if (before) return this.approvedBy(before, row);
    // The previous execution ended after the rejection and before its effect.
    if (gate.decision?.verb === 'reject') throw this.closed(gate, row);
    return this.askUntilDecided(gate, present(gate) as GateQuestion);
  }

  private async askUntilDecided(gate: Gate, asked: GateQuestion): Promise<DecisionEnvelope> {
    const { questions, board, code } = this.deps;
    const { deadlineMs } = gate.spec;
    const row = board.row(gate.id, gate.spec);
    try {
      await questions.ask(gate, {
        open: () => this.open(gate, row, asked),
        timer: { deadlineMs },
        // While it waited, the run was moved to other code, or has lost a target.
        isOutdated: () => gate.release !== code(),
      });
    } catch (error) {
      board.end(row, 'skipped', { error: cancelledWhileItWaited });
      throw error;
    }
    if (gate.decision?.verb === 'approve') return this.approvedBy(gate.decision, row);
    throw this.closed(gate, row);
  }

  private closed({ id, decision }: Gate, row: StepView): GateRejected {
    const problem: Problem = decision
      ? { type: 'Rejected', message: `${decision.by} rejected ${id}: ${decision.reason}` }
      : {
          type: 'Expired',
          message: `nobody decided ${id} before its deadline`,
          next: 'Start it again when somebody is there to decide.',
        };
    this.deps.board.closeWait(id);
    this.deps.board.end(row, 'failed', { error: problem });
    return new GateRejected(id, problem);
  }

  private approvedBy(decision: DecisionEnvelope, row: StepView): DecisionEnvelope {
    const { board } = this.deps;
    board.closeWait(row.id);
    if (row.state !== 'succeeded')
      board.end(row, 'succeeded', { output: { by: decision.by, reason: decision.reason } });
    return decision;
  }

  /**
   * Opens the gate. An opening that the previous execution left waiting stays as it is, unless its
   * question has changed; the code that is going to act is part of the question.
   */
  private open(gate: Gate, row: StepView, asked: GateQuestion): Promise<void> {
    const { plan, run, board, questions, losses } = this.deps;
    const release = this.deps.code();
    const evidence = (): JsonObject => ({
      ...(gate.changed === undefined ? {} : { [codeChanged]: gate.changed }),
      ...this.deps.evidence(),
      ...asked.evidence,
    });
    const digest = (attempt: number): string =>
      digestOf({
        ...{ run, plan: plan.digest, procedure: plan.procedure, release, gate: gate.id, attempt },
        ...asked,
        evidence: evidence(),
      });
    const isNew = gate.decision !== null || gate.digest !== digest(gate.attempt);
    if (isNew) {
      gate.changed = changeOf(gate, release);
      gate.release = release;
      gate.attempt += 1;
      gate.digest = digest(gate.attempt);
      gate.since = new Date().toISOString();
      gate.decision = null;
      delete gate.outdated;
    }
    gate.confirm = asked.confirm;
    gate.lost = losses.told;
    row.attempts = gate.attempt;
    if (isNew) board.begin(row, 'waiting');
    const { title, deadlineMs } = gate.spec;
    const follows = followingSteps(plan, gate.id, asked.actions, (step) =>
      isDone(step, board, plan),
    );
    return questions.open(gate, { title, evidence: evidence(), deadlineMs, follows }, isNew);
  }
}

/** What a plan that is data has done is not done again; code may do a step as often as it likes. */
function isDone({ path }: DeclaredStep, board: Board, plan: Plan): boolean {
  const row = plan.data ? board.settled(path) : undefined;
  // What came from a dead run may have drifted since.
  return row !== undefined && row.takenFrom === undefined;
}

/** What was allowed, or is to be, beside the list of the present opening. */
function amendmentOf({ amended, openings }: Gate): Amendment['works'] {
  return amended?.opening === openings ? amended.works : {};
}

/** The question as it stands by now; undefined before it was asked. */
function present(gate: Gate): GateQuestion | undefined {
  const { asked } = gate;
  const added = Object.entries(amendmentOf(gate));
  if (!asked || added.length === 0) return asked;
  const works = added.map(([step, each]): [string, readonly ListedWork[]] => [
    step,
    [...(asked.actions[step] ?? []), ...each],
  ]);
  const told = added.flatMap(([step, each]) =>
    each.map(({ action }) => `${step}: ${describeAction(action)}`),
  );
  return {
    ...asked,
    evidence: { [notListed]: told, ...asked.evidence },
    actions: { ...asked.actions, ...Object.fromEntries(works) },
  };
}

const notListed = 'not among what was shown before';
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

function unopened({ id, approvers = defaultApprovers }: StepSpec): CarriedGate {
  return {
    kind: 'approval',
    ...{ id, attempt: 0, digest: '', state: 'pending', since: null, decision: null, passed: [] },
    verbs: verbsFor('approval'),
    deciders: approvers,
  };
}
