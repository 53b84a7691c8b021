import type { JsonObject } from '../../json.js';
import { isObject } from '../../objects.js';
import { textIn } from '../expand/draft.js';
import { listOf } from './spots.js';

/*
 * A step that an expression names and cannot see: where it stands, and what to write instead.
 */

/** What people are told of it. */
interface Unseen {
  message: string;
  hint: string;
}

/** From the top of the document to a step: groups, cases, and the step itself. */
type Way = readonly JsonObject[];

const lists = ['steps', 'parallel', 'branch', 'prerequisites', 'verify'];

/**
 * @param id of the step that is named
 * @param from the step, or the case, whose expression names it
 * @param seen ids that the expression may name
 * @returns undefined when there is no such step
 */
export function unseenStep(
  id: string,
  from: JsonObject,
  document: JsonObject,
  seen: readonly string[],
): Unseen | undefined {
  const way = wayTo(document, (each) => textIn(each, 'id') === id);
  const step = way?.at(-1);
  if (!way || !step) return undefined;
  if (step === from)
    return {
      message: `step "${id}" is this one, and its answer is not known yet`,
      hint: 'what it answers is out: in expect, outputs, until, failWhen and inconclusiveWhen',
    };
  const own = wayTo(document, (each) => each === from) ?? [];
  const common = way.findIndex((each, at) => each !== own[at]);
  const [first, ...inside] = way.slice(common === -1 ? way.length - 1 : common);
  const group = textIn(first ?? {}, 'id');
  if (inside.length > 0 && group === '')
    return {
      message: `step "${id}" is in another case, ${textIn(first ?? {}, 'case')}`,
      hint: 'only one case is done: what another needs stands before the branch',
    };
  if (inside.length > 0 && seen.includes(group))
    return { message: `step "${id}" is inside ${group}`, hint: nameOf([first ?? {}, ...inside]) };
  return {
    message: `step "${id}" does not come before this one`,
    hint: 'a step sees the steps before it; the branches of a parallel do not see each other',
  };
}

/** What a branch answers is what the case taken has answered; a loop has the answers of each. */
function nameOf(way: Way): string {
  const names = way.map((each) => textIn(each, 'id')).filter((id) => id !== '');
  const loop = way.find((each) => Object.hasOwn(each, 'forEach'));
  if (!loop) return `write ${['steps', ...names].join('.')}`;
  const at = names.indexOf(textIn(loop, 'id')) + 1;
  const [group, inside] = [['steps', ...names.slice(0, at)], names.slice(at)];
  const last = [...group, 'last', ...inside].join('.');
  return `write ${last} for the last item; ${[...group, 'items'].join('.')} has all`;
}

function wayTo(from: JsonObject, isIt: (each: JsonObject) => boolean): Way | undefined {
  for (const key of lists)
    for (const each of listOf(from, key)) {
      if (!isObject(each)) continue;
      if (isIt(each)) return [each];
      const deeper = wayTo(each, isIt);
      if (deeper) return [each, ...deeper];
    }
  return undefined;
}
