import { z } from 'zod';
import type { DecisionEnvelope, Verdict, VerdictCode } from '../common/envelope.js';
import {
  isAbout,
  type JudgeAnswer,
  type JudgeRequest,
  type LifeFacts,
  type QuestionFacts,
} from '../common/judgement.js';
import { wrongAnswers } from '../language/asked.js';
import { digestOf } from '../language/digest.js';
import type { JsonObject } from '../language/json.js';
import { messageNames } from '../common/defaults.js';
import { isOperator, operatorRule } from '../common/operator.js';
import { oneAccountText } from '../common/one-account.js';
import { isReason } from '../common/reason.js';
import type { LostTargets } from '../store/index.js';
import { claimsAgain, whyLost } from './judge-lost.js';
import { maxSenderLength } from '../common/sender.js';
import {
  aboutKinds,
  aboutOf,
  answeredWith,
  canBeAboutRun,
  decisionVerbs,
  rulesOfQuestion,
  whyNotOwn,
  type About,
  type DeskVerb,
} from '../common/questions.js';

const name = z.string().min(1).max(200);
const sender = z.string().min(1).max(maxSenderLength);
const operator = z.string().refine(isOperator, { error: operatorRule });

/** The only shape of a decision. Strict: a newer sender may rely on a field that we do not know. */
const decisionShape = z.strictObject({
  version: z.literal(1),
  id: name,
  run: z.string().min(1).max(1_000),
  by: operator,
  sender: z.strictObject({ user: sender, host: sender }).optional(),
  reason: z.string().max(2_000),
  proof: z.string().max(16_384).optional(),
  verb: z.enum(decisionVerbs),
  about: z.strictObject({ kind: z.enum(aboutKinds), id: name }).optional(),
  outputs: z.record(z.string().max(200), z.json()).optional(),
  inputs: z.record(z.string().max(200), z.json()).optional(),
  attempt: z.int().min(1).optional(),
  digest: name.optional(),
  confirm: name.optional(),
});

/**
 * Judges a batch of decisions, in the order in which they arrived: the first good decision about a
 * gate wins, and the others of the same batch learn who won. Pure; the caller records the verdicts.
 * @param refuseInputs checks inputs that were changed at the desk, as admission does
 * @param lost targets that other runs have taken over from the run; null: none
 */
export function judge(
  request: JudgeRequest,
  refuseInputs: RefuseInputs = () => null,
  lost: LostTargets | null = null,
): JudgeAnswer {
  const questions = request.questions.map((question) => ({ ...question }));
  let { life } = request;
  let ending: DecisionEnvelope | undefined;
  const accepted: Accepted[] = [];
  const verdicts = request.decisions.map(({ id, received, signal, at }) => {
    const parsed = parse(received);
    if (signal !== messageNames.decide || !parsed.success) {
      const why = parsed.success
        ? `signal ${JSON.stringify(signal.slice(0, 80))} is not known`
        : z.prettifyError(parsed.error);
      return verdict(
        id,
        'malformed',
        `This is not a decision: ${why.replace(/\s+/g, ' ').slice(0, 300)}.`,
        at,
      );
    }
    const decision = parsed.data as DecisionEnvelope;
    const { about } = decision;
    const asked = about && questions.find((question) => isAbout(question, about));
    const [code, message] =
      ending && asked
        ? tooLate(ending)
        : judgeOne(decision, { ...request, life }, asked, { refuseInputs, lost });
    if (code === 'accepted') accepted.push({ id, decision, aboutRun: !asked });
    if (code === 'accepted' && !asked) {
      life = lifeAfter(life, decision);
      if (endsRun(decision)) ending = decision;
    }
    if (code === 'accepted' && asked) {
      const { by, verb } = decision;
      const answer: Partial<QuestionFacts> = { state: 'decided', decidedBy: by, decidedVerb: verb };
      Object.assign(asked, answer);
    }
    const { requester: by, sender } = request;
    const note = code === 'accepted' ? oneAccountText({ by, sender }, decision) : '';
    return verdict(id, code, message + note, at);
  });
  return {
    verdicts: verdicts.map((each) => ({
      ...each,
      message: each.message + effectOfLater(each.decision, accepted, request.life),
    })),
  };
}

