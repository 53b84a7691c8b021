import { digestOf } from '../../language/digest.js';
import type { JsonObject } from '../../language/json.js';
import type { StepSpec } from '../../language/runbook.js';
import type { DecisionEnvelope } from '../../common/envelope.js';
import { goesOnAfter, rulesOfQuestion, verbsFor } from '../../common/questions.js';
import { nextStep } from '../../common/next-step.js';
import type { Problem, StepState, StepView } from '../../common/view.js';
import type { Board } from './board.js';
import type { DeskQuestion } from './desk-questions.js';
import type { Losses } from './losses.js';
import { cancelledWhileItWaited } from './outcome.js';
import type { Question, Questions, Shown } from './questions.js';

/** A question of a step, as the next execution of the run gets it. */
export interface Case extends Question {
  kind: DeskQuestion['kind'];
  answers: readonly string[];
  problem: Problem;
  since: string;
  /** True once the step has applied the decision; until then the next execution has to. */
  done: boolean;
  /** How often the same was asked anew, because a target was lost meanwhile. */
  anew?: number;
}

interface DeskDeps {
  /** Workflow id. */
  run: string;
  questions: Questions;
  board: Board;
  losses: Losses;
}

/**
 * The failure desk: a step that failed for good, or that people do by hand, waits here for their
 * decision.
 */
export class Desk {
  /** By the path of the step or undo. */
  private readonly cases = new Map<string, Case>();

  constructor(
    private readonly deps: DeskDeps,
    carried: readonly Case[] = [],
  ) {
    for (const each of carried) this.add(each);
  }

  /** For the next execution of the run. */
  carry(): Case[] {
    return [...this.cases.values()];
  }

  /**
   * What an earlier execution of the run asked about the step, when that is not answered yet, or
   * the answer is not applied yet.
   */
  open(path: string): Problem | undefined {
    const asked = this.cases.get(path);
    return asked && !asked.done ? asked.problem : undefined;
  }

  /** The problem that the step last asked about. */
  lastProblem(path: string): Problem | undefined {
    return this.cases.get(path)?.problem;
  }

  /** Id of the decision that let the step try again last. */
  lastDecision(path: string): string | undefined {
    return this.cases.get(path)?.decision?.id;
  }

  /** How people have ended the run at this step; null: they have not. */
  chosenEnding(path: string): 'rollback' | 'abort' | null {
    const verb = this.cases.get(path)?.decision?.verb;
    return verb === 'rollback' || verb === 'abort' ? verb : null;
  }

  /** How often the step has asked; each `retry` gives it as many attempts again. */
  asked(path: string): number {
    const { attempt = 0, anew = 0 } = this.cases.get(path) ?? {};
    return attempt - anew;
  }

  /**
   * Shows what failed and waits without limit. Each failure is a new case: an answer to an earlier
   * one is stale. The caller must apply the decision before it awaits anything else.
   */
  async ask(
    path: string,
    spec: StepSpec,
    row: StepView,
    asked: DeskQuestion,
  ): Promise<DecisionEnvelope> {
    const { board, questions, losses } = this.deps;
    // A case that the previous execution left open is in the record already.
    let isNew = this.open(path) === undefined;
    const question = isNew ? this.newCase(path, spec, asked) : (this.cases.get(path) as Case);
    if (isNew) board.end(row, stateOf(asked), { error: asked.problem });
    const isOutdated = (): boolean => question.lost !== losses.told;
    const open = (): Promise<void> => {
      if (isOutdated()) {
        this.renew(question);
        isNew = true;
      }
      const saved = questions.open(question, this.shown(question, asked), isNew);
      isNew = false;
      return saved;
    };
    try {
      await questions.ask(question, { open, isOutdated });
    } catch (error) {
      board.end(row, ...unanswered(asked));
      throw error;
    }
    question.done = true;
    return question.decision as unknown as DecisionEnvelope;
  }

  private newCase(path: string, spec: StepSpec, asked: DeskQuestion): Case {
    const { kind, problem, deciders = 'anyone' } = asked;
    const { answers = [], asked: fields } = spec;
    const { attempt = 0, anew } = this.cases.get(path) ?? {};
    const question: Case = {
      ...{ kind, id: path, attempt, state: 'waiting', deciders, answers, problem },
      digest: '',
      verbs: verbsFor(kind, answers),
      ...(fields ? { fields } : {}),
      since: '',
      decision: null,
      done: false,
      ...(anew === undefined ? {} : { anew }),
    };
    this.number(question);
    return this.add(question);
  }

  /** The same is asked anew, because a target was lost meanwhile. */
  private renew(question: Case): void {
    question.anew = (question.anew ?? 0) + 1;
    this.number(question);
  }

  /** Each asking is a question of its own. */
  private number(question: Case): void {
    const { run, losses } = this.deps;
    const { id, problem } = question;
    const attempt = question.attempt + 1;
    const lost = losses.told;
    const about = lost === undefined ? { problem } : { problem, lost };
    question.attempt = attempt;
    question.lost = lost;
    question.digest = digestOf({ run, step: id, attempt, ...about });
    question.since = new Date().toISOString();
  }

  private shown({ kind, verbs }: Case, asked: DeskQuestion): Shown {
    const { board, losses } = this.deps;
    const goingOn = verbs.filter((verb) => goesOnAfter(kind, verb)).join(', ');
    return {
      title: asked.title,
      evidence: {
        ...whatHappened(asked, board.command),
        ...losses.evidence(goingOn),
        ...asked.evidence,
      },
    };
  }

  private add(question: Case): Case {
    this.cases.set(question.id, question);
    this.deps.questions.add(question);
    return question;
  }
}

/** @param command name of the command line */
function whatHappened({ problem }: DeskQuestion, command: string): JsonObject {
  if (problem.type === 'Manual') return {};
  const next = nextStep(problem, command);
  return { 'what happened': problem.message, ...(next ? { next } : {}) };
}

/** State of the step while it asks. */
function stateOf({ kind, problem }: DeskQuestion): 'unknown' | 'needs-operator' | 'waiting' {
  return problem.type === 'OutcomeUnknown' ? 'unknown' : rulesOfQuestion(kind).state;
}

/** How the step ends that the run, or the group around it, was ended without an answer to. */
function unanswered(asked: DeskQuestion): [StepState, { error: Problem }] {
  const { problem } = asked;
  const state = stateOf(asked);
  if (state === 'waiting') return ['skipped', { error: cancelledWhileItWaited }];
  return [state === 'unknown' ? 'unknown' : 'failed', { error: problem }];
}
