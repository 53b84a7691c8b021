import { condition } from '@temporalio/workflow';
import { digestOf } from '../../language/digest.js';
import type { StepSpec } from '../../language/runbook.js';
import type { DecisionEnvelope } from '../../common/envelope.js';
import type { DeskFacts } from '../../common/judgement.js';
import type { Problem, StepView } from '../../common/view.js';
import type { Board } from './board.js';

interface Case extends Omit<DeskFacts, 'decidedBy' | 'decidedVerb'> {
  decision: DecisionEnvelope | null;
}

interface DeskHost {
  board: Board;
  command: string;
  run: string;
  save(): Promise<void>;
}

/** The failure desk: where a step that failed for good waits until people say what becomes of it. */
export class Desk {
  private readonly cases = new Map<string, Case>();

  facts(): DeskFacts[] {
    return [...this.cases.values()].map(({ decision, ...facts }) => ({
      ...facts,
      decidedBy: decision?.by ?? null,
      decidedVerb: decision?.verb ?? null,
    }));
  }

  /** Takes a decision that was judged good. */
  decide(decision: DecisionEnvelope): void {
    const open = this.cases.get(decision.step ?? '');
    if (open?.state !== 'waiting') return;
    open.state = 'decided';
    open.decision = decision;
  }

  /** Shows what failed and waits for as long as it takes. Each failure is a new case: an answer to an earlier one is stale. */
  async ask(path: string, spec: StepSpec, row: StepView, problem: Problem, host: DeskHost): Promise<DecisionEnvelope> {
    const attempt = (this.cases.get(path)?.attempt ?? 0) + 1;
    const isUnknown = problem.type === 'OutcomeUnknown';
    const digest = digestOf({ run: host.run, step: path, attempt, problem });
    const waiting: Case = { step: path, attempt, digest, state: 'waiting', answers: spec.answers ?? [], decision: null };
    this.cases.set(path, waiting);
    host.board.end(row, isUnknown ? 'unknown' : 'needs-operator', { error: problem });
    host.board.openWait({
      kind: 'failure',
      id: path,
      title: `${spec.title}: ${isUnknown ? 'it is not known what became of it' : 'it failed'}`,
      since: new Date().toISOString(),
      deadline: null,
      who: 'an operator',
      attempt,
      digest,
      evidence: {
        'what happened': problem.message,
        ...(problem.next ? { next: problem.next } : {}),
        effect: spec.effect,
        retry: isUnknown ? 'does the step again: what it did before then happens twice' : 'does the step again',
        skip: waiting.answers.length > 0 ? 'not possible: later steps need what it answers' : 'goes on without it',
        done: `goes on; you did it by hand${waiting.answers.length > 0 ? ` and give ${waiting.answers.join(', ')} with --output` : ''}`,
        rollback: 'ends the run and takes back what was changed',
        abort: 'ends the run and leaves everything as it is',
      },
      command: `${host.command} retry ${host.run} ${path} --reason '…'`,
    });
    const saved = host.save();
    try {
      await condition(() => waiting.decision !== null);
    } finally {
      waiting.state = 'decided';
      host.board.closeWait(path);
    }
    await saved;
    return waiting.decision as unknown as DecisionEnvelope;
  }
}
