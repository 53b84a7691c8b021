export interface Appointment {
  cancel(): void;
}

/** Virtual time: what is due when, the earliest first. */
export class Agenda {
  private entries: { at: number; fire: () => void }[] = [];

  /** @param random picks among what is due at the same moment; without, the oldest is first */
  constructor(
    public now: number,
    private readonly random?: () => number,
  ) {}

  in(ms: number, fire: () => void): Appointment {
    const entry = { at: this.now + ms, fire };
    const remove = (): void => void (this.entries = this.entries.filter((each) => each !== entry));
    if (Number.isFinite(ms)) this.entries.push(entry);
    return { cancel: remove };
  }

  /** When the next thing is due. */
  next(): number | undefined {
    return this.entries.length === 0
      ? undefined
      : Math.min(...this.entries.map((entry) => entry.at));
  }

  /** Goes to the next appointment. @returns false when there is none up to the given time */
  fireNext(until: number): boolean {
    const at = Math.min(...this.entries.map((entry) => entry.at));
    const due = this.entries.filter((entry) => entry.at === at && at <= until);
    const next = due[this.random ? Math.floor(this.random() * due.length) : 0];
    if (!next) return false;
    this.entries = this.entries.filter((entry) => entry !== next);
    this.now = Math.max(this.now, at);
    next.fire();
    return true;
  }
}
