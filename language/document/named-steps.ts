import type { Json, JsonObject } from '../json.js';
import { isObject } from '../objects.js';
import { below, namesOf } from '../paths.js';
import { expand } from './expand/document.js';
import { textIn } from './expand/draft.js';
import type { Library } from './library.js';
import { prerequisiteAt, sections } from './spec/made-ids.js';
import type { Written } from './read.js';

/** A step, a group or a case, by the path that its author knows. */
export interface NamedStep {
  /** An asterisk stands for the item of a `forEach`. */
  path: string;
  /** As in long form; `case` for a case of a branch. */
  kind: string;
  /** It has an approval. */
  isGate: boolean;
  /** It is done only when a condition holds. */
  isConditional: boolean;
}

/** Nested runbooks are followed so deep. */
const deepest = 8;

/** A path as it is compared: cases have hyphens, where the engine has none. */
export function comparable(path: string): string {
  return path.replaceAll('-', '_');
}

/** Whether the path is that of the step, with or without the items of its loops. */
export function isNamed(path: string, step: NamedStep): boolean {
  const given = namesOf(comparable(path));
  const own = namesOf(comparable(step.path));
  const fits = (names: string[]): boolean =>
    names.length === given.length && names.every((name, at) => name === '*' || name === given[at]);
  return fits(own) || fits(own.filter((name) => name !== '*'));
}

/** Everything in a runbook that has a path, nested runbooks included. */
export function namedSteps(written: Written, library: Library): NamedStep[] {
  return stepsOf(expand(written, library).data, '', library, 0);
}

function stepsOf(long: JsonObject, prefix: string, library: Library, depth: number): NamedStep[] {
  const section = (id: string, steps: Json | undefined): NamedStep[] => {
    const path = `${prefix}${id}`;
    const inner = listed(steps, below(path), library, depth);
    const group = { path, kind: 'steps', isGate: false, isConditional: false };
    return inner.length > 0 ? [group, ...inner] : [];
  };
  return [
    ...section(sections.prerequisites, prerequisites(long['prerequisites'])),
    ...listed(long['steps'], prefix, library, depth),
    ...section(sections.verify, long['verify']),
  ];
}

/** They need no ids: the engine counts them. */
function prerequisites(list: Json | undefined): Json[] {
  const looked = Array.isArray(list) ? list.filter((each) => isObject(each)) : [];
  return looked.map((each, at) => ({ id: prerequisiteAt(at), ...each }));
}

function listed(
  list: Json | undefined,
  prefix: string,
  library: Library,
  depth: number,
): NamedStep[] {
  if (!Array.isArray(list)) return [];
  return list.flatMap((step) => (isObject(step) ? named(step, prefix, library, depth) : []));
}

function named(step: JsonObject, prefix: string, library: Library, depth: number): NamedStep[] {
  const path = `${prefix}${textIn(step, 'id')}`;
  const kind = textIn(step, 'kind');
  const inner = kind === 'forEach' ? `${below(path)}${below('*')}` : below(path);
  return [
    {
      ...{ path, kind, isGate: Object.hasOwn(step, 'approval') },
      isConditional: Object.hasOwn(step, 'when'),
    },
    ...listed(step['steps'], inner, library, depth),
    ...listed(step['parallel'], inner, library, depth),
    ...casesIn(step).flatMap((each) => ofCase(each, below(path), library, depth)),
    ...nested(step, below(path), library, depth),
  ];
}

function ofCase(each: JsonObject, prefix: string, library: Library, depth: number): NamedStep[] {
  const path = `${prefix}${textIn(each, 'case')}`;
  return [
    { path, kind: 'case', isGate: false, isConditional: false },
    ...listed(each['steps'], below(path), library, depth),
    ...casesIn(each).flatMap((inner) => ofCase(inner, below(path), library, depth)),
  ];
}

function casesIn({ branch }: JsonObject): JsonObject[] {
  return Array.isArray(branch) ? branch.filter((each) => isObject(each)) : [];
}

function nested(
  { runbook }: JsonObject,
  prefix: string,
  library: Library,
  depth: number,
): NamedStep[] {
  const found =
    typeof runbook === 'string' && depth < deepest ? library.runbook(runbook) : undefined;
  return found ? stepsOf(expand(found, library).data, prefix, library, depth + 1) : [];
}
