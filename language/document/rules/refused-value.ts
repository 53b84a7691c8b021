import { readInput } from '../../inputs.js';
import type { Json, JsonObject } from '../../json.js';
import type { InputSpec } from '../../runbook.js';
import { isLong } from '../expand/values.js';
import { typeOfInput } from '../spec/fields.js';

/** Types of inputs whose values can be judged as they are written. */
const judged: ReadonlySet<string> = new Set([
  ...['text', 'integer', 'number', 'boolean', 'duration', 'time', 'choice'],
]);

/**
 * Why an input would not take a value that is written in a file, as the end of a sentence.
 * @param input its declaration, in long form
 * @returns undefined where it would, or only its run can know
 */
export function whyRefused(input: JsonObject, value: Json): string | undefined {
  const { type } = input;
  if (value === null || hasExpression(value)) return undefined;
  if (typeof type !== 'string' || !judged.has(type)) return undefined;
  const spec = { ...input, type: typeOfInput(type) } as unknown as InputSpec;
  const read = readInput(spec, value, []);
  return 'wrong' in read ? read.wrong : undefined;
}

function hasExpression(value: Json): boolean {
  if (value === null || typeof value !== 'object') return false;
  return isLong(value) || Object.values(value).some((each: Json) => hasExpression(each));
}
