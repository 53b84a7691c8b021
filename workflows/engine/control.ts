import type { DecisionEnvelope } from '../../common/envelope.js';
import type { FailureType } from '../../common/failures.js';
import type { LifeFacts } from '../../common/judgement.js';
import type { Problem } from '../../common/view.js';
import type { Ending } from './carried.js';
import type { Rollback } from './rollback.js';
import type { LiveRun } from './live-run.js';

/**
 * What people tell the run as a whole. `cancel` and `rollback` end the procedure and take its
 * changes back, `abort` leaves them; during a rollback `abort` stops it, and `cancel` is refused by
 * the judge.
 */
export class Control {
  private told: DecisionEnvelope | null = null;

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
        // Of an abort people were told that everything is left as it is.
        if (decision.verb === 'abort') this.told = decision;
        this.told ??= decision;
        // What waits for its turn has to be reached by the cancellation, and undos do not wait for
        // a run that has ended.
        this.run.resume();
        this.endProcedure();
    }
  }

  get isEnding(): boolean {
    return this.told !== null;
  }

  /**
   * How the run ends whose procedure was cancelled: as people told it, or because Temporal was
   * asked to.
   */
  ending(): Ending {
    const { told } = this;
    if (told?.verb === 'rollback')
      return {
        state: 'rolled-back',
        problem: said('RolledBack', told, 'rolled the run back'),
        rollback: true,
      };
    if (told?.verb === 'abort')
      return {
        state: 'cancelled',
        problem: said('Aborted', told, 'aborted the run'),
        rollback: false,
      };
    const problem: Problem = told
      ? said('Cancelled', told, 'cancelled the run')
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