/** A decision of the batch that was accepted, in the order of the batch. */
interface Accepted {
  id: string;
  decision: DecisionEnvelope;
  aboutRun: boolean;
}

const isPause = ({ verb }: DecisionEnvelope): boolean => verb === 'pause' || verb === 'resume';
const endsRun = (decision: DecisionEnvelope): boolean => !isPause(decision);

function tooLate({ by, verb }: DecisionEnvelope): Judged {
  return ['not-possible', `Nothing was changed: ${by} has just told the run to ${verb}.`];
}

/**
 * Accepted decisions of a batch take effect together: what a later one does to this one, as a
 * sentence.
 */
function effectOfLater(id: string, accepted: readonly Accepted[], life: LifeFacts): string {
  const place = accepted.findIndex((each) => each.id === id);
  const own = accepted[place];
  if (!own) return '';
  const later = accepted.slice(place + 1).filter(({ aboutRun }) => aboutRun);
  const orderedBy = ({ by, verb }: DecisionEnvelope): string =>
    ` At the same moment ${by} told the run to ${verb}`;
  const end = later.find(({ decision }) => endsRun(decision))?.decision;
  if (end && own.aboutRun) return isPause(own.decision) ? `${orderedBy(end)}.` : '';
  if (end) return `${orderedBy(end)}: nothing follows from this decision.`;
  const last = later.findLast(({ decision }) => isPause(decision))?.decision;
  if (own.aboutRun) return last && isPause(own.decision) ? `${orderedBy(last)}.` : '';
  if (last?.verb === 'pause') return `${orderedBy(last)}: what follows begins when it is resumed.`;
  if (last || !isPausedAt(place, accepted, life)) return '';
  return ' The run is paused: what follows begins when it is resumed.';
}

function isPausedAt(place: number, accepted: readonly Accepted[], life: LifeFacts): boolean {
  const before = accepted.slice(0, place).findLast(({ decision }) => isPause(decision));
  return before ? before.decision.verb === 'pause' : life.paused;
}

/** A decision may be nested so deep that parsing overflows the stack: it is malformed. */
function parse(received: unknown): ReturnType<typeof decisionShape.safeParse> {
  try {
    return decisionShape.safeParse(received);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return decisionShape.safeParse('something nested too deep');
  }
}

/** Why inputs cannot be changed at the desk as asked; null when they can. */
export type RefuseInputs = (
  runbook: string,
  inputs: JsonObject,
  changed: JsonObject,
) => string | null;

/** The state of the run once it has carried out the decision. */
function lifeAfter(life: LifeFacts, decision: DecisionEnvelope): LifeFacts {
  if (isPause(decision)) return { ...life, paused: decision.verb === 'pause' };
  return { ...life, paused: false, rollingBack: true };
}

function judgeOne(
  decision: DecisionEnvelope,
  request: JudgeRequest,
  asked: QuestionFacts | undefined,
  { refuseInputs, lost }: { refuseInputs: RefuseInputs; lost: LostTargets | null },
): Judged {
  const { verb, about } = decision;
  if (decision.run !== request.key.run)
    return ['wrong-run', `The decision is about run ${decision.run}, this is ${request.key.run}.`];
  if (!about && canBeAboutRun(verb)) return judgeOfRun(decision, request);
  if (!asked || asked.state === 'pending') return notAsked(decision, request, asked);
  return (
    whyNotOpen(decision, asked) ??
    whyNotAllowed(decision, request, asked) ??
    whyIncomplete(decision, request, asked, refuseInputs) ??
    whyLost(verb, asked, lost) ?? [
      'accepted',
      acceptedText(decision, asked) + claimsAgain(verb, asked, lost),
    ]
  );
}

type Judged = [VerdictCode, string];

