import { isTargets, partsOf, type Tree } from './expression/ast.js';
import { targetTable } from './expression/names.js';
import type { JsonObject } from './json.js';
import type { DescribedTarget } from './plan.js';

/*
 * Facts of targets in expressions. An input holds the name of a target; where an expression reads
 * it as a target, the facts are looked up in the plan.
 */

/** What a scope has beside its inputs: the facts of the targets of the plan, by their names. */
export function targetsIn({ targets }: { targets: readonly DescribedTarget[] }): JsonObject {
  return {
    [targetTable]: Object.fromEntries(targets.map((target) => [target.name, factsOf(target)])),
  };
}

function factsOf(target: DescribedTarget): JsonObject {
  const { name, environment, isolated, addresses, named = [], facts } = target;
  const main = addresses.length > named.length ? ['main'] : [];
  return { ...facts, name, environment, isolated, addresses: [...main, ...named] };
}

/** The names of all facts in the value that are read as targets themselves. */
export function targetFactsIn(value: unknown): Set<string> {
  const found = new Set<string>();
  visit(value);
  return found;

  function visit(each: unknown): void {
    if (each === null || typeof each !== 'object') return;
    if (Array.isArray(each)) return each.forEach(visit);
    const { ast, ...others } = each as { ast?: Tree };
    if (ast && typeof ast === 'object') inTree(ast);
    Object.values(others).forEach(visit);
  }

  function inTree(tree: Tree): void {
    if (tree.is === 'field' && isTargets(tree.as)) found.add(tree.name);
    for (const part of partsOf(tree)) inTree(part);
  }
}
