import { isObject as isRecord } from '../../expression/types.js';
import { field, isObject } from '../../objects.js';
import type { SpotRule } from './rule.js';
import { namesOf, typeOf } from './scope.js';

/** `runsOn` names a target, and a fact of its kind says on which host that is. */
export const hosts: SpotRule = ({ data, scope }, context) => {
  const runsOn = field(data, 'runsOn');
  if (!isObject(runsOn)) return;
  const type = typeOf(runsOn, namesOf(scope));
  if (type === 'dyn') return;
  const place = context.places.of(data, 'runsOn');
  if (!isRecord(type) || !type.target) {
    context.report(place, {
      rule: 'runs-on',
      message: 'runsOn names a target: the step runs on the host of it',
      hint: 'write the name of an input of type target',
    });
    return;
  }
  if (type.isOpen) return;
  const kinds = type.target.join(' or ');
  const lacks = !Object.hasOwn(type.fields, 'host');
  if (!lacks && type.fields['host'] === 'text' && !type.mayLack?.includes('host')) return;
  context.report(place, {
    rule: 'runs-on',
    message:
      `a target of kind ${kinds} ` +
      `${lacks ? 'has no fact host' : 'does not always say its host in words'}`,
    hint: `declare the fact of ${kinds} in kinds.yaml: facts: { host: text }`,
  });
};
