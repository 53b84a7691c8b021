import type { Expression } from '../../../../language/expression/ast.js';
import { parse } from '../../../../language/expression/parse.js';

/** The expression of a text that is one; it is not checked. */
export function read(source: string): Expression {
  const parsed = parse(source);
  if ('problem' in parsed) throw new Error(`${source}: ${parsed.problem.message}`);
  return parsed.expression;
}
