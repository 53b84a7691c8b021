import { partsOf, type Tree } from './ast.js';

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
  const found: (string | number)[][] = [];
  visit(tree, new Set());
  return found;

  function visit(part: Tree, variables: ReadonlySet<string | number>): void {
    const chain = chainOf(part);
    if (chain) {
      if (!variables.has(chain[0] ?? '')) found.push(chain);
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

/** The keys of a plain name; null when the part of an expression is anything else. */
function chainOf(part: Tree): (string | number)[] | null {
  if (part.is === 'name') return [part.name];
  if ((part.is !== 'field' && part.is !== 'index') || part.optional) return null;
  const key = part.is === 'field' ? part.name : literalKey(part.by);
  const around = key === null ? null : chainOf(part.of);
  return around && key !== null ? [...around, key] : null;
}

function literalKey(by: Tree): string | number | null {
  if (by.is !== 'literal') return null;
  if (by.type === 'text') return by.value;
  return by.type === 'integer' ? Number(by.value) : null;
}
