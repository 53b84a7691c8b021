import {
  Composer,
  isAlias,
  isMap,
  isScalar,
  Lexer,
  Parser,
  YAMLParseError,
  type CST,
  type Document,
  type ParsedNode,
} from 'yaml';
import type { Json, JsonObject } from '../json.js';
import { Places, type Place, type Style } from './place.js';
import { problemAt, replacing, type Problem, type Said } from './problem.js';
import { scalarProblem } from './scalars.js';
import { Source } from './source.js';
import { inQuotes, yamlProblem } from './yaml-errors.js';

/** A file as it is written: its data, and where each part of it stands. */
export interface Written {
  data: JsonObject;
  places: Places;
  source: Source;
  /** What is wrong with single values; the data is whole. */
  problems: Problem[];
}

/** A file that is no document; there is always a reason. */
interface Unread {
  data?: undefined;
  problems: Problem[];
}

export const limits = {
  characters: 256 * 1024,
  aliases: 20,
  /** With what aliases stand for. */
  values: 50_000,
  depth: 64,
};

/**
 * Reads YAML 1.2, one document. Unknown tags, duplicate keys and merge keys are refused. Of what
 * YAML itself refuses only the first is told: the others follow from it.
 * @param file as people know it
 * @param path where it lies, for what lies beside it
 */
export function read(text: string, file: string, path = file): Written | Unread {
  const source = new Source(file, text, path);
  const start: Place = { source, start: 0, end: 0, style: 'block' };
  const refuse = (said: Said, from = 0, to = from): Unread => ({
    problems: [problemAt({ ...start, start: from, end: to }, said)],
  });
  if (text.length > limits.characters)
    return refuse({
      rule: 'too-large',
      message: `the file has ${text.length} characters; ${limits.characters} are read`,
      hint: 'divide it into parts',
    });
  const document = parsed(text);
  if ('tooDeep' in document) return refuse(nested, document.tooDeep);
  const fault = [...document.errors, ...document.warnings].sort((a, b) => a.pos[0] - b.pos[0])[0];
  if (fault) {
    const { from, to, said } = yamlProblem(fault, text);
    return refuse(said, from, to);
  }
  if (document.directives.yaml.explicit)
    return refuse({
      rule: 'yaml-syntax',
      message: 'a file is YAML 1.2 and does not say so: take the directive out',
    });
  if (!isMap(document.contents))
    return refuse({
      rule: 'yaml-syntax',
      message: 'the file is no runbook: it begins with runbook:, part: or action:',
    });
  try {
    const walk = new Walk(document, new Places(start), source);
    const data = walk.value(document.contents, 0) as JsonObject;
    return { data, places: walk.places, source, problems: walk.problems };
  } catch (error) {
    if (error instanceof Refused) return { problems: [error.problem] };
    throw error;
  }
}

const nested: Said = {
  rule: 'too-large',
  message: `the file is nested deeper than ${limits.depth} levels`,
};

/**
 * The document. Its nesting is looked at before it is composed, because composing recurses: deep
 * enough, it ends the process and not the call.
 */
function parsed(text: string): Document.Parsed | { tooDeep: number } {
  const atOnce = tooDeepInLine(text);
  if (atOnce !== undefined) return { tooDeep: atOnce };
  const tokens = [...new Parser().parse(text)];
  const tooDeep = tokens.map(deepest).find((offset) => offset !== undefined);
  if (tooDeep !== undefined) return { tooDeep };
  // A hostile file has a hundred thousand errors, each with a stack that nobody reads.
  const usual = Error.stackTraceLimit;
  Error.stackTraceLimit = 0;
  try {
    const options = { uniqueKeys: false, strict: true, merge: false, schema: 'core' } as const;
    const composed = new Composer(options).compose(tokens, true, text.length);
    const [first, second] = [...composed] as Document.Parsed[];
    if (!first) throw new Error('the parser gave no document');
    if (second) {
      const at = text.lastIndexOf('---', second.contents?.range[0] ?? second.range[0]);
      first.errors.push(new YAMLParseError([at, at + 3], 'MULTIPLE_DOCS', 'several documents'));
    }
    return first;
  } finally {
    Error.stackTraceLimit = usual;
  }
}

/** Where brackets, or dashes in one line, open too many levels: each costs only two letters. */
function tooDeepInLine(text: string): number | undefined {
  if (!mayBeDeep(text)) return undefined;
  let [at, brackets, dashes] = [0, 0, 0];
  for (const lexeme of new Lexer().lex(text)) {
    if (lexeme === '[' || lexeme === '{') brackets += 1;
    else if (lexeme === ']' || lexeme === '}') brackets -= 1;
    else if (lexeme === '-' || lexeme === '?') dashes += 1;
    else if (lexeme.includes('\n')) dashes = 0;
    if (Math.max(brackets, dashes) > 2 * limits.depth) return Math.min(at, text.length);
    at += lexeme.length;
  }
  return undefined;
}

/** Whether it is worth while to read the file twice; brackets in texts count here too. */
function mayBeDeep(text: string): boolean {
  let depth = 0;
  for (const [bracket] of text.matchAll(/[[\]{}]/g)) {
    depth = bracket === '[' || bracket === '{' ? depth + 1 : Math.max(0, depth - 1);
    if (depth > limits.depth) return true;
  }
  return /(?:[-?] ){60}/.test(text);
}

/** Where a token has more levels than are read; found without recursion. */
function deepest(token: CST.Token): number | undefined {
  const open: { token: CST.Token; depth: number }[] = [{ token, depth: 0 }];
  for (let next = open.pop(); next; next = open.pop()) {
    const { token: inside, depth } = next;
    if (depth > limits.depth) return inside.offset;
    if (inside.type === 'document' && inside.value) open.push({ token: inside.value, depth });
    if (!('items' in inside)) continue;
    for (const { key, value } of inside.items as CST.CollectionItem[])
      for (const part of [key, value]) if (part) open.push({ token: part, depth: depth + 1 });
  }
  return undefined;
}

