import { z } from 'zod';
import {
  decisionVerbs,
  deskVerbs,
  type DecisionEnvelope,
  type DeskVerb,
  type Verdict,
  type VerdictCode,
} from '../common/envelope.js';
import type {
  DeskFacts,
  GateFacts,
  JudgeAnswer,
  JudgeRequest,
  LeaseFacts,
  LifeFacts,
} from '../common/judgement.js';
import { digestOf } from '../language/digest.js';
import type { JsonObject } from '../language/json.js';
import { messageNames } from '../common/names.js';
import { isBlank, isOperator, operatorOf, operatorRule } from '../common/operator.js';

const name = z.string().min(1).max(200);
const operator = z.string().refine(isOperator, { error: operatorRule });

/** The only shape of a decision. Strict: a newer sender may rely on a field that we do not know. */
const decisionShape = z.strictObject({
  version: z.literal(1),
  id: name,
  run: z.string().min(1).max(1_000),
  by: operator,
  reason: z.string().max(2_000),
  proof: z.string().max(16_384).optional(),
  verb: z.enum(decisionVerbs),
  gate: name.optional(),
  step: name.optional(),
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
 */
export function judge(request: JudgeRequest, refuseInputs: RefuseInputs = () => null): JudgeAnswer {
  const gates = new Map(request.gates.map((gate) => [gate.id, { ...gate }]));
  const desk = new Map((request.desk ?? []).map((facts) => [facts.step, { ...facts }]));
  let { life } = request;
  let ending: DecisionEnvelope | undefined;
  const lease = request.lease ? { ...request.lease } : undefined;
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
    const asked = isForDesk(decision)
      ? desk.get(decision.step ?? '')
      : isForGate(decision)
        ? gates.get(decision.gate ?? '')
        : decision.verb === 'take-over'
          ? lease
          : undefined;
    const [code, message] =
      ending && asked
        ? tooLate(ending)
        : judgeOne(decision, { ...request, life }, asked, refuseInputs);
    if (code === 'accepted') accepted.push({ id, decision, aboutRun: !asked });
    if (code === 'accepted' && !asked) {
      life = lifeAfter(life, decision);
      if (endsRun(decision)) ending = decision;
    }
    if (code === 'accepted' && asked) {
      Object.assign(asked, {
        state: 'decided',
        decidedBy: decision.by,
        decidedVerb: decision.verb,
      } satisfies Partial<GateFacts>);
    }
    return verdict(id, code, message, at);
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

function tooLate({ by, verb }: DecisionEnvelope): [VerdictCode, string] {
  return ['not-possible', `Nothing was changed: ${by} has just told the run to ${verb}.`];
}

/**
 * Accepted decisions of a batch take effect together: what a later one does to this one, as a
 * sentence.
 */
function effectOfLater(
  id: string,
  accepted: readonly Accepted[],
  life: LifeFacts | undefined,
): string {
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

function isPausedAt(
  place: number,
  accepted: readonly Accepted[],
  life: LifeFacts | undefined,
): boolean {
  const before = accepted.slice(0, place).findLast(({ decision }) => isPause(decision));
  return before ? before.decision.verb === 'pause' : (life?.paused ?? false);
}

/**
 * A decision carried over from an older release may be nested so deep that parsing overflows the
 * stack: it is malformed.
 */
function parse(received: unknown): ReturnType<typeof decisionShape.safeParse> {
  try {
    return decisionShape.safeParse(received);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return decisionShape.safeParse('something nested too deep');
  }
}

/** `rollback` and `abort` without a step are about the run as a whole. */
function isForDesk({ verb, step }: DecisionEnvelope): boolean {
  return (
    (deskVerbs as readonly string[]).includes(verb) &&
    !(step === undefined && (verb === 'rollback' || verb === 'abort'))
  );
}

function isForGate({ verb }: DecisionEnvelope): boolean {
  return verb === 'approve' || verb === 'reject';
}

/** Why inputs cannot be changed at the desk as asked; null when they can. */
export type RefuseInputs = (
  runbook: string,
  inputs: JsonObject,
  changed: JsonObject,
) => string | null;

/** The state of the run once it has carried out the decision. */
function lifeAfter(life: LifeFacts | undefined, decision: DecisionEnvelope): LifeFacts | undefined {
  if (!life) return life;
  if (decision.verb === 'pause' || decision.verb === 'resume')
    return { ...life, paused: decision.verb === 'pause' };
  return { ...life, paused: false, rollingBack: true };
}

function judgeOne(
  decision: DecisionEnvelope,
  request: JudgeRequest,
  asked: GateFacts | DeskFacts | LeaseFacts | undefined,
  refuseInputs: RefuseInputs,
): [VerdictCode, string] {
  if (decision.run !== request.key.run)
    return ['wrong-run', `The decision is about run ${decision.run}, this is ${request.key.run}.`];
  if (isForDesk(decision))
    return judgeAtDesk(decision, request, asked as DeskFacts | undefined, refuseInputs);
  if (isForGate(decision)) return judgeAtGate(decision, request, asked as GateFacts | undefined);
  if (decision.verb === 'take-over')
    return judgeTakeOver(decision, request, asked as LeaseFacts | undefined);
  return judgeOfRun(decision, request);
}

/** Judges a decision about the run as a whole. */
function judgeOfRun(
  decision: DecisionEnvelope,
  { ended, life }: JudgeRequest,
): [VerdictCode, string] {
  const { paused, rollingBack, running, undos } = life ?? {
    paused: false,
    rollingBack: false,
    running: [],
    undos: [],
  };
  const now = running.length > 0 ? ` Still running, and will finish: ${running.join(', ')}.` : '';
  if (ended)
    return ['not-waiting', `The run has already ended; there is nothing left to ${decision.verb}.`];
  if (decision.verb !== 'cancel' && isBlank(decision.reason))
    return ['reason-missing', 'It needs a reason: add --reason.'];
  switch (decision.verb) {
    case 'pause':
      if (paused) return ['already-decided', 'The run is paused already.'];
      return ['accepted', `The run is paused: nothing new begins until it is resumed.${now}`];
    case 'resume':
      if (!paused) return ['not-waiting', 'The run is not paused.'];
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
      if (rollingBack) return ['already-decided', 'The run is already taking back its changes.'];
      if (undos.length === 0)
        return [
          'not-possible',
          'Nothing of this run can be taken back. To end it: cancel or abort.',
        ];
      if (decision.digest !== undefined && decision.digest !== digestOf(undos)) {
        return ['stale', 'What would be taken back has changed since you looked. Look again.'];
      }
      return [
        'accepted',
        `The run is being rolled back: what runs is ended, then taken back: ${undos.join(', ')}.`,
      ];
    default:
      if (rollingBack)
        return ['not-possible', 'The run is already taking back its changes. To stop that: abort.'];
      return [
        'accepted',
        'The run is being cancelled: what runs is ended first, then changes are taken back.',
      ];
  }
}

function judgeTakeOver(
  decision: DecisionEnvelope,
  request: JudgeRequest,
  lease: LeaseFacts | undefined,
): [VerdictCode, string] {
  if (!lease)
    return ['not-waiting', 'This run waits for no target; there is nothing to take over.'];
  if (lease.state === 'decided') {
    const how = lease.decidedBy
      ? `${lease.decidedBy} takes the targets over already`
      : 'the run no longer waits for a target';
    return ['already-decided', `Nothing was changed: ${how}.`];
  }
  if (decision.digest !== lease.digest || decision.attempt !== lease.attempt) {
    return [
      'stale',
      `Another run has the target by now. Look again with: runbook status ${request.key.run}`,
    ];
  }
  if (isBlank(decision.reason))
    return ['reason-missing', 'A decision needs a reason: add --reason.'];
  return ['accepted', `Taken over: ${lease.held}. That run changes nothing more there.`];
}

function judgeAtDesk(
  decision: DecisionEnvelope,
  request: JudgeRequest,
  asked: DeskFacts | undefined,
  refuseInputs: RefuseInputs,
): [VerdictCode, string] {
  if (!asked)
    return [
      'not-waiting',
      `Step ${JSON.stringify(decision.step ?? '')} of this run has not failed; there is nothing to decide.`,
    ];
  if (asked.state === 'decided') {
    const how = asked.decidedBy
      ? `answered by ${asked.decidedBy} with ${asked.decidedVerb}`
      : 'closed';
    return [
      'already-decided',
      `Step ${asked.step} was already ${how}; this decision changed nothing.`,
    ];
  }
  if (decision.digest !== asked.digest || decision.attempt !== asked.attempt) {
    return [
      'stale',
      `Step ${asked.step} has failed anew since you looked. Look again with: runbook status ${request.key.run}`,
    ];
  }
  if (isBlank(decision.reason))
    return ['reason-missing', 'A decision needs a reason: add --reason.'];
  if (asked.verbs && !asked.verbs.includes(decision.verb as DeskVerb)) {
    return [
      'not-possible',
      `Step ${asked.step} cannot be answered with ${decision.verb}: ${asked.verbs.join(', ')}.`,
    ];
  }
  if (decision.verb === 'retry' && asked.approvers === 'another' && isRequester(decision, request))
    return [
      'own-request',
      `What ${asked.step} would run was not approved, and ${decision.by} started this run: somebody else has to let it run.`,
    ];
  if (decision.inputs !== undefined) {
    if (decision.verb !== 'retry')
      return ['malformed', `Changed inputs go with retry, not with ${decision.verb}.`];
    const { runbook = '', inputs = {} } = request.life ?? {};
    const refused = refuseInputs(runbook, inputs, decision.inputs);
    if (refused !== null) return ['input-refused', refused];
    return [
      'accepted',
      `Step ${asked.step} is tried again with the changed inputs. What is done stays done; gates passed so far ask again.`,
    ];
  }
  const missing = asked.answers.filter((name) => decision.outputs?.[name] === undefined);
  if (decision.verb === 'skip' && asked.answers.length > 0) {
    return [
      'output-missing',
      `Later steps need what ${asked.step} answers (${asked.answers.join(', ')}): it cannot be skipped. Retry it, or do it by hand.`,
    ];
  }
  if (decision.verb === 'done' && missing.length > 0) {
    return [
      'output-missing',
      `Later steps need what ${asked.step} answers: add ${missing.map((name) => `--output ${name}=…`).join(' ')}.`,
    ];
  }
  return ['accepted', deskAnswers[decision.verb as keyof typeof deskAnswers](asked.step)];
}

const deskAnswers = {
  retry: (step: string) => `Step ${step} is tried again.`,
  skip: (step: string) => `Step ${step} is skipped; the run goes on.`,
  done: (step: string) => `Step ${step} counts as done by hand; the run goes on.`,
  rollback: (step: string) =>
    `The run ends because of step ${step}; what was changed is taken back.`,
  abort: (step: string) => `The run ends because of step ${step}; everything is left as it is.`,
};

function judgeAtGate(
  decision: DecisionEnvelope,
  request: JudgeRequest,
  gate: GateFacts | undefined,
): [VerdictCode, string] {
  if (!gate) {
    const known = request.gates.map((each) => each.id).join(', ');
    return [
      'unknown-gate',
      `This run has no gate ${JSON.stringify(decision.gate ?? '')}. ${known ? `Its gates: ${known}.` : 'It has none.'}`,
    ];
  }
  if (gate.state === 'pending')
    return [
      'not-waiting',
      `Gate ${gate.id} is not reached yet. Decide it when the run waits for it.`,
    ];
  if (gate.state === 'decided') {
    const how = gate.decidedBy
      ? `${gate.decidedVerb === 'approve' ? 'approved' : 'rejected'} by ${gate.decidedBy}`
      : 'closed';
    return [
      'already-decided',
      `Gate ${gate.id} was already ${how}; this decision changed nothing.`,
    ];
  }
  if (decision.digest !== gate.digest || decision.attempt !== gate.attempt) {
    return [
      'stale',
      `What gate ${gate.id} asks has changed since you looked. Look again with: runbook status ${request.key.run}`,
    ];
  }
  if (isBlank(decision.reason))
    return ['reason-missing', 'A decision needs a reason: add --reason.'];
  if (gate.approvers === 'another' && isRequester(decision, request)) {
    return [
      'own-request',
      `${decision.by} started this run, so somebody else has to decide gate ${gate.id}.`,
    ];
  }
  if (
    decision.verb === 'approve' &&
    gate.confirm !== undefined &&
    decision.confirm !== gate.confirm
  ) {
    const typed =
      decision.confirm === undefined
        ? 'nothing was typed'
        : `${JSON.stringify(decision.confirm)} is another name`;
    return [
      'not-confirmed',
      `To approve gate ${gate.id}, type the name of what it acts on: ${typed}. Read what the gate shows, then add --confirm NAME.`,
    ];
  }
  return [
    'accepted',
    decision.verb === 'approve' ? `Gate ${gate.id} is approved.` : `Gate ${gate.id} is rejected.`,
  ];
}

function isRequester({ by }: DecisionEnvelope, { requester }: JudgeRequest): boolean {
  return by === (operatorOf(requester) ?? requester);
}

function verdict(decision: string, code: VerdictCode, message: string, at: string): Verdict {
  return { decision, accepted: code === 'accepted', code, message, at };
}