/** Judges a decision about the run as a whole. */
function judgeOfRun(decision: DecisionEnvelope, { ended, life }: JudgeRequest): Judged {
  const { paused, rollingBack, running, undos } = life;
  const now = running.length > 0 ? ` Still running, and will finish: ${running.join(', ')}.` : '';
  if (ended)
    return ['not-waiting', `The run has already ended; there is nothing left to ${decision.verb}.`];
  if (decision.verb !== 'cancel' && !isReason(decision.reason))
    return ['reason-missing', 'It needs a reason: add --reason.'];
  switch (decision.verb) {
    case 'pause':
      if (paused) return ['already-decided', 'The run is paused already.'];
      return ['accepted', `The run is paused: nothing new begins until it is resumed.${now}`];
    case 'resume':
      if (!paused) return ['already-decided', 'The run is not paused.'];
      return ['accepted', 'The run goes on.'];
    case 'abort':
      if (rollingBack)
        return [
          'accepted',
          `The rollback stops before its next step; what is left stays as it is.${now}`,
        ];
      return [
        'accepted',
        'The run is being aborted: what runs is ended, and everything is left as it is.',
      ];
    case 'rollback':
      if (rollingBack) return ['already-decided', 'The run is already being rolled back.'];
      if (undos.length === 0)
        return ['not-possible', 'Nothing of this run can be undone. To end it: cancel or abort.'];
      if (decision.digest !== undefined && decision.digest !== digestOf(undos)) {
        return ['stale', 'What would be undone has changed since you looked. Look again.'];
      }
      return [
        'accepted',
        `The run is being rolled back: what runs is ended, then undone: ${undos.join(', ')}.`,
      ];
    default:
      if (rollingBack)
        return ['not-possible', 'The run is already being rolled back. To stop that: abort.'];
      return [
        'accepted',
        'The run is being cancelled: what runs is ended first, then changes are undone.',
      ];
  }
}

/** Nothing of the kind was asked, or not yet. */
function notAsked(
  { verb, about }: DecisionEnvelope,
  { questions }: JudgeRequest,
  asked: QuestionFacts | undefined,
): Judged {
  const id = JSON.stringify(about?.id ?? '');
  switch (about?.kind ?? aboutOf(verb)) {
    case 'gate': {
      if (asked)
        return [
          'not-waiting',
          `Gate ${asked.id} is not reached yet. Decide it when the run waits for it.`,
        ];
      const gates = questions.filter(({ kind }) => kind === 'approval').map((each) => each.id);
      const known = gates.length > 0 ? `Its gates: ${gates.join(', ')}.` : 'It has none.';
      return ['unknown-gate', `This run has no gate ${id}. ${known}`];
    }
    case 'target':
      return ['not-waiting', 'This run waits for no target; there is nothing to take over.'];
    default:
      return ['not-waiting', `Step ${id} of this run has not failed; there is nothing to decide.`];
  }
}

/** The question was answered before, or is another one by now. */
function whyNotOpen({ digest, attempt }: DecisionEnvelope, asked: QuestionFacts): Judged | null {
  const { decided, changed } = closedTexts[rulesOfQuestion(asked.kind).about];
  if (asked.state === 'decided') return ['already-decided', decided(asked)];
  if (digest === asked.digest && attempt === asked.attempt) return null;
  return ['stale', changed(asked.id)];
}

/** What is said of a question that was decided before, or that is another one by now. */
const closedTexts: Record<
  About['kind'],
  { decided: (asked: QuestionFacts) => string; changed: (id: string) => string }
> = {
  gate: {
    decided: (asked) => `Gate ${asked.id} was ${howDecided(asked)}; this decision changed nothing.`,
    changed: (id) => `What gate ${id} asks has changed since you looked.`,
  },
  step: {
    decided: (asked) => `Step ${asked.id} was ${howDecided(asked)}; this decision changed nothing.`,
    changed: (id) => `Step ${id} has failed anew since you looked.`,
  },
  target: {
    decided: ({ decidedBy }) =>
      decidedBy
        ? `Nothing was changed: ${decidedBy} takes the targets over already.`
        : 'Nothing was changed: the run no longer waits for a target.',
    changed: () => 'Another run has the target by now.',
  },
};

function howDecided({ decidedBy, decidedVerb }: QuestionFacts): string {
  return decidedBy
    ? `already ${answeredWith(decidedVerb ?? '').words} by ${decidedBy}`
    : 'already closed';
}

