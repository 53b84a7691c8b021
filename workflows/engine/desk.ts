import { digestOf } from '../../language/digest.js';
import type { JsonObject } from '../../language/json.js';
import type { StepSpec } from '../../language/runbook.js';
import { deskVerbsFor } from '../../common/decided.js';
import { deciders } from '../../common/deciders.js';
import type { DecisionEnvelope } from '../../common/envelope.js';
import type { DeskFacts } from '../../common/judgement.js';
import { undoneBy } from '../../common/paths.js';
import type { Problem, StepView, WaitView } from '../../common/view.js';
import type { Board } from './board.js';
import type { Turn } from './turn.js';

/** A question of a step to people, and its answer. */
export interface Case extends Omit<DeskFacts, 'decidedBy' | 'decidedVerb'> {
  problem: Problem;
  since: string;
  decision: DecisionEnvelope | null;
  /** True once the step has applied the decision; until then the next execution has to. */
  done: boolean;
}

/** What a step asks. */
export interface DeskQuestion {
  kind: WaitView['kind'] & ('failure' | 'manual');
  title: string;
  problem: Problem;
  evidence: JsonObject;
  /** Who may let it run again. */
  approvers?: DeskFacts['approvers'];
}

interface DeskHost {
  board: Board;
  command: string;
  run: string;
  save(): Promise<void>;
  until: Turn['until'];
}

/**
 * The failure desk: a step that failed for good, or that people do by hand, waits here for their
 * decision.
 */
export class Desk {
  private readonly cases = new Map<string, Case>();

  /** For the next execution of the run. */
  carry(): Case[] {
    return [...this.cases.values()];
  }

  restore(cases: readonly Case[]): void {
    for (const each of cases) this.cases.set(each.step, each);
  }

  facts(): DeskFacts[] {
    return [...this.cases.values()].map(
      ({ decision, problem: _problem, since: _since, done: _done, ...facts }) => ({
        ...facts,
        decidedBy: decision?.by ?? null,
        decidedVerb: decision?.verb ?? null,
      }),
    );
  }

  /**
   * What an earlier execution of the run asked about the step, when that is not answered yet, or
   * the answer is not applied yet.
   */
  open(path: string): Problem | undefined {
    const asked = this.cases.get(path);
    return asked && !asked.done ? asked.problem : undefined;
  }

  /** The procedure is over: closes the questions of its steps. Those of undos stay open. */
  close(): void {
    for (const asked of this.cases.values()) if (!isAboutUndo(asked.step)) asked.state = 'decided';
  }

  /** The problem that the step last asked about. */
  lastProblem(path: string): Problem | undefined {
    return this.cases.get(path)?.problem;
  }

  /** Id of the decision that let the step try again last. */
  lastDecision(path: string): string | undefined {
    return this.cases.get(path)?.decision?.id;
  }

  /** How often the step has asked; each `retry` gives it as many attempts again. */
  asked(path: string): number {
    return this.cases.get(path)?.attempt ?? 0;
  }

  /** Takes a decision that was judged good. */
  decide(decision: DecisionEnvelope): void {
    const open = this.cases.get(decision.step as string);
    if (open?.state !== 'waiting') return;
    open.state = 'decided';
    open.decision = decision;
  }

  /** A decision about the whole run answers every open question. */
  answerAll(decision: DecisionEnvelope): void {
    for (const step of this.cases.keys()) this.decide({ ...decision, step });
  }

  /**
   * Shows what failed and waits without limit. Each failure is a new case: an answer to an earlier
   * one is stale. The caller must apply the decision before it awaits anything else.
   */
  async ask(
    path: string,
    spec: StepSpec,
    row: StepView,
    question: DeskQuestion,
    host: DeskHost,
  ): Promise<DecisionEnvelope> {
    // A case that the previous execution left open is in the record already.
    const wasOpen = this.open(path) !== undefined;
    const waiting = this.caseOf(path, spec, question, host.run);
    const { problem } = waiting;
    if (!wasOpen)
      host.board.end(row, question.kind === 'manual' ? 'waiting' : stateOf(problem), {
        error: problem,
      });
    host.board.openWait({
      kind: question.kind,
      id: path,
      title: question.title,
      since: waiting.since,
      deadline: null,
      who: deciders[waiting.approvers ?? 'anyone'],
      attempt: waiting.attempt,
      digest: waiting.digest,
      evidence: question.evidence,
      command: `${host.command} ${waiting.verbs?.[0]} ${host.run} ${path} --reason '…'`,
    });
    const saved = wasOpen ? Promise.resolve() : host.save();
    try {
      await host.until(() => waiting.decision !== null);
    } finally {
      waiting.state = 'decided';
      host.board.closeWait(path);
    }
    await saved;
    waiting.done = true;
    return waiting.decision as unknown as DecisionEnvelope;
  }

