import type { DecisionEnvelope } from '../../common/envelope.js';
import { undoTitle } from '../../common/undo-words.js';
import { undoPath } from '../../language/paths.js';
import type { StepSpec } from '../../language/runbook.js';
import { Attempts } from './attempts.js';
import { aboutUndo, aboutUndoByHand } from './desk-questions.js';
import { passGuards } from './guards.js';
import type { LiveRun } from './live-run.js';
import { MisshapenAnswer, readFailure } from './outcome.js';
import type { Undo } from './undo.js';

/** Undoes what a run has changed, newest first. */
export class Rollback {
  private stopped = false;
  private readonly attempts: Attempts;

  constructor(private readonly run: LiveRun) {
    this.attempts = new Attempts(run);
  }

  /**
   * Undoes all changes, newest first. An undo that fails asks people; `abort` there stops the
   * rollback.
   */
  async undoAll(): Promise<void> {
    if (this.run.undos.empty) return;
    this.run.board.setRollingBack(
      this.run.rollbackCarried ? this.run.board.lastPublished.step : '',
    );
    for (let undo = this.run.undos.newest; undo; undo = this.run.undos.newest) {
      await this.mayBegin(undo);
      if (this.stopped || !(await this.undoOne(undo))) return;
      this.run.undos.removeNewest();
      this.run.showUndos();
    }
  }

  /**
   * Undoes what was to last no longer than its group; what is not undone stays for people, who have
   * said so.
   */
  async undoTemporary(paths: readonly string[]): Promise<void> {
    for (const undo of this.run.undos.of(paths)) {
      await this.mayBegin(undo);
      const before = this.run.notUndone.length;
      await this.undoOne(undo);
      this.run.exceptions.push(...this.run.notUndone.slice(before));
      this.run.undos.remove(undo);
      this.run.showUndos();
    }
  }

  /**
   * Ends a rollback before its next undo, and answers the question of an undo that failed.
   */
  stop(decision: DecisionEnvelope): void {
    this.stopped = true;
    this.run.questions.answerAll('undo', decision);
  }

  /**
   * Waits until the undo may begin. The guards have checked its target before the step began, so
   * none of them refuses it now.
   */
  private mayBegin({ path, spec, action }: Undo): Promise<void> {
    const undo = { stopped: () => this.stopped };
    const work = action ? { work: { action } } : {};
    return passGuards({ step: spec, top: path, ...work, before: 0, undo }, this.run);
  }

  /** @returns false when people stopped the rollback here */
  private async undoOne(undo: Undo): Promise<boolean> {
    const { path, spec, action } = undo;
    const row = this.run.board.row(path, spec);
    const undoing = undoPath(path);
    const undoSpec: StepSpec = { ...spec, title: undoTitle(spec), answers: [] };
    for (;;) {
      let problem = this.run.desk.open(undoing);
      if (!problem) this.run.board.begin(row, 'undoing');
      if (!action) problem ??= { type: 'Manual', message: String(undo.byHand) };
      else if (!problem) {
        try {
          const builds = this.run.unconfirmed.namedByUndo(undoing, path);
          const { output } = await this.attempts.attempt(undoing, undoSpec, { action }, builds);
          // Later steps may read what a temporary step has answered.
          this.run.board.end(row, 'undone', this.run.undos.isTemporary(path) ? {} : { output });
          this.endAlso(undo);
          return true;
        } catch (error) {
          if (error instanceof MisshapenAnswer) await this.attempts.endLeftovers(undoing);
          const failure = readFailure(error);
          this.attempts.notePrograms(undoing, failure);
          problem = failure.problem;
          // Whatever became of the step: its undo may have done a part.
          row.attempts = Math.max(1, row.attempts);
        }
      }
      const about = action ? aboutUndo(spec, problem, action) : aboutUndoByHand(spec, problem);
      const asked = { ...about, ...this.run.decidersFor(undoing) };
      const verb =
        this.verbWithoutAsking() ?? (await this.run.desk.ask(undoing, undoSpec, row, asked)).verb;
      if (verb === 'retry') {
        this.run.board.programsChanged(this.run.programs.accept(undoing));
        await this.mayBegin(undo);
        continue;
      }
      this.run.board.end(row, verb === 'done' ? 'undone' : 'failed', { error: problem });
      if (verb === 'done') this.endAlso(undo);
      else this.run.notUndone.push(path);
      return verb !== 'abort';
    }
  }

  /** The other step whose effect this undo has taken back. */
  private endAlso({ undoesToo }: Undo): void {
    const other = undoesToo === undefined ? undefined : this.run.board.changed(undoesToo);
    if (other) this.run.board.end(other, 'undone');
  }

  /** What to do with a failed undo when nobody is to be asked; null to ask. */
  private verbWithoutAsking(): 'abort' | 'skip' | null {
    if (this.stopped) return 'abort';
    return this.run.envelope.unattended ? 'skip' : null;
  }
}
