import { styleText } from 'node:util';

const started = performance.now();
const coloured = process.stdout.isTTY && !process.env['NO_COLOR'];

/** One line of the demo's story, with the seconds since it began. */
export function say(text: string): void {
  const seconds = ((performance.now() - started) / 1000).toFixed(1).padStart(5);
  process.stdout.write(`${coloured ? styleText('dim', `${seconds}s`) : `${seconds}s`}  ${text}\n`);
}

/** The beginning of a chapter. */
export function chapter(text: string): void {
  process.stdout.write(`\n${coloured ? styleText('bold', text) : text}\n`);
}

/** Several lines that belong together, indented. */
export function show(text: string): void {
  process.stdout.write(`${text.replace(/^/gm, '        ')}\n`);
}

export function elapsedSeconds(): number {
  return Math.round((performance.now() - started) / 100) / 10;
}
