import type { JsonObject } from '../../language/json.js';
import { caseTexts } from '../../language/cases.js';
import type { Action } from '../../language/kinds/index.js';
import type { StepSpec } from '../../language/runbook.js';
import { verbsFor, type AnswerVerb, type Deciders } from '../../common/questions.js';
import { effectWords } from '../../common/following.js';
import { undoWords } from '../../common/undo-words.js';
import type { Problem } from '../../common/view.js';

/* What steps ask people, and what each answer does, in words. */

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
