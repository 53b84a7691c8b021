import { isList, isMapOf, isObject as isRecord, type Type } from '../../expression/types.js';
import { field } from '../../objects.js';
import { textIn } from '../expand/draft.js';
import { nameOf } from './kinds.js';
import type { SpotRule } from './rule.js';
import { itemsOf } from './spots.js';

/** Names that expressions have already. */
const taken = ['inputs', 'steps', 'item', 'target', 'run', 'now', 'out', 'answer'];

/** Loops name their items, and look behind each only where they go one at a time. */
export const loops: SpotRule = (spot, context) => {
  const { data, scope } = spot;
  if (!Object.hasOwn(data, 'forEach')) return;
  const { places } = context;
  const items = field(data, 'forEach');
  if (typeof items === 'string')
    context.report(places.of(data, 'forEach'), {
      rule: 'loop-items',
      message: `${nameOf(spot)} needs a list, and "${items}" is a text`,
      hint: `write [${items}], or \${${items}} where an expression is meant`,
    });
  const as = textIn(data, 'as');
  if (taken.includes(as))
    context.report(places.of(data, 'as'), {
      rule: 'reserved-name',
      message: `"${as}" is a name that expressions have already`,
      hint: 'call the item otherwise',
    });
  const concurrency = field(data, 'concurrency');
  if (Object.hasOwn(data, 'stopWhen') && typeof concurrency === 'number' && concurrency > 1)
    context.report(places.of(data, 'concurrency'), {
      rule: 'stop-when',
      message: `${nameOf(spot)} looks behind each item whether it is enough: they go one at a time`,
      hint: 'write concurrency: 1, or take the line out',
    });
  if (Object.hasOwn(data, 'key')) return;
  const { item } = itemsOf(data, scope);
  if (item === undefined || item === 'dyn' || !isNoText(item)) return;
  context.report(places.nameOf(data, 'forEach'), {
    rule: 'loop-key',
    message: `nothing says what an item of ${nameOf(spot)} is called in paths`,
    hint: 'write key: with an expression of the item that is a text, and differs',
  });

  /** A target goes by its name. */
  function isNoText(type: Type): boolean {
    if (isRecord(type)) return !type.target;
    return isList(type) || isMapOf(type) || type === 'boolean' || type === 'null';
  }
};
