import { z } from 'zod';
import { decisionVerbs, type DecisionEnvelope, type Verdict, type VerdictCode } from '../common/envelope.js';
import type { GateFacts, JudgeAnswer, JudgeRequest } from '../common/judgement.js';
import { messageNames } from '../common/names.js';

const name = z.string().min(1).max(200);

/** The one shape of a decision. Strict: a field we do not know may be one that a newer sender relies on. */
const decisionShape = z.strictObject({
  version: z.literal(1),
  id: name,
  run: z.string().min(1).max(1_000),
  by: name,
  reason: z.string().max(2_000),
  proof: z.string().max(16_384).optional(),
  verb: z.enum(decisionVerbs),
  gate: name.optional(),
  attempt: z.int().min(1).optional(),
  digest: name.optional(),
});

/**
 * Judges a batch of decisions, in the order in which they arrived: the first good decision about a gate wins, and the
 * others of the same batch are told who won. Pure; the caller records the verdicts.
 */
export function judge(request: JudgeRequest): JudgeAnswer {
  const gates = new Map(request.gates.map((gate) => [gate.id, { ...gate }]));
  const verdicts = request.decisions.map(({ id, received, signal, at }) => {
    const parsed = decisionShape.safeParse(received);
    if (signal !== messageNames.decide || !parsed.success) {
      const why = parsed.success ? `signal ${JSON.stringify(signal.slice(0, 80))} is not known` : z.prettifyError(parsed.error);
      return verdict(id, 'malformed', `This is not a decision: ${why.replace(/\s+/g, ' ').slice(0, 300)}.`, at);
    }
    const decision = parsed.data as DecisionEnvelope;
    const [code, message] = judgeOne(decision, request, gates.get(decision.gate ?? ''));
    const gate = gates.get(decision.gate ?? '');
    if (code === 'accepted' && gate && decision.verb !== 'cancel') {
      Object.assign(gate, { state: 'decided', decidedBy: decision.by, decidedVerb: decision.verb } satisfies Partial<GateFacts>);
    }
    return verdict(id, code, message, at);
  });
  return { verdicts };
}

function judgeOne(decision: DecisionEnvelope, request: JudgeRequest, gate: GateFacts | undefined): [VerdictCode, string] {
  if (decision.run !== request.key.run)
    return ['wrong-run', `The decision is about run ${decision.run}, this is ${request.key.run}.`];
  if (decision.verb === 'cancel') {
    if (request.ended) return ['not-waiting', 'The run has already ended; there is nothing left to cancel.'];
    return ['accepted', 'The run is being cancelled: what runs is ended first, then changes are taken back.'];
  }
  if (!gate) {
    const known = request.gates.map((each) => each.id).join(', ');
    return [
      'unknown-gate',
      `This run has no gate ${JSON.stringify(decision.gate ?? '')}. ${known ? `Its gates: ${known}.` : 'It has none.'}`,
    ];
  }
  if (gate.state === 'pending')
    return ['not-waiting', `Gate ${gate.id} is not reached yet. Decide it when the run waits for it.`];
  if (gate.state === 'decided') {
    const how = gate.decidedBy ? `${gate.decidedVerb === 'approve' ? 'approved' : 'rejected'} by ${gate.decidedBy}` : 'closed';
    return ['already-decided', `Gate ${gate.id} was already ${how}; this decision changed nothing.`];
  }
  if (decision.digest !== gate.digest || decision.attempt !== gate.attempt) {
    return [
      'stale',
      `What gate ${gate.id} asks has changed since you looked. Look again with: runbook status ${request.key.run}`,
    ];
  }
  if (decision.reason.trim() === '') return ['reason-missing', 'A decision needs a reason: add --reason.'];
  if (gate.approvers === 'another' && decision.by === request.requester) {
    return ['own-request', `${decision.by} started this run, so somebody else has to decide gate ${gate.id}.`];
  }
  return ['accepted', decision.verb === 'approve' ? `Gate ${gate.id} is approved.` : `Gate ${gate.id} is rejected.`];
}

function verdict(decision: string, code: VerdictCode, message: string, at: string): Verdict {
  return { decision, accepted: code === 'accepted', code, message, at };
}
