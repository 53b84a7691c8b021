import type { YAMLParseError, YAMLWarning } from 'yaml';
import type { Said } from './problem.js';
import { field } from '../objects.js';

/** Where an error of YAML is, and what people should know of it. */
interface YamlProblem {
  from: number;
  to: number;
  said: Said;
}

/**
 * An error of the YAML parser in words that say what to write. The parser names what confused it;
 * what people wrote to confuse it stands shortly before.
 */
export function yamlProblem(fault: YAMLParseError | YAMLWarning, text: string): YamlProblem {
  const [from, to] = fault.pos;
  return (
    tag(fault.code, from, to, text) ??
    expression(fault.code, from, text) ??
    half(fault.code, from, text) ??
    deeper(fault.code, from, text) ??
    block(from, text) ??
    outside(fault.code, from, text) ??
    ternary(fault.code, from, text) ??
    afterQuotes(fault.code, from, text) ??
    plain(fault, from, to, text)
  );
}

function lineAround(text: string, at: number): { start: number; line: string } {
  const start = text.lastIndexOf('\n', at - 1) + 1;
  const end = text.indexOf('\n', at);
  return { start, line: text.slice(start, end === -1 ? text.length : end) };
}

/** `name: value` of a line, without the comment. */
function fieldOf(line: string): { name: string; value: string; at: number } | undefined {
  const found = /^(\s*(?:-\s+)*)([\w-]+):\s+/.exec(line);
  if (!found) return undefined;
  const at = found[0].length;
  return {
    name: found[2] ?? '',
    value: line
      .slice(at)
      .replace(/\s+#.*$/, '')
      .trimEnd(),
    at,
  };
}

function quotedHint(name: string, value: string): string {
  return `quote it: ${name}: ${inQuotes(value)}`;
}

/** The text in quotes that need the fewest escapes. */
export function inQuotes(value: string): string {
  if (!value.includes('"') && !value.includes('\\')) return `"${value}"`;
  return value.includes("'") ? JSON.stringify(value) : `'${value}'`;
}

/** `when: !inputs.internal` */
function tag(code: string, from: number, to: number, text: string): YamlProblem | undefined {
  if (code !== 'TAG_RESOLVE_FAILED') return undefined;
  const { start, line } = lineAround(text, from);
  const field = fieldOf(line);
  const message = 'YAML reads a value that starts with ! as a tag, and tags are not allowed';
  if (field === undefined || start + field.at !== from || text.startsWith('!!', from))
    return { from, to, said: { rule: 'yaml-tag', message } };
  const end = from + field.value.length;
  return {
    from,
    to: end,
    said: {
      rule: 'yaml-tag',
      message,
      hint: quotedHint(field.name, field.value),
      fix: { start: from, end, text: inQuotes(field.value) },
    },
  };
}

/** `[kubectl, ${inputs.x}]`: inside brackets YAML reads the brace. */
function expression(code: string, from: number, text: string): YamlProblem | undefined {
  const flow = ['MISSING_CHAR', 'UNEXPECTED_TOKEN', 'BAD_INDENT', 'BLOCK_IN_FLOW'];
  if (!flow.includes(code)) return undefined;
  const { start, line } = lineAround(text, from);
  const at = line.lastIndexOf('${', from - start);
  if (at === -1 || from - start - at > 2) return undefined;
  const closing = closingBrace(line, at + 1);
  if (closing === undefined) return undefined;
  // The whole value, as in `rm -f -- ${inputs.folder}/lock`.
  const before = /(?:(?!: )[^,[{])*$/.exec(line.slice(0, at))?.[0].replace(/^:? +/, '') ?? '';
  const end = endOfValue(line, closing + 1);
  const value = `${before}${line.slice(at, end)}`;
  const isList = /\[[^\]]*$/.test(line.slice(0, at));
  return {
    from: start + at + 1,
    to: start + closing + 1,
    said: {
      rule: 'quote-expression',
      message: 'inside [ ] and { } an expression must be quoted; YAML reads { as a map',
      hint:
        `write ${inQuotes(value)}` +
        (isList && /\bcommand:/.test(line) ? ', or the command on one line' : '') +
        ' (`runbook lint --fix` does it)',
      fix: { start: start + at - before.length, end: start + end, text: inQuotes(value) },
    },
  };
}

/** Where a value with expressions ends inside [ ] or { }, without the blanks behind it. */
function endOfValue(line: string, from: number): number {
  let at = from;
  while (at < line.length && !',]}'.includes(line[at] ?? '')) {
    const closing = line.startsWith('${', at) ? closingBrace(line, at + 1) : undefined;
    at = (closing ?? at) + 1;
  }
  return line.slice(0, at).trimEnd().length;
}

function closingBrace(line: string, open: number): number | undefined {
  let depth = 0;
  for (let at = open; at < line.length; at += 1) {
    if (line[at] === '{') depth += 1;
    if (line[at] === '}' && (depth -= 1) === 0) return at;
  }
  return undefined;
}

/** `{ value: out.rows[0].x }`: inside braces YAML reads the bracket. */
function half(code: string, from: number, text: string): YamlProblem | undefined {
  if (code !== 'UNEXPECTED_TOKEN' || !['[', '{'].includes(text[from] ?? '')) return undefined;
  const { start, line } = lineAround(text, from);
  const before = /(?:^|[\s{[,])([^\s,{[]+)$/.exec(line.slice(0, from - start))?.[1];
  if (before === undefined) return undefined;
  const begin = from - start - before.length;
  const value = line.slice(begin, endOfExpression(line, begin));
  const isWhole = value.length > before.length && !value.includes('"');
  return {
    from: start + begin,
    to: from + 1,
    said: {
      rule: 'quote-expression',
      message: `inside [ ] and { } YAML reads ${text[from]} as the beginning of a value`,
      hint: isWhole
        ? `write ${inQuotes(value)} (\`runbook lint --fix\` does it)`
        : 'write the whole expression in quotes',
      fix: isWhole
        ? { start: start + begin, end: start + begin + value.length, text: inQuotes(value) }
        : undefined,
    },
  };
}

/** Where an expression ends inside [ ] or { }: at a comma, or a bracket that it did not open. */
function endOfExpression(line: string, from: number): number {
  let depth = 0;
  let at = from;
  for (; at < line.length; at += 1) {
    const letter = line[at] ?? '';
    if ('([{'.includes(letter)) depth += 1;
    if (')]}'.includes(letter) && (depth -= 1) < 0) break;
    if (letter === ',' && depth === 0) break;
  }
  return line.slice(0, at).trimEnd().length;
}

/** `title: A`, and the next line is indented deeper: YAML takes it for more of the same value. */
function deeper(code: string, from: number, text: string): YamlProblem | undefined {
  if (code !== 'BLOCK_AS_IMPLICIT_KEY') return undefined;
  const { start, line } = lineAround(text, from);
  const value = fieldOf(line);
  const end = text.indexOf('\n', from);
  if (value === undefined || end === -1 || /: /.test(value.value)) return undefined;
  const { start: next, line: below } = lineAround(text, end + 1);
  const found = /^( +)([\w-]+):(\s|$)/.exec(below);
  const column = line.slice(0, value.at).search(/\S+\s*$/);
  if (!found || start + value.at > from) return undefined;
  const [, blanks = '', name = ''] = found;
  return {
    from: next + blanks.length,
    to: next + blanks.length + name.length,
    said: {
      rule: 'yaml-syntax',
      message: `${name} is indented deeper than ${value.name}, which has a value already`,
      hint: `let it begin below ${value.name}, with ${column} blanks before it`,
    },
  };
}

/** `when: a ? b : c` */
function ternary(code: string, from: number, text: string): YamlProblem | undefined {
  if (code !== 'BLOCK_AS_IMPLICIT_KEY' && code !== 'BLOCK_IN_FLOW') return undefined;
  const { start, line } = lineAround(text, from);
  const field = fieldOf(line);
  if (code === 'BLOCK_IN_FLOW' || field === undefined || start + field.at > from) {
    return {
      from,
      to: from + 1,
      said: {
        rule: 'quote-text',
        message: 'a text with a colon and a blank must be quoted; YAML reads it as a field',
        hint: 'write the text in quotes',
      },
    };
  }
  const isTernary = / \? .* : /.test(field.value);
  const end = start + field.at + field.value.length;
  return {
    from: start + field.at,
    to: end,
    said: {
      rule: isTernary ? 'quote-expression' : 'quote-text',
      message: isTernary
        ? 'an expression with ? and : must be quoted; YAML reads the colon as the end of a name'
        : 'a text with a colon and a blank must be quoted; YAML reads it as a field',
      hint: quotedHint(field.name, field.value),
      fix: { start: start + field.at, end, text: inQuotes(field.value) },
    },
  };
}

/** `when: "a" == b` */
function afterQuotes(code: string, from: number, text: string): YamlProblem | undefined {
  if (code !== 'UNEXPECTED_TOKEN') return undefined;
  const { start, line } = lineAround(text, from);
  const field = fieldOf(line);
  if (field === undefined || !/^["']/.test(field.value) || start + field.at >= from)
    return undefined;
  const end = start + field.at + field.value.length;
  if (end <= from) return undefined;
  return {
    from: start + field.at,
    to: end,
    said: {
      rule: 'quote-expression',
      message: 'a value that begins with a quote ends with it; YAML cannot read what follows',
      hint: quotedHint(field.name, field.value),
      fix: { start: start + field.at, end, text: inQuotes(field.value) },
    },
  };
}

/** `script: |`, and its text begins no deeper than the field. */
function block(from: number, text: string): YamlProblem | undefined {
  const { start, line } = lineAround(text, from);
  if (start === 0) return undefined;
  const above = lineAround(text, start - 1).line;
  const opened = /^((?:\s|- )*)([\w-]+): [|>][-+]?\s*$/.exec(above);
  if (!opened) return undefined;
  const [, before = '', name = ''] = opened;
  const own = line.length - line.trimStart().length;
  if (own > before.length || line.trim() === '') return undefined;
  return {
    from: start + own,
    to: start + line.trimEnd().length,
    said: {
      rule: 'yaml-syntax',
      message: `the text of ${name} begins no deeper than ${name} itself`,
      hint: `indent its lines with ${before.length + 2} blanks`,
    },
  };
}

/** A field that begins before the first one of its step. */
function outside(code: string, from: number, text: string): YamlProblem | undefined {
  if (code !== 'BAD_INDENT' && code !== 'UNEXPECTED_TOKEN') return undefined;
  const { start, line } = lineAround(text, from);
  const found = /^( *)([\w-]+):(\s|$)/.exec(line);
  const above = text.slice(0, start).split('\n').reverse();
  const opened = above.map((each) => /^( *)- +[\w-]+:/.exec(each)).find((each) => each !== null);
  if (!found || !opened || above.some((each) => /[[{]\s*$/.test(each))) return undefined;
  const [, blanks = '', name = ''] = found;
  const dash = opened[1] ?? '';
  if (blanks.length !== dash.length) return undefined;
  return {
    from: start + blanks.length,
    to: start + blanks.length + name.length,
    said: {
      rule: 'yaml-syntax',
      message: `${name} begins below the dash, and so belongs to no step`,
      hint: `let it begin below the first field, with ${dash.length + 2} blanks before it`,
    },
  };
}

/** What the parser says, where there is nothing better. */
const words: Readonly<Record<string, Said>> = {
  TAB_AS_INDENT: {
    rule: 'yaml-syntax',
    message: 'YAML is indented with blanks, not with tabs',
    hint: 'write two blanks for each level',
  },
  MULTIPLE_DOCS: {
    rule: 'one-document',
    message: 'a file holds one document',
    hint: 'put the second one into a file of its own',
  },
  MULTILINE_IMPLICIT_KEY: {
    rule: 'yaml-syntax',
    message:
      'the indentation does not fit: this line belongs neither to the one before nor under it',
  },
  BAD_INDENT: {
    rule: 'yaml-syntax',
    message: 'the indentation does not fit, or a bracket is not closed',
  },
  BAD_ALIAS: {
    rule: 'yaml-alias',
    message: 'a value that starts with * is an alias, and needs a name after it',
    hint: 'write "*" in quotes where the letter is meant',
  },
  BAD_DQ_ESCAPE: {
    rule: 'yaml-syntax',
    message: 'this escape means nothing in double quotes',
    hint: 'write the text in single quotes: there \\ is a plain letter',
  },
  MISSING_CHAR: { rule: 'yaml-syntax', message: 'YAML cannot read this: something is missing' },
};

function plain(
  fault: YAMLParseError | YAMLWarning,
  from: number,
  to: number,
  text: string,
): YamlProblem {
  const known = field(words, fault.code);
  const first = (fault.message.split('\n')[0] ?? '').replace(/ at line \d+, column \d+:?$/, '');
  if (fault.code === 'BAD_SCALAR_START') return startsBadly(from, text);
  if (fault.code === 'MISSING_CHAR' && /closing/.test(first)) return unclosed(from, text, first);
  if (fault.code === 'MISSING_CHAR' && /without -/.test(first))
    return { from, to, said: words['MULTILINE_IMPLICIT_KEY'] as Said };
  const end = fault.code === 'MULTIPLE_DOCS' ? from + 3 : to;
  return {
    from,
    to: end,
    said: known ?? { rule: 'yaml-syntax', message: `YAML cannot read this: ${lower(first)}` },
  };
}

function startsBadly(from: number, text: string): YamlProblem {
  const { start, line } = lineAround(text, from);
  const field = fieldOf(line);
  const message = `a value that starts with ${text[from]} must be quoted`;
  if (field === undefined || start + field.at !== from)
    return { from, to: from + 1, said: { rule: 'quote-text', message } };
  const end = from + field.value.length;
  return {
    from,
    to: end,
    said: {
      rule: 'quote-text',
      message,
      hint: quotedHint(field.name, field.value),
      fix: { start: from, end, text: inQuotes(field.value) },
    },
  };
}

/** A quote that is not closed is missed at the end of the file; it is the last one that opens. */
function unclosed(from: number, text: string, said: string): YamlProblem {
  const mark = /closing ["'](?:quote)?/.test(said) && said.includes("'") ? "'" : '"';
  const opened = text.slice(0, from).search(new RegExp(`[:[{,-] +${mark}[^${mark}]*$`));
  const at = opened === -1 ? from : text.indexOf(mark, opened);
  return {
    from: at,
    to: at + 1,
    said: { rule: 'yaml-syntax', message: 'this quote is not closed' },
  };
}

function lower(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}
