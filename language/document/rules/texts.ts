import { openProgramText, openVariable } from '../../arguments.js';
import type { Json, JsonObject } from '../../json.js';
import { field, isObject } from '../../objects.js';
import { textIn } from '../expand/draft.js';
import { isLong } from '../expand/values.js';
import { within } from '../place.js';
import { hasExpression } from '../template.js';
import { head } from '../shape.js';
import type { Context, SpotRule } from './rule.js';

/*
 * Where no expression may stand: a value never becomes program text.
 */

/** An expression in `${…}`; a shell's own `${name}` is none. */
const expression = /\$\{[^}]*\b(?:inputs|steps|item|out|answer|run|target)\s*[.[?][^}]*\}/g;

/** The text of a script, a statement and an address is never searched for expressions. */
export const programTexts: SpotRule = ({ data }, context) => {
  const script = field(data, 'script');
  if (typeof script === 'string') inScript(data, script, context);
  const statements = field(data, 'sql');
  for (const each of Array.isArray(statements) ? statements : [])
    if (isObject(each)) inText(each, 'text', 'sql', context);
  inText(data, 'http', 'http', context);
};

function inScript(data: JsonObject, script: string, context: Context): void {
  const found = [...script.matchAll(expression)];
  for (const { 0: text, index } of found) {
    const args = field(data, 'args');
    const at = Array.isArray(args) ? args.length + 1 : 1;
    const line = lineOf(script, index).trim();
    const quoted = line.includes(`"${text}"`) ? `"${text}"` : text;
    const isOne = found.length === 1 && !Array.isArray(args) && !script.trim().includes('\n');
    const isWord = /(^|\s)$/.test(line.slice(0, line.indexOf(quoted)));
    const ends = isWord && !/ -- /.test(line) && !readsAll.test(line);
    const better = line.replace(quoted, `${ends ? '-- ' : ''}"$${at}"`);
    context.report(within(context.places.of(data, 'script'), script, index, index + text.length), {
      rule: 'no-expression-in-script',
      message: 'an expression is not allowed in a script: its value would be run as shell',
      hint: [
        `pass it as an argument and read it as "$${at}":`,
        ...(isOne ? [`     script: ${better}`] : []),
        `     args: ["${text}"]`,
      ].join('\n'),
    });
  }
}

/** Programs for which `--` is an argument as any other. */
const readsAll = /^(echo|printf|test|\[|:|exit|return)\s/;

function lineOf(text: string, at: number): string {
  return text.slice(text.lastIndexOf('\n', at) + 1).split('\n')[0] ?? '';
}

function inText(data: JsonObject, key: string, what: 'sql' | 'http', context: Context): void {
  const text = textIn(data, key);
  for (const { 0: found, index } of text.matchAll(/\$\{[^}]*\}/g))
    context.report(within(context.places.of(data, key), text, index, index + found.length), {
      rule: `no-expression-in-${what}`,
      message:
        what === 'sql'
          ? 'an expression is not allowed in SQL: its value would be read as SQL'
          : 'an expression is not allowed in an address: its value could name another one',
      hint:
        what === 'sql'
          ? `write $1 and values: ["${found}"]; a name is {x} and identifiers: { x: "${found}" }`
          : `write {x} and params: { x: "${found}" }`,
    });
}

/** Fields whose text is for people, or a name: nothing is inserted there. */
const literal = [
  ...['title', 'note', 'pointOfNoReturn', 'checklist', 'files', 'none', 'hint', 'attachments'],
  ...['description', 'rollback', 'symptoms', 'causes', 'prevention', 'prerequisites'],
];

export const literalTexts: SpotRule = ({ data }, context) => {
  const look = (container: JsonObject | Json[], key: string | number, value: Json): void => {
    if (Array.isArray(value)) value.forEach((each, at) => look(value, at, each));
    if (typeof value !== 'string' || !hasExpression(value)) return;
    const at = value.indexOf('${');
    context.report(within(context.places.of(container, key), value, at, at + 2), {
      rule: 'no-expression-here',
      message: 'an expression is not read here: the text would be shown as it is written',
      hint: 'a ${ that is meant so is written $${',
    });
  };
  for (const key of literal) {
    const value = field(data, key);
    if (value !== undefined && (typeof value === 'string' || Array.isArray(value)))
      look(data, key, value);
  }
};

/** A value is data: never a program, its text, or a variable that names one. */
export const programs: SpotRule = ({ data }, context) => {
  const { places } = context;
  const words = field(data, 'command');
  if (Array.isArray(words)) {
    const [program] = words;
    const isFact =
      isObject(program) && words.length === 1 && /^inputs\.\w+\.\w+$/.test(textIn(program, '$'));
    const open = isFact ? undefined : openProgramText(words.map(asReference));
    if (open !== undefined)
      context.report(placeOfWord(data, words, context), {
        rule: 'program-from-value',
        message: `a value never becomes program text: ${open.why}`,
        hint:
          open.instead ?? 'give it as an argument of a script: script: … "$1" …, args: ["${…}"]',
      });
    if (words.length === 0 && places.of(data, 'command').end > places.of(data, 'command').start)
      return;
  }
  const env = field(data, 'env');
  const variable = isObject(env) ? openVariable(mapped(env)) : undefined;
  if (variable !== undefined)
    context.report(places.nameOf(data, 'env'), {
      rule: 'program-from-value',
      message: `a value never becomes program text: ${variable}`,
    });
};

function placeOfWord(data: JsonObject, words: Json[], context: Context) {
  const at = words.findLastIndex((word) => isLong(word));
  return at === -1 ? head(data, context.places) : context.places.of(words, at);
}

/** Text with expressions is as open as an expression; what stands before the first one is known. */
function asReference(word: Json): Json {
  if (!isObject(word)) return word;
  const { join } = word;
  const [first] = Array.isArray(join) ? join : [];
  return typeof first === 'string' ? { join: [first, { $: 'inputs' }] } : { $: 'inputs' };
}

function mapped(env: JsonObject): Record<string, Json> {
  return Object.fromEntries(Object.entries(env).map(([key, value]) => [key, asReference(value)]));
}
