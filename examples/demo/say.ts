import { styleText } from 'node:util';

const started = performance.now();
const coloured = process.stdout.isTTY && !process.env['NO_COLOR'];

/** Under the seconds. */
const indent = ' '.repeat(8);
const width = (): number => (process.stdout.isTTY && process.stdout.columns) || Infinity;

/** Columns that what is shown may take; Infinity where nobody looks. */
export const shownWidth = (): number => width() - indent.length;

/** The words of a text in lines that can be shown; a long word stays whole. */
function inLines(text: string): string[] {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const last = lines.at(-1);
    if (last === undefined || last.length + 1 + word.length > shownWidth()) lines.push(word);
    else lines[lines.length - 1] = `${last} ${word}`;
  }
  return lines;
}

/** One paragraph of the demo's story, with the seconds since it began. */
export function say(text: string): void {
  const seconds = ((performance.now() - started) / 1000).toFixed(1).padStart(5);
  const when = coloured ? styleText('dim', `${seconds}s`) : `${seconds}s`;
  process.stdout.write(`${when}  ${inLines(text).join(`\n${indent}`)}\n`);
}

/** The beginning of a chapter. */
export function chapter(text: string): void {
  const title = inLines(text).join('\n');
  process.stdout.write(`\n${coloured ? styleText('bold', title) : title}\n`);
}

/** Several lines that belong together, indented. */
export function show(text: string): void {
  process.stdout.write(`${text.replace(/^/gm, indent)}\n`);
}

export function elapsedSeconds(): number {
  return Math.round((performance.now() - started) / 100) / 10;
}
