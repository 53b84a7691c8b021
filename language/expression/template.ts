import type { Expression, Joined, Range } from './ast.js';
import { check } from './check.js';
import { parse } from './parse.js';
import type { Problem } from './problem.js';
import { endOfText } from './ranges.js';
import { aType, isList, isMapOf, isObject, type Names, type Type } from './types.js';

/** A value as it is written: text, one expression, or text with expressions in it. */
export type Template = string | Expression | Joined;

export type CompiledTemplate =
  | { template: Template; type: Type }
  /** Offsets are those of the written text. */
  | { problems: readonly Problem[] };

/**
 * Reads a value as it is written: `deployment/${inputs.name}`. `$${` is a literal `${`.
 * @param wanted what the value has to be, where it is one whole expression
 */
export function compileTemplate(text: string, names: Names, wanted?: Type): CompiledTemplate {
  const parts = partsOfText(text);
  if ('problem' in parts) return { problems: [parts.problem] };
  const [first, ...more] = parts.parts;
  if (first === undefined) return { template: '', type: 'text' };
  if (more.length === 0)
    return typeof first === 'string'
      ? { template: first, type: 'text' }
      : compiled(first, names, wanted);
  const problems: Problem[] = [];
  const join: (string | Expression)[] = [];
  for (const part of parts.parts) {
    const read = typeof part === 'string' ? part : compiled(part, names);
    if (typeof read === 'string') join.push(read);
    else if ('problems' in read) problems.push(...read.problems);
    else {
      if (typeof part !== 'string') problems.push(...noText(part, read.type));
      join.push(read.template);
    }
  }
  return problems.length > 0 ? { problems } : { template: { join }, type: 'text' };
}

/** An expression in a text, with the offset of its own text. */
interface Inner {
  source: string;
  at: number;
}

/** Text and expressions in turn, never two texts side by side. */
function partsOfText(text: string): { parts: (string | Inner)[] } | { problem: Problem } {
  const parts: (string | Inner)[] = [];
  let literal = '';
  let at = 0;
  while (at < text.length) {
    if (text.startsWith('$${', at)) {
      literal += '${';
      at += 3;
    } else if (text.startsWith('${', at)) {
      const end = endOfExpression(text, at + 2);
      if (end === undefined)
        return {
          problem: {
            at: [at, text.length],
            rule: 'expression-syntax',
            message: '${ has no }',
            instead: 'write $${ for the two characters themselves',
          },
        };
      if (literal !== '') parts.push(literal);
      literal = '';
      const inner = text.slice(at + 2, end);
      parts.push({
        source: inner.trim(),
        at: at + 2 + (inner.length - inner.trimStart().length),
      });
      at = end + 1;
    } else {
      literal += text[at] ?? '';
      at += 1;
    }
  }
  if (literal !== '') parts.push(literal);
  return { parts };
}

/** Where the brace stands that ends an expression: not in a text, and not that of an object. */
function endOfExpression(text: string, from: number): number | undefined {
  const part = /"""|'''|"|'|[{}]/g;
  part.lastIndex = from;
  let depth = 0;
  for (let match = part.exec(text); match; match = part.exec(text)) {
    const [found] = match;
    if (found === '{') depth += 1;
    else if (found !== '}') part.lastIndex = endOfText(text, part.lastIndex, found);
    else if (depth === 0) return match.index;
    else depth -= 1;
  }
  return undefined;
}

type Part = { template: Expression; type: Type } | { problems: readonly Problem[] };

function compiled({ source, at }: Inner, names: Names, wanted?: Type): Part {
  const parsed = parse(source);
  const checked =
    'problem' in parsed ? { problems: [parsed.problem] } : check(parsed.expression, names, wanted);
  if ('expression' in checked) return { template: checked.expression, type: checked.type };
  return { problems: checked.problems.map((problem) => moved(problem, at)) };
}

/** Only scalars become text. */
function noText({ source, at }: Inner, type: Type): Problem[] {
  if (!isObject(type) && !isList(type) && !isMapOf(type) && type !== 'null') return [];
  const instead = isList(type)
    ? `write ${source}.join(", ")`
    : isObject(type) && type.target
      ? `write ${source}.name`
      : type === 'null'
        ? undefined
        : `write toJson(${source})`;
  return [
    {
      at: [at, at + source.length],
      rule: 'expression-type',
      message: `${source} is ${aType(type)}, which is no text`,
      ...(instead !== undefined && { instead }),
    },
  ];
}

function moved(problem: Problem, by: number): Problem {
  const shift = ([start, end]: Range): Range => [start + by, end + by];
  return {
    ...problem,
    at: shift(problem.at),
    ...(problem.fix && { fix: { ...problem.fix, at: shift(problem.fix.at) } }),
  };
}
