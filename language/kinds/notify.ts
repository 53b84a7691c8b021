import type { JsonObject } from '../json.js';
import type { ActionRules } from './rules.js';
import { shown } from './words.js';

/**
 * A message to people, sent to a target of kind `webhook`; without a target it is kept in the
 * report only.
 */
export interface NotifyAction {
  kind: 'notify';
  target?: string;
  text: string;
  fields?: JsonObject;
}

export const notify: ActionRules<NotifyAction> = {
  doneBy: 'activity',
  changesNothing: true,
  // A message that is sent again is a second message.
  isRepeatable: () => false,
  describe: ({ target, text }) =>
    `tell ${target === undefined ? 'the report' : shown(target)}: ${shown(text)}`,
};
