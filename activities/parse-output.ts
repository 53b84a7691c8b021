import { parseJson } from '../language/json.js';
import type { Json, JsonObject } from '../language/json.js';
import type { OutputForm } from '../language/kinds/command.js';
import { beginningOf } from '../common/visible.js';
import { StepFailure } from './failure.js';

/*
 * What a program prints, as data: the whole of it, before anything is shortened for people.
 */

/** More than this is not read as data, in bytes. */
const longestOutput = 8 * 1024 ** 2;

/** All that a program printed, as far as it can be read as data. */
export class WholeText {
  private readonly chunks: Buffer[] = [];
  private bytes = 0;

  take(chunk: Buffer): void {
    this.bytes += chunk.length;
    if (this.bytes <= longestOutput) this.chunks.push(Buffer.from(chunk));
  }

  /**
   * @returns null when it is too long
   * @throws StepFailure AnswerUnusable when it is no UTF-8
   */
  text(program: string): string | null {
    if (this.bytes > longestOutput) return null;
    try {
      // Without the mark that some programs put before their text.
      return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(this.chunks));
    } catch {
      throw unusable(`${program} printed bytes that are no UTF-8`);
    }
  }
}

/**
 * Reads what a program printed.
 * @param text without secrets; null when it was too long
 * @returns one field, named after what it holds
 * @throws StepFailure AnswerUnusable
 */
export function parseOutput(form: OutputForm, program: string, text: string | null): JsonObject {
  if (text === null)
    throw unusable(`${program} printed more than ${longestOutput / 1024 ** 2} MiB`);
  switch (form) {
    case 'json':
      return { json: jsonOf(text, program) };
    case 'jsonl':
      return { lines: linesOf(text).map((line) => jsonOf(line, program)) };
    case 'lines':
      return { lines: linesOf(text) };
    case 'table':
      return { table: tableOf(linesOf(text), program) };
    case 'pairs':
      return { pairs: pairsOf(linesOf(text), program) };
  }
}

/**
 * Reads what a program printed: as it was, and without secrets, which are taken out of the whole
 * text before it is read.
 * @throws StepFailure AnswerUnusable, which holds no secret
 */
export function parseBoth(
  form: OutputForm,
  program: string,
  text: string | null,
  secrets: { text(text: string): string },
): { was: JsonObject; is: JsonObject } {
  const clean = text && secrets.text(text);
  const is = parseOutput(form, program, clean);
  if (clean === text) return { was: is, is };
  try {
    return { was: parseOutput(form, program, text), is };
  } catch {
    // Its message would quote the secret. All that was read is for people then.
    return { was: {}, is };
  }
}

function jsonOf(text: string, program: string): Json {
  try {
    return parseJson(text);
  } catch {
    const start = JSON.stringify(beginningOf(text.trim(), 100));
    throw unusable(`${program} did not print JSON, but what begins with ${start}`);
  }
}

function linesOf(text: string): string[] {
  return text.split(/\r?\n/).filter((line) => line.trim() !== '');
}

/** The first line names the columns. The last column of a row takes the rest of its line. */
function tableOf([head = '', ...rows]: readonly string[], program: string): Json {
  const names = wordsOf(head);
  const doubled = names.find((name, at) => names.indexOf(name) !== at);
  if (doubled !== undefined)
    throw unusable(`${program} printed a table with two columns called ${doubled}`);
  return rows.map((row) => {
    const words = wordsOf(row);
    if (words.length < names.length) return shortRow(row, head, program);
    const fields = words.slice(0, names.length);
    if (words.length > names.length)
      fields[names.length - 1] = words.slice(names.length - 1).join(' ');
    return Object.fromEntries(fields.map((field, at) => [names[at] ?? '', field]));
  });
}

/**
 * A row with fewer words than there are columns: a word belongs to the column whose name it stands
 * under. Cells before the last word that have none are empty.
 */
function shortRow(row: string, head: string, program: string): JsonObject {
  const columns = spansIn(head);
  const fields = new Map<string, string>();
  let next = 0;
  for (const { word, from, to } of spansIn(row)) {
    const at = columns.findIndex(
      (each, index) => index >= next && each.from < to && from < each.to,
    );
    if (at === -1)
      throw unusable(
        `${program} printed a row with empty cells, and which they are cannot be told: ` +
          `${JSON.stringify(beginningOf(row, 100))}`,
      );
    for (const { word: name } of columns.slice(next, at)) fields.set(name, '');
    fields.set(columns[at]?.word ?? '', word);
    next = at + 1;
  }
  return Object.fromEntries(fields);
}

function spansIn(line: string): { word: string; from: number; to: number }[] {
  return [...line.matchAll(/\S+/g)].map(({ 0: word, index }) => {
    return { word, from: index, to: index + word.length };
  });
}

function wordsOf(line: string): string[] {
  return line.trim().split(/\s+/);
}

/** `name=value` or `name: value`, whichever sign comes first. */
function pairsOf(lines: readonly string[], program: string): JsonObject {
  const pairs = new Map<string, string>();
  for (const line of lines) {
    const [, name, value = ''] = /^\s*([^=:]+?)\s*[=:]\s*(.*?)\s*$/.exec(line) ?? [];
    if (name === undefined)
      throw unusable(
        `${program} did not print pairs, but the line ${JSON.stringify(beginningOf(line, 100))}`,
      );
    if ((pairs.get(name) ?? value) !== value)
      throw unusable(`${program} printed two values for ${name}`);
    pairs.set(name, value);
  }
  return Object.fromEntries(pairs);
}

function unusable(what: string): StepFailure {
  return new StepFailure('AnswerUnusable', what, {
    next:
      'The program has run, and its effect stands: correct ' +
      'what it prints, or how the runbook reads it.',
  });
}
