import { isObject as isRecord } from '../../expression/types.js';
import { field, isObject } from '../../objects.js';
import { oneOrMoreIn, textIn } from '../expand/draft.js';
import { head } from '../shape.js';
import type { SpotRule } from './rule.js';
import { namesOf, typeOf, type Scope } from './scope.js';

/** A named action gets a target of a kind that it is made for. */
export const targetKinds: SpotRule = ({ data, scope }, context) => {
  const action = field(data, 'action');
  const needed = isObject(action) ? oneOrMoreIn(action, 'targetKind') : [];
  if (needed.length === 0) return;
  const what = `action ${textIn(data, 'use')} needs a target of kind ${needed.join(' or ')}`;
  const fitting = inputsOfKind(needed, scope);
  const hint =
    fitting.length > 0
      ? `write target: ${fitting.join(' or ')}`
      : `declare an input: { type: target, kind: ${needed[0]}, description: … }`;
  const target = field(data, 'target');
  if (target === undefined) {
    context.report(head(data, context.places), { rule: 'target-missing', message: what, hint });
    return;
  }
  const type = typeOf(target, namesOf(scope));
  if (!isRecord(type) || !type.target || type.target.some((kind) => needed.includes(kind))) return;
  context.report(context.places.of(data, 'target'), {
    rule: 'target-kind',
    message: `${what}, and this one is of kind ${type.target.join(' or ')}`,
    hint,
  });
};

/** Names of the inputs that are targets of these kinds alone. */
function inputsOfKind(kinds: readonly string[], { inputs }: Scope): string[] {
  if (!isRecord(inputs)) return [];
  return Object.entries(inputs.fields)
    .filter(([, type]) => isRecord(type) && type.target?.every((kind) => kinds.includes(kind)))
    .map(([name]) => name);
}
