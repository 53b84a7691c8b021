import type { ParseError } from '@marcbachmann/cel-js';
import type { Range } from './ast.js';
import { limits } from './limits.js';
import type { Problem } from './problem.js';
import { field } from '../objects.js';

/** What people write who know another language, and how it is written here. */
const otherWords: Readonly<Record<string, string>> = {
  '=': '==',
  '&': '&&',
  '|': '||',
  and: '&&',
  AND: '&&',
  or: '||',
  OR: '||',
  is: '==',
  eq: '==',
  ne: '!=',
  gt: '>',
  lt: '<',
  ge: '>=',
  le: '<=',
  '“': '"',
  '”': '"',
  '‘': "'",
  '’': "'",
};

/** The same, where two signs that exist are read before the one that does not. */
const otherSigns: readonly (readonly [written: string, here: string])[] = [
  ['===', '=='],
  ['!==', '!='],
  ['<>', '!='],
  ['=~', '.matches('],
  ['=<', '<='],
  ['=>', '>='],
];

/** The parser's error in our words. */
export function syntaxProblem(source: string, error: ParseError): Problem {
  const { start, end } = error.range ?? { start: 0, end: source.length };
  const at: Range = [start, Math.min(Math.max(end, start), source.length)];
  const problem = (message: string, more: Partial<Problem> = {}): Problem => ({
    at,
    rule: 'expression-syntax',
    message,
    ...more,
  });
  switch (error.code) {
    case 'limit_exceeded':
      return problem(`the expression is nested deeper than ${limits.depth} parts`, {
        rule: 'expression-limit',
      });
    case 'unterminated_string':
    case 'unterminated_triple_quoted_string':
      return problem('the text has no closing quote');
    case 'newline_in_string':
      return problem('a text ends on the line on which it begins', { instead: 'write \\n' });
    case 'invalid_escape_sequence': {
      const escape = source.slice(...at);
      return problem(`${escape} means nothing in a text`, {
        instead: `write \\${escape}, or put an r before the text, as in r"${escape}"`,
        fix: { at, text: `\\${escape}` },
      });
    }
    case 'reserved_identifier':
      return reserved(source, at, problem);
    case 'invalid_macro_argument':
      return problem('the first argument is the name that each item gets, such as x');
    case 'invalid_integer':
    case 'invalid_hex_integer':
    case 'invalid_number':
    case 'invalid_exponent':
      return problem('this is no number');
    case 'unexpected_character':
    case 'unexpected_token':
    case 'expected_token':
      return unexpected(source, error, at, problem);
    default:
      // Escapes of characters by their number.
      return problem(`${source.slice(...at)} names no character`);
  }
}

type Tell = (message: string, more?: Partial<Problem>) => Problem;

function reserved(source: string, at: Range, problem: Tell): Problem {
  const word = source.slice(...at);
  return word === 'if'
    ? problem('there is no if', { instead: 'write condition ? value : other value' })
    : problem(`${word} is a reserved word and cannot be a name`);
}

function unexpected(source: string, error: ParseError, at: Range, problem: Tell): Problem {
  const written = source.slice(...at);
  if (source.trim() === '') return problem('the expression is empty');
  const whole = /^\s*\$\{([^]*)\}\s*$/.exec(source)?.[1]?.trim();
  if (written === '$')
    return problem('an expression stands here as it is, without ${ }', {
      ...(whole !== undefined && {
        instead: `write ${whole}`,
        fix: { at: [0, source.length], text: whole },
      }),
    });
  for (const [other, here] of otherSigns)
    for (const from of [at[0], at[0] - 1, at[0] - 2])
      if (from >= 0 && source.startsWith(other, from) && from + other.length >= at[1])
        return here.endsWith('(')
          ? problem(`${other} does not exist`, { instead: 'write text.matches("pattern")' })
          : swapped(problem, [from, from + other.length], other, here);
  const here = field(otherWords, written);
  if (here !== undefined) return swapped(problem, at, written, here);
  const before = /(\bnot)\s+$/.exec(source.slice(0, at[0]));
  if (before) return swapped(problem, [at[0] - before[0].length, at[0]], 'not', '!');
  if (written === 'if')
    return problem('there is no if', { instead: 'write condition ? value : other value' });
  if (at[0] >= source.trimEnd().length)
    return problem(`the expression ends too early${missing(error)}`);
  if (written === ')' || written === ']' || written === '}')
    return problem(`${written} closes nothing`);
  return problem(`${written} does not belong here${missing(error)}`);
}

function swapped(problem: Tell, at: Range, written: string, here: string): Problem {
  return problem(`${written} does not exist`, {
    at,
    instead: `write ${here}`,
    fix: { at, text: here },
  });
}

const tokenNames: Readonly<Record<string, string>> = {
  RPAREN: ')',
  RBRACKET: ']',
  RBRACE: '}',
  COLON: ':',
  IDENTIFIER: 'a name',
};

/** What the parser waited for. */
function missing({ summary }: ParseError): string {
  const name = /^Expected (\w+),/.exec(summary)?.[1] ?? '';
  const words = field(tokenNames, name);
  return words === undefined ? '' : `: ${words} is missing`;
}
