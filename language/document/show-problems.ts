import type { Problem, Severity } from './problem.js';

/** Colours a text, or returns it as it is. */
type Paint = (style: 'bold' | 'dim' | 'red' | 'yellow' | 'cyan', text: string) => string;

const colours = { error: 'red', warning: 'yellow', note: 'cyan' } as const;

/** Columns of a line that are shown at most: some lines hold a whole step. */
const widest = 160;

/** A problem as people read it: where and what, the line with carets, what to write instead. */
export function problemText(problem: Problem, paint: Paint = (_style, text) => text): string {
  const { file, line, col, severity, message, rule, hint } = problem;
  const colour = colours[severity];
  const { text, from, length } = clipped(problem);
  const gutter = String(line).padStart(4);
  const carets = `${spaces(text, from)}${'^'.repeat(length)}`;
  return [
    `${paint('bold', `${file}:${line}:${col}:`)} ${paint(colour, `${severity}:`)} ` +
      `${message}  ${paint('dim', `[${rule}]`)}`,
    `${gutter} | ${text}`,
    `     | ${paint(colour, carets)}`,
    ...(hint ?? '').split('\n').flatMap((each, at) => {
      if (hint === undefined) return [];
      return [at === 0 ? `     = ${each}` : `       ${each}`];
    }),
  ].join('\n');
}

/** The part of the line around what is wrong. */
function clipped({ text: whole, col, length }: Problem): {
  text: string;
  from: number;
  length: number;
} {
  const letters = [...whole];
  const from = col - 1;
  const begin = from > widest - 40 ? from - 40 : 0;
  const shown = letters.slice(begin, begin + widest).join('');
  const cut = letters.length > begin + widest;
  return {
    text: `${begin > 0 ? '…' : ''}${shown}${cut ? '…' : ''}`,
    from: from - begin + (begin > 0 ? 1 : 0),
    length: Math.max(1, Math.min(length, widest + begin - from)),
  };
}

/** As wide as the text before; a tab stays a tab. */
function spaces(text: string, from: number): string {
  return [...text]
    .slice(0, from)
    .map((letter) => (letter === '\t' ? '\t' : ' '))
    .join('')
    .padEnd(from);
}

const commands: Readonly<Record<Severity, string>> = {
  error: 'error',
  warning: 'warning',
  note: 'notice',
};

/** Its place and what is wrong, without the rule and the line of the file. */
export function inOneLine({ file, line, col, message }: Problem): string {
  return `${file}:${line}:${col}: ${message}`;
}

/** A problem as a workflow command, which code hosts show beside the line. */
export function annotation(problem: Problem): string {
  const { severity, file, line, col, length, rule, message, hint } = problem;
  const fields = {
    file,
    line,
    col,
    endColumn: col + length,
    title: rule,
  };
  const told = Object.entries(fields)
    .map(([name, value]) => `${name}=${escaped(String(value), true)}`)
    .join(',');
  const text = hint === undefined ? message : `${message}\n= ${hint}`;
  return `::${commands[severity]} ${told}::${escaped(text, false)}`;
}

function escaped(text: string, isField: boolean): string {
  const plain = text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A');
  return isField ? plain.replaceAll(':', '%3A').replaceAll(',', '%2C') : plain;
}