class Refused extends Error {
  constructor(readonly problem: Problem) {
    super(problem.message);
  }
}

/** Makes plain data of the parser's nodes, and notes where each is written. */
class Walk {
  readonly problems: Problem[] = [];
  #aliases = 0;
  #values = 0;

  constructor(
    readonly document: Document.Parsed,
    readonly places: Places,
    readonly source: Source,
  ) {}

  value(node: ParsedNode | null, depth: number): Json {
    if (node === null) return null;
    const place = this.place(node);
    if ((this.#values += 1) > limits.values || depth > limits.depth)
      this.refuse(place, {
        rule: 'too-large',
        message:
          depth > limits.depth
            ? nested.message
            : `the file has more than ${limits.values} values, with what its aliases stand for`,
      });
    if (isAlias(node)) {
      if ((this.#aliases += 1) > limits.aliases)
        this.refuse(place, {
          rule: 'yaml-alias',
          message: `a file may have ${limits.aliases} aliases`,
        });
      const meant = node.resolve(this.document) as ParsedNode | undefined;
      if (meant === undefined)
        this.refuse(place, {
          rule: 'yaml-alias',
          message: `nothing is called &${node.source} before this`,
        });
      return this.value(meant, depth + 1);
    }
    if (node.tag !== undefined) this.refuse(place, yamlTag);
    if (isScalar(node)) return this.scalar(node.value, node.source, place);
    return isMap(node) ? this.map(node, place, depth) : this.list(node, place, depth);
  }

  private scalar(value: unknown, written: string | undefined, place: Place): Json {
    const wrong = scalarProblem(value, written ?? '', place);
    if (wrong) this.problems.push(problemAt(place, wrong));
    return value as Json;
  }

  private map(node: Extract<ParsedNode, { items: unknown }>, place: Place, depth: number): Json {
    const data: JsonObject = {};
    let last: Place | undefined;
    this.places.setSelf(data, place);
    for (const pair of node.items as { key: ParsedNode | null; value: ParsedNode | null }[]) {
      const name = this.name(pair.key, place);
      if (pair.value === null && place.style === 'flow') {
        this.cut(name.place, last);
        continue;
      }
      if (Object.hasOwn(data, name.text))
        this.refuse(name.place, {
          rule: 'duplicate-key',
          message: `${name.text} is given twice`,
          hint:
            'it is given already in line ' +
            `${this.source.position(this.places.nameOf(data, name.text).start).line}`,
        });
      const inner = this.value(pair.value, depth + 1);
      data[name.text] = inner;
      const at = pair.value === null ? { ...name.place } : this.place(pair.value);
      last = at;
      this.places.set(data, name.text, at.end === at.start ? name.place : at, name.place);
    }
    return data;
  }

  /** `{ x: max(1, n) }`: YAML ends the value at the comma, without an error. */
  private cut(place: Place, before: Place | undefined): void {
    const whole = before && { ...place, start: before.start };
    const text = whole && this.source.text.slice(whole.start, whole.end);
    const isOne = before?.style === 'plain' && text !== undefined && !text.includes('\n');
    this.problems.push(
      problemAt(isOne && whole ? whole : place, {
        rule: 'cut-at-comma',
        message: 'inside { } YAML ends a value at the comma, and takes the rest for a field',
        hint: isOne ? `write it in quotes: ${inQuotes(text)}` : 'write the whole value in quotes',
        fix: isOne && whole ? replacing(whole, inQuotes(text)) : undefined,
      }),
    );
  }

  private name(key: ParsedNode | null, around: Place): { text: string; place: Place } {
    const place = key === null ? around : this.place(key);
    if (!isScalar(key) || key.value === null)
      this.refuse(place, { rule: 'yaml-syntax', message: 'the name of a field is a word' });
    const text = typeof key.value === 'string' ? key.value : (key.source ?? '');
    if (text === '<<')
      this.refuse(place, {
        rule: 'yaml-merge',
        message: 'merge keys are not allowed',
        hint: "write the fields here; a group's fields are defaults for what is inside it",
      });
    if (text === '__proto__')
      this.refuse(place, { rule: 'yaml-syntax', message: 'nothing can be called __proto__' });
    return { text, place };
  }

  private list(node: Extract<ParsedNode, { items: unknown }>, place: Place, depth: number): Json {
    const data: Json[] = [];
    this.places.setSelf(data, place);
    for (const item of node.items as ParsedNode[]) {
      data.push(this.value(item, depth + 1));
      this.places.set(data, data.length - 1, this.place(item));
    }
    return data;
  }

  private place(node: ParsedNode): Place {
    const [start, end] = node.range;
    return { source: this.source, start, end, style: styleOf(node) };
  }

  private refuse(place: Place, said: Said): never {
    throw new Refused(problemAt(place, said));
  }
}

const yamlTag: Said = { rule: 'yaml-tag', message: 'tags are not allowed' };

function styleOf(node: ParsedNode): Style {
  if (isAlias(node)) return 'plain';
  if (!isScalar(node)) return node.flow === true ? 'flow' : 'block';
  switch (node.type) {
    case 'QUOTE_SINGLE':
      return 'single';
    case 'QUOTE_DOUBLE':
      return 'double';
    case 'BLOCK_LITERAL':
      return 'literal';
    case 'BLOCK_FOLDED':
      return 'folded';
    default:
      return 'plain';
  }
}
