import type { JsonObject } from '../json.js';
import { actionFields, actionKeys, pollFields } from './schema/action.js';

/*
 * What a step is follows from its fields. The key that says what it does is the name of its kind.
 */

/** Actions: what workers do. */
export const actions = Object.keys(actionKeys) as readonly (keyof typeof actionKeys)[];

/** Everything else that a step can be. */
export const controls = [
  'forEach',
  'steps',
  'parallel',
  'branch',
  'runbook',
  'manual',
  'wait',
  'set',
  'succeed',
  'fail',
  'undoNow',
] as const;

export type Kind = (typeof actions)[number] | (typeof controls)[number] | 'approval';

/** The keys of an object that say what it does; one of them is right. */
export function kindsOf(step: JsonObject): Kind[] {
  const said = [...actions, ...controls].filter((key) => Object.hasOwn(step, key));
  // A loop has steps; only a step without anything else is a gate.
  const kinds = said.includes('forEach') ? said.filter((key) => key !== 'steps') : said;
  return kinds.length === 0 && Object.hasOwn(step, 'approval') ? ['approval'] : kinds;
}

/** What a step is; undefined when that cannot be said. */
export function kindOf(step: JsonObject): Kind | undefined {
  return kindsOf(step)[0];
}

export function isAction(kind: Kind | undefined): boolean {
  return (actions as readonly (string | undefined)[]).includes(kind);
}

const groups: readonly (string | undefined)[] = ['steps', 'parallel', 'forEach', 'branch'];

/** Whether steps stand inside. */
export function isGroup(kind: Kind | undefined): boolean {
  return groups.includes(kind);
}

const fieldsOfKinds: Readonly<Record<string, readonly string[]>> = {
  ...Object.fromEntries(
    Object.entries(actionFields).map(([kind, fields]) => [kind, Object.keys(fields)]),
  ),
  forEach: ['as', 'key', 'concurrency', 'maxFailures', 'stopWhen'],
  parallel: ['failFast'],
  branch: ['choose', 'by', 'evidence'],
  runbook: ['with', 'pass', 'mode'],
  manual: ['checklist', 'answers', 'attachments', 'evidence'],
};
/** Which a script and a command share. */
const alsoOfScript = Object.keys(actionFields.command);

/** The kinds that a field belongs to; empty: any. */
export function kindsWith(fieldName: string): string[] {
  const kinds = Object.keys(fieldsOfKinds).filter((kind) =>
    fieldsOfKinds[kind]?.includes(fieldName),
  );
  if (alsoOfScript.includes(fieldName)) kinds.push('script');
  if (Object.hasOwn(pollFields, fieldName)) kinds.push(...actions);
  return kinds;
}
