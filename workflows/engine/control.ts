import type { DecisionEnvelope } from '../../common/envelope.js';
import type { FailureType } from '../../common/failures.js';
import type { LifeFacts } from '../../common/judgement.js';
import type { Problem } from '../../common/view.js';
import type { Ending } from './carried.js';
import type { Rollback } from './rollback.js';
import type { LiveRun } from './live-run.js';

/**
 * Decisions about the run as a whole. `cancel` and `rollback` end the procedure and undo its
 * changes, `abort` leaves them. During a rollback `abort` stops the rollback, and the judge refuses
 * `cancel`.
 */
export class Control {
  private endRequest: DecisionEnvelope | null = null;

  constructor(
    private readonly run: LiveRun,
    private readonly rollback: Rollback,
    private readonly endProcedure: () => void,
  ) {}

  apply(decision: DecisionEnvelope): void {
    switch (decision.verb) {
      case 'pause':
        return this.run.pause();
      case 'resume':
        return this.run.resume();
      default:
        if (this.run.board.isRollingBack) return this.rollback.stop(decision);
        // An abort wins over an earlier cancel: people were told that it changes nothing more.
        if (decision.verb === 'abort') {
          this.endRequest = decision;
          this.run.isAborted = true;
        }
        this.endRequest ??= decision;
        // Steps that a pause holds back have to see the cancellation, and the undos must not wait.
        this.run.resume();
        this.endProcedure();
    }
  }

  get isEnding(): boolean {
    return this.endRequest !== null;
  }

  /**
   * How a run with a cancelled procedure ends: as people decided, or as Temporal was asked to.
   */
  ending(): Ending {
    const { endRequest } = this;
    if (endRequest?.verb === 'rollback')
      return {
        state: 'rolled-back',
        problem: said('RolledBack', endRequest, 'rolled the run back'),
        rollback: true,
      };
    if (endRequest?.verb === 'abort')
      return {
        state: 'cancelled',
        problem: said('Aborted', endRequest, 'aborted the run'),
        rollback: false,
      };
    const problem: Problem = endRequest
      ? said('Cancelled', endRequest, 'cancelled the run')
      : { type: 'Cancelled', message: 'the run was cancelled' };
    return { state: 'cancelled', problem, rollback: true };
  }

  facts(): LifeFacts {
    const { run } = this;
    const { view } = run.board;
    return {
      paused: run.turn.paused,
      rollingBack: run.board.isRollingBack,
      running: view.steps
        .filter((step) => step.state === 'running' || step.state === 'undoing')
        .map((step) => step.id),
      undos: run.undos.paths,
      runbook: view.runbook,
      inputs: run.envelope.inputs,
    };
  }
}

function said(type: FailureType, { by, reason }: DecisionEnvelope, what: string): Problem {
  return { type, message: `${by} ${what}: ${reason}` };
}
