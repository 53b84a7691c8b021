import { LineCounter, parseDocument, visit, type Document } from 'yaml';
import type { z } from 'zod';
import { canBeKept } from './json.js';
import { numberFault } from './number-form.js';

/*
 * Parses files that people write: exactly, or refused with the place of every mistake.
 */

/** A file is not as it should be; the message says where, as file:line:col, and what. */
export class FileError extends Error {}

/**
 * YAML, or JSON, that is exactly what `shape` says: unknown keys, duplicate keys, unknown tags,
 * values that YAML takes for others and parser warnings are errors.
 * @throws FileError with every problem as file:line:col
 */
export function parseStrictly<T>(text: string, path: string, shape: z.ZodType<T>): T {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, uniqueKeys: true, strict: true });
  const at = (offset: number): string => {
    const { line, col } = lines.linePos(offset);
    return `${path}:${line}:${col}`;
  };
  const faults = [...document.errors, ...document.warnings];
  if (faults.length > 0)
    throw new FileError(
      faults
        .map(
          (fault) =>
            `${at(fault.pos[0])}: ` +
            `${fault.message.split('\n')[0]?.replace(/ at line \d+, column \d+:$/, '')}`,
        )
        .join('\n'),
    );
  const others = otherValues(document);
  if (others.length > 0)
    throw new FileError(others.map(({ offset, said }) => `${at(offset)}: ${said}`).join('\n'));
  const parsed = shape.safeParse(document.toJS({ maxAliasCount: 20 }), { error: inWords });
  if (parsed.success) return parsed.data;
  throw new FileError(
    parsed.error.issues
      .map(
        (issue) =>
          `${at(offsetOf(document, issue.path))}: ` +
          `${[issue.path.join('.'), issue.message].filter(Boolean).join(' ')}`,
      )
      .join('\n'),
  );
}

/** Values that are not what they seem to be, and what to write. */
function otherValues(document: Document.Parsed): { offset: number; said: string }[] {
  const found: { offset: number; said: string }[] = [];
  if (document.directives.yaml.explicit)
    found.push({
      offset: 0,
      said: 'the file is YAML 1.2 and does not say so: take the directive out',
    });
  visit(document, {
    Scalar: (key, { value, source = '', range }) => {
      const said = faultOf(value, source, key === 'key');
      if (said !== undefined) found.push({ offset: range?.[0] ?? 0, said });
    },
  });
  return found;
}

function faultOf(value: unknown, written: string, isName: boolean): string | undefined {
  if (isName && value === '__proto__') return 'nothing can be called __proto__';
  if (typeof value === 'string' && !canBeKept(value))
    return 'a text holds neither NUL nor half of a surrogate pair';
  const fault = typeof value === 'number' ? numberFault(value, written) : undefined;
  return fault && `${fault.message}: ${fault.hint ?? `write "${written}"`}`;
}

/** The place of the node at `path`; if it is missing, of the nearest node around it. */
function offsetOf(document: Document.Parsed, path: readonly PropertyKey[]): number {
  for (let length = path.length; length > 0; length -= 1) {
    const node = document.getIn(path.slice(0, length), true);
    const range = (node as { range?: [number, number, number] } | undefined)?.range;
    if (range) return range[0];
  }
  return document.range[0];
}

/** What is wrong with a value, in plain words; undefined: zod's own message. */
function inWords(issue: z.core.$ZodRawIssue): string | undefined {
  if (issue.input === undefined) return 'is missing';
  if (issue.code === 'invalid_type') return `must be ${withArticle(issue.expected)}`;
  if (issue.code === 'invalid_value')
    return `must be ${issue.values.map((value) => JSON.stringify(value)).join(' or ')}`;
  if (issue.code === 'unrecognized_keys')
    return `has ${issue.keys.map((key) => JSON.stringify(key)).join(', ')}, which nothing knows`;
  if (issue.code === 'invalid_union') return 'has none of the forms that it may have';
  if (issue.code === 'too_small' && issue.minimum === 1) return 'must not be empty';
  return undefined;
}

function withArticle(expected: string): string {
  if (expected === 'string') return 'text';
  const names: Record<string, string> = { record: 'object', int: 'whole number' };
  const name = names[expected] ?? expected;
  return `${/^[aeiou]/.test(name) ? 'an' : 'a'} ${name}`;
}
