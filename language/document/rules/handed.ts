import type { Type } from '../../expression/index.js';
import { isObject as isRecord } from '../../expression/types.js';
import type { Json, JsonObject } from '../../json.js';
import { field, isObject } from '../../objects.js';
import { textIn } from '../expand/draft.js';
import { isLong } from '../expand/values.js';
import { whyRefused } from './refused-value.js';
import type { SpotRule } from './rule.js';
import type { Spot } from './spots.js';
import { takerOf } from './used.js';

/*
 * What a step hands to a named action or a nested runbook as it is written, without an expression.
 */

/** Types whose values are names that may be those of inputs, too. */
const named: ReadonlySet<string> = new Set(['target', 'choice', 'runbook']);

/** It is such a value as the input takes, and no name in the place of a value. */
export const handed: SpotRule = (spot, context) => {
  const values = field(spot.data, 'with');
  const taker = takerOf(spot.data, context);
  if (!taker || !isObject(values)) return;
  for (const [name, value] of Object.entries(values)) {
    const input = taker.inputs.get(name);
    if (!isObject(input) || isLong(value)) continue;
    const place = context.places.of(values, name);
    const meant = typeof value === 'string' ? meantBy(value, spot) : undefined;
    const hint = meant && `write "\${${meant}}"`;
    const wrong = whyRefused(input, value) ?? quoted(input, value);
    if (wrong !== undefined)
      context.report(place, {
        rule: 'input-form',
        message: `input ${name} of ${taker.what} ${wrong}`,
        hint,
      });
    else if (hint !== undefined && !named.has(textIn(input, 'type')))
      context.report(place, {
        rule: 'text-or-value',
        severity: 'warning',
        message: `this is the text ${JSON.stringify(value)}, and not the value of ${meant}`,
        hint,
      });
  }
};

/** A named action gets the value as it is, and a text is no number. */
function quoted(input: JsonObject, value: Json): string | undefined {
  const type = textIn(input, 'type');
  return typeof value === 'string' && ['integer', 'number', 'boolean'].includes(type)
    ? `must be ${type === 'boolean' ? 'true or false' : 'a number'}, without quotes`
    : undefined;
}

/** The expression that a text looks like: a name of an input, or of what a step has. */
function meantBy(text: string, { scope }: Spot): string | undefined {
  const [root = '', name = '', ...more] = text.split('.');
  if (more.length === 0 && name === '' && known(scope.inputs, root)) return `inputs.${root}`;
  if (root === 'inputs' && known(scope.inputs, name)) return text;
  return root === 'steps' && Object.hasOwn(scope.steps, name) ? text : undefined;
}

function known(inputs: Type, name: string): boolean {
  return isRecord(inputs) && Object.hasOwn(inputs.fields, name);
}
