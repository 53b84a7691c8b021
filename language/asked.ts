import { readInput } from './inputs.js';
import { canonicalJson, type Json, type JsonObject } from './json.js';
import { field } from './objects.js';
import type { Asked, InputSpec } from './runbook.js';

/*
 * What people answer, declared as inputs are: checked before it is sent, and by the judge.
 */

/** The names that have to be answered. */
export function neededAnswers(asked: Asked): string[] {
  return Object.keys(asked).filter((name) => asked[name]?.optional !== true);
}

/**
 * An answer as it was typed, read as what is declared.
 * @returns what is wrong with it, as a sentence
 */
export function readAnswer(asked: InputSpec, typed: string): { value: Json } | { wrong: string } {
  const read = readInput(asked, typed, []);
  return 'wrong' in read ? { wrong: `${read.wrong}. ${read.next}` } : read;
}

/** What is wrong with answers, each as a sentence; empty: nothing. */
export function wrongAnswers(asked: Asked, given: JsonObject): string[] {
  return Object.entries(given).flatMap(([name, value]) => {
    const spec = field(asked, name);
    if (!spec) return [`nothing called ${name} is asked (${Object.keys(asked).join(', ')})`];
    const read = readInput(spec, value, []);
    if ('wrong' in read) return [`${name} ${read.wrong}`];
    return canonicalJson(read.value) === canonicalJson(value)
      ? []
      : [`${name} must be ${JSON.stringify(read.value)}, not ${JSON.stringify(value)}`];
  });
}