/** The verb does not answer this question, or not from this person. */
function whyNotAllowed(
  decision: DecisionEnvelope,
  request: JudgeRequest,
  asked: QuestionFacts,
): Judged | null {
  const { kind, id, verbs, answers = [] } = asked;
  const { verb, by, reason } = decision;
  if (!isReason(reason)) return ['reason-missing', 'A decision needs a reason: add --reason.'];
  if (verb === 'skip' && answers.length > 0)
    return [
      'output-missing',
      `Later steps need what ${id} answers (${answers.join(', ')}): ` +
        'it cannot be skipped. Retry it, or do it by hand.',
    ];
  const { about } = rulesOfQuestion(kind);
  if (!verbs.some((each) => each === verb)) {
    const what = `${about.charAt(0).toUpperCase()}${about.slice(1)}`;
    return ['not-possible', `${what} ${id} cannot be answered with ${verb}: ${verbs.join(', ')}.`];
  }
  const own = whyNotOwn(verb, asked, by, request.requester);
  return own === null ? null : ['own-request', own];
}

/** Something has to go with the decision, or must not. */
function whyIncomplete(
  decision: DecisionEnvelope,
  { life }: JudgeRequest,
  { id, answers = [], fields, confirm }: QuestionFacts,
  refuseInputs: RefuseInputs,
): Judged | null {
  const { verb, inputs, outputs } = decision;
  if (inputs !== undefined) {
    if (verb !== 'retry') return ['malformed', `Changed inputs go with retry, not with ${verb}.`];
    const refused = refuseInputs(life.runbook, life.inputs, inputs);
    return refused === null ? null : ['input-refused', refused];
  }
  const missing = answers.filter((name) => outputs?.[name] === undefined);
  if (verb === 'done' && missing.length > 0)
    return [
      'output-missing',
      `Later steps need what ${id} answers: add ` +
        `${missing.map((name) => `--output ${name}=…`).join(' ')}.`,
    ];
  const wrong = verb === 'done' && fields ? wrongAnswers(fields, outputs ?? {}) : [];
  if (wrong.length > 0) return ['output-refused', `What ${id} asks: ${wrong.join('; ')}.`];
  if (verb !== 'approve' || confirm === undefined || decision.confirm === confirm) return null;
  const typed =
    decision.confirm === undefined
      ? 'nothing was typed'
      : `${JSON.stringify(decision.confirm)} is another name`;
  return [
    'not-confirmed',
    `To approve gate ${id}, type the name of what it acts on: ${typed}. Read what the gate ` +
      'shows, then add --confirm NAME.',
  ];
}

/** What follows from the decision. */
function acceptedText(
  { verb, inputs }: DecisionEnvelope,
  { id, kind, held }: QuestionFacts,
): string {
  if (verb === 'approve' || verb === 'reject') return `Gate ${id} is ${answeredWith(verb).state}.`;
  if (verb === 'take-over') return `Taken over: ${held}. That run changes nothing more there.`;
  if (inputs !== undefined)
    return (
      `Step ${id} is tried again with the changed inputs. ` +
      'What is done stays done; gates passed so far ask again.'
    );
  const answers = kind === 'undo' ? { ...deskAnswers, ...undoAnswers } : deskAnswers;
  return answers[verb as DeskVerb](id);
}

const deskAnswers: Record<DeskVerb, (step: string) => string> = {
  retry: (step) => `Step ${step} is tried again.`,
  skip: (step) => `Step ${step} is skipped; the run goes on.`,
  done: (step) => `Step ${step} counts as done by hand; the run goes on.`,
  rollback: (step) => `The run ends because of step ${step}; what was changed is being undone.`,
  abort: (step) => `The run ends because of step ${step}; everything is left as it is.`,
};

/** The same in a rollback: the run does not go on. */
const undoAnswers: Partial<Record<DeskVerb, (undo: string) => string>> = {
  skip: (undo) => `${undo} is left out: what it undoes stays as it is, and the others are undone.`,
  done: (undo) => `${undo} counts as done by hand; the others are undone.`,
  abort: (undo) => `The rollback ends at ${undo}; everything left stays as it is.`,
};

function verdict(decision: string, code: VerdictCode, message: string, at: string): Verdict {
  return { decision, accepted: code === 'accepted', code, message, at };
}
