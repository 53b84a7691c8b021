import { textIn } from '../expand/draft.js';
import { caseGroup, madeIn } from '../spec/made-ids.js';
import type { SpotRule } from './rule.js';
import { listOf, type Spot } from './spots.js';

const lists = ['steps', 'parallel', 'verify', 'prerequisites'] as const;

/** No step is called as one that is made beside it, and no two cases are one in paths. */
export const madeIds: SpotRule = (spot, context) => {
  const { data } = spot;
  const { places } = context;
  for (const key of lists) {
    const made = madeIn(data, key, roleOf(spot));
    for (const step of made.length > 0 ? listOf(data, key) : []) {
      const id = textIn(step, 'id');
      const taken = id === '' ? undefined : made.find((each) => each.id === id);
      if (taken)
        context.report(places.of(step, 'id'), {
          rule: 'reserved-name',
          message: `"${id}" is what ${taken.what} is called`,
          hint: `call the step otherwise, for example ${taken.instead}`,
        });
    }
  }
  const seen = new Map<string, string>();
  for (const each of listOf(data, 'branch')) {
    const name = textIn(each, 'case');
    const group = caseGroup(name);
    const other = seen.get(group);
    if (other !== undefined && other !== name)
      context.report(places.of(each, 'case'), {
        rule: 'duplicate-id',
        message: `cases ${other} and ${name} are both ${group} in paths`,
        hint: 'call one of them otherwise',
      });
    seen.set(group, name);
  }
};

function roleOf({ role }: Spot): 'document' | 'case' | 'other' {
  return role === 'document' || role === 'case' ? role : 'other';
}
