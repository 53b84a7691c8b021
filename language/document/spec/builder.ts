import type { Condition } from '../../condition.js';
import { durationMs } from '../../duration.js';
import type { Expression } from '../../expression/ast.js';
import { chainsIn, readsClock } from '../../expression/names.js';
import { isList, isObject } from '../../expression/types.js';
import { nameOf } from '../../expression/write.js';
import type { Json, JsonObject } from '../../json.js';
import { runNames } from '../../run-facts.js';
import { conditionOf, ExpressionProblem } from '../../read-expression.js';
import { limitFault } from '../../work.js';
import type { Place, Places } from '../place.js';
import { problemAt, type Problem } from '../problem.js';
import type { Trees } from '../trees.js';
import { isExpression, textOf } from './fields.js';

/** Reads values of the long form, and keeps what the engine does not do yet. */
export class Builder {
  readonly problems: Problem[] = [];
  /** Expressions that may read the time. */
  private readonly timed = new WeakSet<object>();

  constructor(
    protected readonly places: Places,
    protected readonly trees: Trees,
  ) {}

  /** Milliseconds; an expression in the place of a duration is not done yet. */
  protected duration(from: JsonObject, key: string): number | undefined {
    const value = from[key];
    if (value === undefined) return undefined;
    if (typeof value !== 'string') this.notYet(from, key, `an expression in \`${key}\``);
    return durationMs(textOf(value));
  }

  /** Milliseconds of what must be some time, and not too long a one. */
  protected limit(from: JsonObject, key: string): number | undefined {
    const ms = this.duration(from, key);
    const fault = ms === undefined ? undefined : limitFault(ms);
    if (fault !== undefined) this.mistake(from, key, `${textOf(from[key])} ${fault}`);
    return ms;
  }

  protected expression(from: JsonObject, key: string): Expression | undefined {
    const value = from[key];
    if (!isExpression(value)) return undefined;
    try {
      return this.read(value, this.places.of(from, key));
    } catch (error) {
      if (!(error instanceof ExpressionProblem)) throw error;
      this.problems.push(this.at(from, key, error.message, 'expression-syntax'));
      return undefined;
    }
  }

  /**
   * The expression of a `{ $: … }`, all of whose names have values.
   * @throws ExpressionProblem
   */
  protected read(long: { $: string }, place: Place): Expression {
    const expression = this.trees.of(long);
    const notYet = (what: string): void => {
      const message = `the engine does not do this yet: ${what}`;
      this.problems.push(problemAt(place, { rule: 'not-yet', message, severity: 'note' }));
    };
    for (const [root, name] of chainsIn(expression.ast))
      if (root === 'run' && name !== undefined && !runNames.includes(String(name)))
        notYet(`\`run.${name}\` in an expression`);
    if (!this.timed.has(long) && readsClock(expression.ast))
      notYet('the time here: only the `when` and the fields of an action or a `wait` may read it');
    return expression;
  }

  /** Lets every expression in a value read the time. */
  protected timing(value: Json | undefined): void {
    if (value === undefined || value === null || typeof value !== 'object') return;
    if (isExpression(value)) this.timed.add(value);
    else for (const inner of Object.values(value)) this.timing(inner);
  }

  /** A value in which targets are there by their names: the engine looks the facts up itself. */
  protected byName<T extends Json>(value: T): T {
    if (Array.isArray(value)) return value.map((each) => this.byName(each)) as unknown as T;
    if (!isExpression(value)) return value;
    const type = this.trees.typeOf(value);
    const item = isList(type) ? type.list : type;
    if (!isObject(item) || !item.target) return value;
    return nameOf(this.trees.of(value), isList(type)) as unknown as T;
  }

  /** A condition on what the step answers. */
  protected condition(from: JsonObject, key: string): Condition | undefined {
    this.timing(from[key]);
    const expression = this.expression(from, key);
    return expression && conditionOf(expression);
  }

  /** Notes what is wrong with a field. */
  mistake(from: object, key: string, message: string): void {
    this.problems.push(this.at(from, key, message, 'use'));
  }

  protected notYet(from: object, key: string, what: string): void {
    this.problems.push(this.at(from, key, `the engine does not do this yet: ${what}`));
  }

  protected at(from: object, key: string, message: string, rule = 'not-yet'): Problem {
    const severity = rule === 'not-yet' ? ('note' as const) : ('error' as const);
    return problemAt(this.places.nameOf(from, key), { rule, message, severity });
  }
}
