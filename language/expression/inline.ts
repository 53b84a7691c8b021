import { type Expression, partsOf, type Range, type Tree, withParts } from './ast.js';
import { mapOf, readingAs, Writer } from './write.js';
import { field } from '../objects.js';

/** What stands for a name: one expression, or one for each of its fields. */
export type Meaning = Expression | { fields: Readonly<Record<string, Expression>> };

/** A variable of a macro hides a name that what is put below it reads. */
export class Hidden extends Error {
  constructor(readonly variable: string) {
    super(`the name ${variable} means something else there`);
  }
}

/**
 * Puts expressions in the place of names, as if they were written there. Each part knows its place
 * in the new text.
 * @param meanings by name; a field that is not among the fields of a name is absent
 * @throws Hidden
 */
export function inlined(
  expression: Expression,
  meanings: Readonly<Record<string, Meaning>>,
): Expression {
  const found = [...placesIn(expression.ast, meanings)].sort(([a], [b]) => a.at[0] - b.at[0]);
  if (found.length === 0) return expression;
  const writer = new Writer();
  const put = new Map<Tree, Tree>();
  /** How far what stands behind each old offset has moved. */
  const moves: { from: number; by: number }[] = [];
  let done = 0;
  for (const [part, made] of found) {
    writer.text(expression.$.slice(done, part.at[0]));
    put.set(part, writer.put(made));
    done = part.at[1];
    moves.push({ from: done, by: writer.length - done });
  }
  writer.text(expression.$.slice(done));
  const moved = (at: number): number => at + (moves.findLast(({ from }) => from <= at)?.by ?? 0);
  const move = ([start, end]: Range): Range => [moved(start), moved(end)];
  const copy = (part: Tree): Tree =>
    put.get(part) ?? { ...withParts(part, copy), at: move(part.at) };
  return writer.made(copy(expression.ast));
}

/** The parts that are names with a meaning, with what they mean. */
function placesIn(
  tree: Tree,
  meanings: Readonly<Record<string, Meaning>>,
): ReadonlyMap<Tree, Expression> {
  const found = new Map<Tree, Expression>();
  visit(tree, []);
  return found;

  function visit(part: Tree, variables: readonly string[]): void {
    const made = meaningOf(part, meanings, variables);
    if (made) {
      const hidden = rootsIn(made.ast).find((root) => variables.includes(root));
      if (hidden !== undefined) throw new Hidden(hidden);
      found.set(part, made);
    } else if (part.is === 'each') {
      visit(part.of, variables);
      visit(part.body, [...variables, part.variable]);
    } else for (const inner of partsOf(part)) visit(inner, variables);
  }
}

function meaningOf(
  part: Tree,
  meanings: Readonly<Record<string, Meaning>>,
  variables: readonly string[],
): Expression | undefined {
  const root = part.is === 'field' && !part.optional ? part.of : part;
  if (root.is !== 'name' || variables.includes(root.name)) return undefined;
  const meaning = field(meanings, root.name);
  if (!meaning || !('fields' in meaning)) return part === root ? meaning : undefined;
  if (part === root) return mapOf(meaning.fields);
  const own = part.is === 'field' && Object.hasOwn(meaning.fields, part.name);
  return own ? readingAs(meaning.fields[part.name] as Expression, part.as) : undefined;
}

/** The names that an expression reads, without their fields; variables of macros are none. */
function rootsIn(tree: Tree, variables: readonly string[] = []): string[] {
  if (tree.is === 'name') return variables.includes(tree.name) ? [] : [tree.name];
  if (tree.is === 'each')
    return [...rootsIn(tree.of, variables), ...rootsIn(tree.body, [...variables, tree.variable])];
  return partsOf(tree).flatMap((part) => rootsIn(part, variables));
}
