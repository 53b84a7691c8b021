import type { Io } from './io.js';

/** Draws a text again and again in the same place of a terminal. */
export class Screen {
  private height = 0;

  constructor(private readonly io: Io) {}

  /** Replaces what was drawn before. What does not fit is cut from the top, because the newest is at the bottom. */
  draw(text: string): void {
    const rows = (this.io.stdout as Partial<NodeJS.WriteStream>).rows ?? 24;
    const lines = text.split('\n').slice(-(rows - 1));
    this.io.stdout.write(`${this.up()}${lines.join('\n')}\n`);
    this.height = lines.length;
  }

  /** Leaves what is drawn and goes on below. */
  keep(): void {
    this.height = 0;
  }

  private up(): string {
    // To the first line drawn, and clear from there on.
    return this.height === 0 ? '' : `\u001b[${this.height}F\u001b[J`;
  }
}
