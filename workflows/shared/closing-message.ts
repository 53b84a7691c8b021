import type { JsonObject } from '../../language/json.js';
import type { NotifyAction } from '../../language/kinds/notify.js';

/** Tells people how a run went. @param target as its input names it; absent: the report alone */
export function closingMessage(
  target: string | undefined,
  text: string,
  fields: JsonObject,
): NotifyAction {
  return { kind: 'notify', ...(target === undefined ? {} : { target }), text, fields };
}
