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

  /** @returns null when it is too long */
  text(): string | null {
    return this.bytes > longestOutput ? null : Buffer.concat(this.chunks).toString('utf8');
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
    const fields = words.slice(0, names.length);
    if (words.length > names.length)
      fields[names.length - 1] = words.slice(names.length - 1).join(' ');
    return Object.fromEntries(fields.map((field, at) => [names[at] ?? '', field]));
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
    next: 'The program has run, and its effect stands: correct what it prints, or how the runbook reads it.',
  });
}
