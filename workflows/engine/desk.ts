import { digestOf } from '../../language/digest.js';
import type { JsonObject } from '../../language/json.js';
import { caseTexts } from '../../language/cases.js';
import type { Action } from '../../language/kinds/index.js';
import type { StepSpec } from '../../language/runbook.js';
import type { DecisionEnvelope } from '../../common/envelope.js';
import {
  goesOnAfter,
  rulesOfQuestion,
  verbsFor,
  type AnswerVerb,
  type Deciders,
} from '../../common/questions.js';
import { effectWords } from '../../common/following.js';
import { nextStep } from '../../common/next-step.js';
import { undoWords } from '../../common/undo-words.js';
import type { Problem, StepState, StepView } from '../../common/view.js';
import type { Board } from './board.js';
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

/** What a step asks. */
export interface DeskQuestion {
  kind: 'failure' | 'undo' | 'manual';
  title: string;
  problem: Problem;
  /** What is known besides what happened. */
  evidence: JsonObject;
  /** Who may let it run again. Absent: anyone. */
  deciders?: Deciders;
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

/** A step failed for good, or its outcome is unknown. */
export function aboutFailure(spec: StepSpec, problem: Problem): DeskQuestion {
  const isUnknown = problem.type === 'OutcomeUnknown';
  return {
    kind: 'failure',
    title: `${spec.title}: ${isUnknown ? 'it is not known what became of it' : 'it failed'}`,
    problem,
    evidence: {
      'the step': effectWords[spec.effect],
      ...offered('failure', spec, {
        retry: isUnknown
          ? 'does the step again: what it did before then happens twice'
          : 'does the step again',
        skip: 'goes on without it',
        done: `goes on; you did it by hand${givenOutputs(spec, ' and give')}`,
        ...endings,
      }),
    },
  };
}

/** Nobody can tell whether a step is to be done, or with what. */
export function aboutUndecided(
  spec: StepSpec,
  problem: Problem,
  why = openWords(spec),
): DeskQuestion {
  const { evidence } = aboutFailure(spec, problem);
  return {
    kind: 'failure',
    title: `${spec.title}: ${why}`,
    problem,
    evidence: {
      ...(spec.cases ? { cases: caseTexts(spec.cases) } : {}),
      ...evidence,
      retry: 'looks again; give changed inputs with it (--input)',
    },
  };
}

/** What is not known of the step. */
function openWords({ values, cases }: StepSpec): string {
  if (cases) return 'no case is true';
  return values ? 'its values cannot be told' : 'it cannot be told whether it is to be done';
}

/** A step could not be undone. @param action what undoes it */
export function aboutUndo(spec: StepSpec, problem: Problem, action: Action): DeskQuestion {
  return {
    kind: 'undo',
    title: `${spec.title}: it could not be undone`,
    problem,
    evidence: {
      undo: undoWords(spec, action),
      retry: 'tries the undo again',
      done: 'goes on; you undid it by hand',
      skip: 'leaves this step as it is and undoes the others',
      abort: 'ends the rollback; everything left stays as it is',
    },
  };
}

/** People undo a step. */
export function aboutUndoByHand(spec: StepSpec, problem: Problem): DeskQuestion {
  return {
    kind: 'undo',
    title: `${spec.title}: undo it by hand`,
    problem,
    evidence: {
      'what to do': problem.message,
      retry: 'asks again',
      done: 'goes on; you undid it',
      skip: 'leaves this step as it is and undoes the others',
      abort: 'ends the rollback; everything left stays as it is',
    },
  };
}

/** A step that people do. */
export function aboutManual(
  spec: StepSpec,
  instructions: string,
  evidence: JsonObject,
): DeskQuestion {
  return {
    kind: 'manual',
    title: spec.title,
    problem: { type: 'Manual', message: instructions },
    evidence: {
      'what to do': instructions,
      ...evidence,
      ...offered('manual', spec, {
        done: `when you have done it${givenOutputs(spec, '; give')}`,
        skip: 'goes on without it',
        ...endings,
      }),
    },
  };
}

const endings = {
  rollback: 'ends the run and undoes what was changed',
  abort: 'ends the run and leaves everything as it is',
};

/** What each possible answer does. */
function offered(
  kind: DeskQuestion['kind'],
  { answers }: StepSpec,
  does: Partial<Record<AnswerVerb, string>>,
): JsonObject {
  const possible: readonly string[] = verbsFor(kind, answers);
  return Object.fromEntries(Object.entries(does).filter(([verb]) => possible.includes(verb)));
}

function givenOutputs({ answers = [], asked = {} }: StepSpec, before: string): string {
  const optional = Object.keys(asked).filter((name) => !answers.includes(name));
  if (answers.length === 0 && optional.length > 0)
    return `${before} ${optional.join(', ')} with --output, if you like`;
  return answers.length > 0 ? `${before} ${answers.join(', ')} with --output` : '';
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
