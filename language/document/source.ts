/** The text of a file, with the lines that people count in. */
export class Source {
  readonly #starts: number[] = [0];

  /**
   * @param file as people know it: it stands before the line of each problem
   * @param path where it lies
   */
  constructor(
    readonly file: string,
    readonly text: string,
    readonly path = file,
  ) {
    for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1))
      this.#starts.push(at + 1);
  }

  /** Line and column of an offset, both from 1; a column is a character. */
  position(offset: number): { line: number; col: number } {
    let [low, high] = [0, this.#starts.length - 1];
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if ((this.#starts[middle] ?? 0) <= offset) low = middle;
      else high = middle - 1;
    }
    const before = this.text.slice(this.#starts[low], offset);
    return { line: low + 1, col: [...before].length + 1 };
  }

  /** Offset of the first character of a line. */
  startOf(line: number): number {
    return this.#starts[line - 1] ?? this.text.length;
  }

  /** A line without its end. */
  lineText(line: number): string {
    return this.text
      .slice(this.startOf(line), this.#starts[line] ?? this.text.length)
      .replace(/\r?\n$/, '');
  }

  /** How many lines there are. */
  get lines(): number {
    return this.#starts.length;
  }
}