  /** The case that the previous execution left open, or a new one. */
  private caseOf(path: string, spec: StepSpec, question: DeskQuestion, run: string): Case {
    const before = this.cases.get(path);
    if (before && !before.done) return before;
    const attempt = (before?.attempt ?? 0) + 1;
    const { problem, kind, approvers } = question;
    const fresh: Case = {
      step: path,
      attempt,
      digest: digestOf({ run, step: path, attempt, problem }),
      state: 'waiting',
      verbs: deskVerbsFor(kind, path),
      answers: spec.answers ?? [],
      ...(approvers === undefined ? {} : { approvers }),
      problem,
      since: new Date().toISOString(),
      decision: null,
      done: false,
    };
    this.cases.set(path, fresh);
    return fresh;
  }
}

/** A step failed for good, or its outcome is unknown. */
export function aboutFailure(spec: StepSpec, problem: Problem): DeskQuestion {
  const isUnknown = stateOf(problem) === 'unknown';
  const answers = spec.answers ?? [];
  return {
    kind: 'failure',
    title: `${spec.title}: ${isUnknown ? 'it is not known what became of it' : 'it failed'}`,
    problem,
    evidence: {
      ...what(problem),
      effect: spec.effect,
      retry: isUnknown
        ? 'does the step again: what it did before then happens twice'
        : 'does the step again',
      skip:
        answers.length > 0
          ? 'not possible: later steps need what it answers'
          : 'goes on without it',
      done: `goes on; you did it by hand${answers.length > 0 ? ` and give ${answers.join(', ')} with --output` : ''}`,
      rollback: 'ends the run and takes back what was changed',
      abort: 'ends the run and leaves everything as it is',
    },
  };
}

/** Nobody can tell whether a step is to be done. */
export function aboutUndecided(spec: StepSpec, problem: Problem): DeskQuestion {
  const { evidence } = aboutFailure(spec, problem);
  return {
    kind: 'failure',
    title: `${spec.title}: it cannot be told whether it is to be done`,
    problem,
    evidence: { ...evidence, retry: 'looks again; give changed inputs with it (--input)' },
  };
}

/** A step could not be undone. */
export function aboutUndo(spec: StepSpec, problem: Problem): DeskQuestion {
  return {
    kind: 'failure',
    title: `${spec.title}: it could not be taken back`,
    problem,
    evidence: {
      ...what(problem),
      undo: spec.undo ?? '',
      retry: 'tries again to take it back',
      done: 'goes on; you took it back by hand',
      skip: 'leaves this step as it is and takes back the others',
      abort: 'stops taking back; everything left stays as it is',
    },
  };
}

/** A step that people do. */
export function aboutManual(
  spec: StepSpec,
  instructions: string,
  evidence: JsonObject,
): DeskQuestion {
  const answers = spec.answers ?? [];
  return {
    kind: 'manual',
    title: spec.title,
    problem: { type: 'Manual', message: instructions },
    evidence: {
      'what to do': instructions,
      ...evidence,
      done: `when you have done it${answers.length > 0 ? `; give ${answers.join(', ')} with --output` : ''}`,
      skip:
        answers.length > 0
          ? 'not possible: later steps need what it answers'
          : 'goes on without it',
      rollback: 'ends the run and takes back what was changed',
      abort: 'ends the run and leaves everything as it is',
    },
  };
}

/** The question is that of an undo, not of a step. */
export function isAboutUndo(path: string): boolean {
  return undoneBy(path) !== null;
}

function what(problem: Problem): JsonObject {
  return { 'what happened': problem.message, ...(problem.next ? { next: problem.next } : {}) };
}

function stateOf(problem: Problem): 'unknown' | 'needs-operator' {
  return problem.type === 'OutcomeUnknown' ? 'unknown' : 'needs-operator';
}
