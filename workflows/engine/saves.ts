import { platformActivities } from './activities.js';
import type { Board } from './board.js';
import type { Inbox } from './inbox.js';

/**
 * Saves the state of the run to the record, with only those steps that changed since the last save.
 * One save at a time, and numbered, so that a late one cannot overwrite a newer one.
 */
export class Saves {
  private saving: Promise<void> | null = null;
  private next: Promise<void> | null = null;

  /** @param made saves of earlier executions */
  constructor(
    private readonly board: Board,
    private readonly inbox: Inbox,
    private made = 0,
  ) {}

  get count(): number {
    return this.made;
  }

  /** Resolves when the record has the present state of the run, or a later one. */
  save(): Promise<void> {
    if (!this.saving) return this.begin();
    this.next ??= this.saving.then(() => {
      this.next = null;
      return this.begin();
    });
    return this.next;
  }

  private begin(): Promise<void> {
    const saving = this.saveChanges().finally(() => (this.saving = null));
    return (this.saving = saving);
  }

  private async saveChanges(): Promise<void> {
    const answer = await this.send(false);
    // The record lacks earlier saves: it was restored from a backup, or the run was reset.
    if (answer.incomplete) await this.send(true);
  }

  private send(all: boolean): ReturnType<typeof platformActivities.record> {
    const steps = this.board.takeUnsaved(all);
    const signals = this.inbox.takeNotes();
    this.made += 1;
    return platformActivities.record({
      version: 2,
      view: { ...this.board.view, steps, decisions: [] },
      save: { number: this.made, all },
      ...(signals.length > 0 ? { signals } : {}),
    });
  }
}
