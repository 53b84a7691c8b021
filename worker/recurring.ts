/** Work that is done again and again, one pass at a time. */
export class Recurring {
  private timer: NodeJS.Timeout | undefined;
  private pass: Promise<void> | undefined;

  /**
   * @param everyMs milliseconds between the starts of two passes; one that takes longer is awaited
   * @param work one pass; it never rejects
   */
  constructor(
    private readonly everyMs: number,
    private readonly work: () => Promise<void>,
  ) {}

  /** Begins the first pass at once. */
  start(): void {
    const again = (): void => {
      this.pass ??= this.work().finally(() => (this.pass = undefined));
    };
    again();
    this.timer ??= setInterval(again, this.everyMs).unref();
  }

  /** Begins no further pass, and waits for the end of the present one. */
  async stop(): Promise<void> {
    clearInterval(this.timer);
    await this.pass;
  }
}

/**
 * Says a trouble once, not in every pass.
 * @returns called with the trouble of a pass; empty: there was none
 */
export function sayOnce(say: (line: string) => void): (trouble: string) => void {
  let last = '';
  return (trouble) => {
    if (trouble !== last && trouble !== '') say(trouble);
    last = trouble;
  };
}
