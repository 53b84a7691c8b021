import type { Expression } from '../expression/ast.js';
import type { Type } from '../expression/types.js';
import type { JsonObject } from '../json.js';
import { field, isObject } from '../objects.js';
import { readExpression } from '../read-expression.js';
import type { Library } from './library.js';
import type { Places } from './place.js';
import { names } from './rules/names.js';
import { spotsOf } from './rules/spots.js';
import { Types } from './rules/types.js';

/**
 * The expressions of a document, by the objects of its long form that hold them. What was checked
 * says where a value is read as something that JSON has not.
 */
export class Trees {
  readonly #checked = new WeakMap<object, { expression: Expression; type: Type }>();

  set(of: object, expression: Expression, type: Type = 'dyn'): void {
    this.#checked.set(of, { expression, type });
  }

  /** What the value of an expression is. */
  typeOf(long: { $: string }): Type {
    return this.#checked.get(long)?.type ?? 'dyn';
  }

  /**
   * The expression of a `{ $: … }`: as it was checked, else as it reads.
   * @throws ExpressionProblem
   */
  of(long: { $: string }): Expression {
    return this.#checked.get(long)?.expression ?? readExpression(long.$);
  }
}

/** Checks every expression of a runbook in long form, and of the actions that it uses. */
export function treesOf(document: JsonObject, places: Places, library: Library): Trees {
  const types = new Types(library);
  const trees = new Trees();
  const seen = new Set<object>();
  const read = (long: JsonObject): void => {
    if (seen.has(long)) return;
    seen.add(long);
    const spots = spotsOf(long, library, types);
    const context = {
      ...({ sort: 'runbook', long, places, library, types, spots } as const),
      // Linting tells what is wrong.
      report: () => undefined,
      checked: (of: object, expression: Expression, type: Type) => trees.set(of, expression, type),
    };
    for (const spot of spots) {
      names(spot, context);
      const action = field(spot.data, 'action');
      if (isObject(action)) read(action);
    }
  };
  read(document);
  return trees;
}
