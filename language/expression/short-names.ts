import { type Expression, partsOf, type Tree } from './ast.js';

/** Names that say nothing without what they belong to: what every step or answer has. */
const general: ReadonlySet<string> = new Set([
  ...['ok', 'failed', 'state', 'error', 'case', 'items', 'last', 'type', 'name', 'value', 'known'],
  ...['exitCode', 'stdout', 'stderr', 'json', 'lines', 'table', 'pairs', 'status', 'text'],
  ...['rows', 'row', 'count', 'headers', 'id'],
]);

/** What to call the values that an expression names: the end of each path that tells them apart. */
export function shortNames({ ast }: Expression): ReadonlyMap<Tree, string> {
  const paths = new Map<Tree, readonly string[]>();
  collect(ast, paths);
  const names = new Map<Tree, string>();
  const owners = new Map<string, Set<string>>();
  for (const [tree, path] of paths) {
    const name = shortName(path);
    names.set(tree, name);
    owners.set(name, (owners.get(name) ?? new Set()).add(path.join('.')));
  }
  for (const [tree, path] of paths) {
    const name = names.get(tree) ?? '';
    if ((owners.get(name)?.size ?? 0) > 1) names.set(tree, path.join('.'));
  }
  return names;
}

function collect(tree: Tree, paths: Map<Tree, readonly string[]>): void {
  const path = pathOf(tree);
  if (path) paths.set(tree, path);
  else for (const part of partsOf(tree)) collect(part, paths);
}

function pathOf(tree: Tree): readonly string[] | undefined {
  if (tree.is === 'name') return [tree.name];
  if (tree.is !== 'field' || tree.optional) return undefined;
  const of = pathOf(tree.of);
  return of && [...of, tree.name];
}

function shortName(path: readonly string[]): string {
  let from = path.length - 1;
  while (from > 0 && general.has(path[from] ?? '')) from -= 1;
  return path.slice(from).join('.');
}
