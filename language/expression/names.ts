import { partsOf, type Tree } from './ast.js';

/** The facts of targets in a scope, by the names of the targets. No expression can name it. */
export const targetTable = '$targets';

/** The names that an expression reads, dotted: see `chainsIn`. */
export function namesIn(tree: Tree): string[] {
  return [...new Set(chainsIn(tree).map((chain) => chain.join('.')))];
}

/**
 * The names that an expression reads, as far as they are literal: of `steps.find.rows[0].id` the
 * keys `steps`, `find`, `rows`, `0`, `id`. What may be absent is no part of them: of `inputs.x.?y`
 * only `inputs.x` is read for certain. Variables of macros are no names.
 */
export function chainsIn(tree: Tree): (string | number)[][] {
  return partsRead(tree).map(({ keys }) => keys);
}

/** Functions that read `now`, without naming it. */
const clockFunctions: ReadonlySet<string> = new Set(['daysUntil']);

/** Whether an expression reads the time. */
export function readsClock(tree: Tree): boolean {
  if (chainsIn(tree).some(([root]) => root === 'now')) return true;
  return callsClock(tree);
}

function callsClock(tree: Tree): boolean {
  return (tree.is === 'call' && clockFunctions.has(tree.name)) || partsOf(tree).some(callsClock);
}

/** What an expression reads of its scope. */
interface Read {
  keys: (string | number)[];
  /** The parts of the expression that are the keys so far: the last is the whole. */
  parts: Tree[];
}

/** As `chainsIn`, with the parts of the expression. */
export function partsRead(tree: Tree): Read[] {
  const found: Read[] = [];
  visit(tree, new Set());
  return found;

  function visit(part: Tree, variables: ReadonlySet<string | number>): void {
    const read = readBy(part);
    if (read) {
      if (!variables.has(read.keys[0] ?? '')) found.push(read);
      return;
    }
    if (part.is === 'has') return visit(part.of, variables);
    if (part.is === 'each') {
      visit(part.of, variables);
      return visit(part.body, new Set([...variables, part.variable]));
    }
    for (const inner of partsOf(part)) visit(inner, variables);
  }
}

/** What a plain name reads; null when the part of an expression is anything else. */
function readBy(part: Tree): Read | null {
  if (part.is === 'name') return { keys: [part.name], parts: [part] };
  if ((part.is !== 'field' && part.is !== 'index') || part.optional) return null;
  const key = part.is === 'field' ? part.name : literalKey(part.by);
  const around = key === null ? null : readBy(part.of);
  if (!around || key === null) return null;
  return { keys: [...around.keys, key], parts: [...around.parts, part] };
}

function literalKey(by: Tree): string | number | null {
  if (by.is !== 'literal') return null;
  if (by.type === 'text') return by.value;
  return by.type === 'integer' ? Number(by.value) : null;
}
