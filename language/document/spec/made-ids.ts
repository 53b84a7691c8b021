import type { JsonObject } from '../../json.js';
import { isObject } from '../../objects.js';
import type { StepSpec } from '../../runbook.js';
import { textIn } from '../expand/draft.js';
import { listIn, objectIn } from './fields.js';

/*
 * The ids of steps that no author writes: the loader makes these steps of fields. Every such id is
 * in this file. Where an author could have written one of them too, lint refuses it.
 */

const lookPrefix = 'proof_';
const gatePrefix = 'approve_';

/** The groups of a runbook's `prerequisites` and of its `verify`. */
export const sections = { prerequisites: 'prerequisites', verify: 'verify' } as const;
/** The step that takes a case, and the name of what it answers. */
export const choosing = 'case';
/** The `succeed` at the end of a case. */
export const ending = 'end';
/** What a case answers that does nothing; alone in its case. */
export const answering = 'values';

/** The id of the look whether the effect of a step is there already. */
export function proofOf(id: string): string {
  return lookPrefix + id;
}

/** The step that a look belongs to; null when the id is that of no look. */
export function provedBy(id: string): string | null {
  return id.startsWith(lookPrefix) ? id.slice(lookPrefix.length) : null;
}

/** The id of the gate before a step. */
export function gateBefore(id: string): string {
  return gatePrefix + id;
}

/** The step that a gate stands before; null when the id is that of no such gate. */
export function gatedBy(id: string): string | null {
  return id.startsWith(gatePrefix) ? id.slice(gatePrefix.length) : null;
}

/** The id of a prerequisite that has none of its own. @param at its place, from 0 */
export function prerequisiteAt(at: number): string {
  return `look_${at + 1}`;
}

/** The id of a message to one channel of several, alone in a group. @param at from 0 */
export function channelAt(at: number): string {
  return `to_${at + 1}`;
}

/** The id of the group of a case: expressions can say it, and it is not the step that chooses. */
export function caseGroup(name: string): string {
  const id = name.replaceAll('-', '_');
  return id === choosing ? `${id}_` : id;
}

/** What every look is. */
export const look = {
  effect: 'read',
  onFailure: 'capture',
  retry: { attempts: 1 },
} as const satisfies Partial<StepSpec>;

/** Whether there is a look before a step: a single one has to prove something. */
export function isLookedFor(step: JsonObject): boolean {
  const verify = objectIn(step, 'verify');
  const isLong = Object.hasOwn(verify, 'for') || Object.hasOwn(verify, 'consecutive');
  return verify['proves'] === true && Object.hasOwn(verify, 'kind') && !isLong;
}

/** Whether a step has a gate of its own before it. */
export function isGated(step: JsonObject): boolean {
  return Object.hasOwn(step, 'approval') && textIn(step, 'kind') !== 'approval';
}

/** An id that the loader gives. */
export interface Made {
  id: string;
  /** What is called so. */
  what: string;
  /** What the author may write instead. */
  instead: string;
}

/** What the loader makes in one list of a runbook, a step or a case in long form. */
export function madeIn(
  container: JsonObject,
  key: 'steps' | 'parallel' | 'verify' | 'prerequisites',
  role: 'document' | 'case' | 'other',
): Made[] {
  const steps = listIn(container, key).filter((each) => isObject(each));
  const made = steps.flatMap((step, at): Made[] => {
    const own = textIn(step, 'id');
    const isCounted = key === 'prerequisites' && own === '';
    const id = isCounted ? prerequisiteAt(at) : own;
    return [
      ...(isCounted ? [{ id, what: `prerequisite ${at + 1}`, instead: `look_at_${at + 1}` }] : []),
      ...(key !== 'parallel' && isLookedFor(step)
        ? [{ id: proofOf(id), what: `the look before step ${id}`, instead: `${id}_proof` }]
        : []),
      ...(isGated(step)
        ? [{ id: gateBefore(id), what: `the gate of step ${id}`, instead: `${id}_approval` }]
        : []),
    ];
  });
  if (key !== 'steps') return made;
  if (role === 'case' && Object.hasOwn(container, 'succeed'))
    made.push({ id: ending, what: 'the succeed of the case', instead: `${ending}_it` });
  if (role !== 'document') return made;
  if (listIn(container, 'prerequisites').some((each) => isObject(each)))
    made.push({
      id: sections.prerequisites,
      what: 'the group of the prerequisites that are looked at',
      instead: 'prepare',
    });
  if (listIn(container, 'verify').length > 0)
    made.push({
      id: sections.verify,
      what: 'the group of verify: at the end of the runbook',
      instead: `${sections.verify}_it`,
    });
  return made;
}
