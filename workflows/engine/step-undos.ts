import { undoOfHandWork } from '../../common/undo-words.js';
import type { StepView } from '../../common/view.js';
import type { StepSpec } from '../../language/runbook.js';
import type { Work } from './attempts.js';
import type { LiveRun } from './live-run.js';
import { byPeople, undoOf, wordsOf, type Undo } from './undo.js';

/** Registers what undoes the steps of a run. */
export class StepUndos {
  constructor(private readonly run: LiveRun) {}

  /**
   * Called when the step begins, or began in an earlier execution: from here on it may need an
   * undo.
   */
  begun(path: string, spec: StepSpec, work: Work): void {
    // A drill removes everything it made, also what lies before a point of no return.
    const noReturn = spec.pointOfNoReturn === true && !this.run.plan.drill;
    if (noReturn) this.run.undos.clear();
    const row = this.run.board.row(path, spec);
    if (row.state === 'undone') return;
    const undo = undoOf(path, spec, work);
    if (undo) this.register(row, row.state === 'done-by-hand' ? byPeople(undo) : undo);
    this.run.showUndos();
  }

  /** People have done the step that had begun. */
  leaveToPeople(row: StepView): void {
    const undo = this.run.undos.at(row.id);
    if (!undo) return;
    this.register(row, byPeople(undo));
    this.run.showUndos();
  }

  /** The same for a step of which the run never knew what it was to do. */
  doneByHand(spec: StepSpec, row: StepView): void {
    const { work } = spec;
    const isUndone = work?.undo !== undefined || work?.undoByHand !== undefined;
    if (row.state !== 'done-by-hand' || !isUndone) return;
    this.register(row, { path: row.id, spec, byHand: undoOfHandWork(spec) });
    this.run.showUndos();
  }

  private register(row: StepView, undo: Undo): void {
    this.run.undos.register(undo);
    row.undo = wordsOf(undo);
  }
}
