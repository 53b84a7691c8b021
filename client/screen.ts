import { stripVTControlCharacters } from 'node:util';
import { columnsOf, type Io } from './io.js';
import { harmless } from './output.js';

const usualRows = 24;

/** Draws a text again and again in the same place of a terminal. */
export class Screen {
  /** Terminal rows that the last drawing took. */
  private height = 0;

  constructor(private readonly io: Io) {}

  /**
   * Replaces what was drawn before. Cuts from the top what does not fit: the part that needs
   * attention is at the bottom.
   */
  draw(text: string): void {
    const rows = (this.io.stdout as Partial<NodeJS.WriteStream>).rows || usualRows;
    const lines = text.split('\n');
    let height = lines.reduce((sum, each) => sum + this.rowsOf(each), 0);
    while (height > rows - 1 && lines.length > 1) height -= this.rowsOf(lines.shift() ?? '');
    this.replace(lines.join('\n'));
    this.height = height;
  }

  /** Replaces what was drawn before for good; it may be longer than the terminal. */
  finish(text: string): void {
    this.replace(text);
    this.height = 0;
  }

  private replace(text: string): void {
    // To the first line that was drawn, and clear from there on.
    const back = this.height === 0 ? '' : `\u001b[${this.height}F\u001b[J`;
    this.io.stdout.write(`${back}${harmless(text)}\n`);
  }

  /** A line longer than the terminal is wide takes several rows. */
  private rowsOf(line: string): number {
    const width = stripVTControlCharacters(line).length;
    return Math.max(1, Math.ceil(width / columnsOf(this.io)));
  }
}
