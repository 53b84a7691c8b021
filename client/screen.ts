import { stripVTControlCharacters } from 'node:util';
import { fit, type Frame } from './fit.js';
import { columnsOf, type Io } from './io.js';
import { harmless } from './output.js';

const usualRows = 24;

/** Draws a text again and again in the same place of a terminal. */
export class Screen {
  /** Terminal rows that the last drawing took. */
  private height = 0;

  constructor(private readonly io: Io) {}

  /**
   * Replaces what was drawn before, with what fits of a frame.
   * @param leftOut says in one line how many lines are left out
   */
  draw(frame: Frame, leftOut: (lines: number) => string): void {
    const rows = (this.io.stdout as Partial<NodeJS.WriteStream>).rows || usualRows;
    const lines = fit(frame, rows - 1, (each) => this.rowsOf(each), leftOut);
    this.replace(lines.join('\n'));
    this.height = lines.reduce((sum, each) => sum + this.rowsOf(each), 0);
  }

  /** Replaces what was drawn before for good; it may be longer than the terminal. */
  finish(text: string): void {
    this.replace(text);
    this.height = 0;
  }

  private replace(text: string): void {
    // To the first line that was drawn. Each line then clears its own rest, and the end what is
    // below: a terminal that is cleared from its first row may keep all of it in its scrollback.
    const back = this.height === 0 ? '' : `\u001b[${this.height}F`;
    const lines = text.split('\n').map((each) => `${harmless(each)}${this.restOf(each)}`);
    this.io.stdout.write(`${back}${lines.join('\n')}\n${this.height === 0 ? '' : '\u001b[J'}`);
  }

  /** Clears the rest of a line's last row; behind a row that is full it would clear its end. */
  private restOf(line: string): string {
    const width = widthOf(line);
    const isFull = width > 0 && width % columnsOf(this.io) === 0;
    return this.height === 0 || isFull ? '' : '\u001b[K';
  }

  /** A line longer than the terminal is wide takes several rows. */
  private rowsOf(line: string): number {
    return Math.max(1, Math.ceil(widthOf(line) / columnsOf(this.io)));
  }
}

function widthOf(line: string): number {
  return stripVTControlCharacters(line).length;
}
