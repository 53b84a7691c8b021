import type { Expression, ReadAs } from '../../expression/ast.js';
import { readAsOf } from '../../expression/check.js';
import { Hidden, inlined, type Meaning } from '../../expression/inline.js';
import type { Type } from '../../expression/types.js';
import { joined, listOf, literal, mapOf, readingAs } from '../../expression/write.js';
import type { Json, JsonObject } from '../../json.js';
import { field, isObject } from '../../objects.js';
import { textIn } from '../expand/draft.js';
import { isLong } from '../expand/values.js';
import type { Places } from '../place.js';
import type { Types } from '../rules/types.js';
import type { Trees } from '../trees.js';

/*
 * Puts a named action in the place of the step that uses it: what is left says what it does itself.
 * To the step, `out` is what the action answers; the action sees the inputs that it is given.
 */

type Meanings = Readonly<Record<string, Meaning>>;

/** What the names in an action stand for. */
interface Given {
  meanings: Meanings;
  /** Inputs as they are given: a value that is nothing but an input is what is given for it. */
  inputs: Readonly<Record<string, Json>>;
}

/** Fields of an action that are no fields of the step which uses it. */
const ownOfAction = new Set(['title', 'note', 'inputs', 'targetKind', 'expect', 'outputs', 'undo']);
/** Fields of the step that the action has its own say in. */
const ofUse = new Set(['kind', 'use', 'with', 'action', 'expect', 'outputs', 'undo', 'verify']);
/** Fields that see what the step itself answers. */
const seesOut = ['expect', 'outputs', 'until', 'failWhen', 'inconclusiveWhen'];
/** Fields that hold what acts. */
const holding = ['steps', 'parallel', 'branch', 'prerequisites', 'undo', 'verify'];
const polling = ['until', 'failWhen', 'inconclusiveWhen', 'every', 'for', 'consecutive'];
/** What an undo or a verification takes from its step. */
const where = ['target', 'runsOn', 'credentials', 'env'];

/** Inlines the actions of one document. */
export class ActionInliner {
  /** @param tell told of what cannot be inlined, at the field of the step */
  constructor(
    private readonly places: Places,
    private readonly trees: Trees,
    private readonly types: Types,
    private readonly tell: (from: object, key: string, message: string) => void,
  ) {}

  /** Steps, or what holds some, without any `use`. */
  inside<T extends Json>(value: T): T {
    if (Array.isArray(value)) {
      const items = value.map((each) => this.inside(each));
      return (items.every((each, at) => each === value[at])
        ? value
        : this.places.copy(value, items)) as unknown as T;
    }
    if (!isObject(value)) return value;
    return (isObject(field(value, 'action')) ? this.used(value) : this.fields(value)) as T;
  }

  private fields(value: JsonObject): JsonObject {
    const target = field(value, 'target');
    const given = target === undefined ? null : { meanings: { target: this.expressionOf(target) } };
    const made = Object.entries(value).map(([key, each]): [string, Json] => {
      if (holding.includes(key)) return [key, this.inside(each)];
      return [key, given ? this.written(each, { ...given, inputs: {} }, true) : each];
    });
    return this.places.copy(value, Object.fromEntries(made));
  }

  /** A step, an undo or a verification with the action in its place. */
  private used(step: JsonObject): JsonObject {
    const action = step['action'] as JsonObject;
    try {
      return this.inPlace(step, action, this.given(step, action));
    } catch (error) {
      if (!(error instanceof Hidden)) throw error;
      this.tell(
        step,
        'use',
        `the action ${textIn(step, 'use')} has a variable ${error.variable}, which is a ` +
          'name here too: call it otherwise',
      );
      return step;
    }
  }

  private inPlace(step: JsonObject, action: JsonObject, given: Given): JsonObject {
    const { places } = this;
    const made: JsonObject = places.copy(step, {});
    const put = (from: JsonObject, key: string, value: Json): void => {
      made[key] = value;
      places.set(made, key, places.of(from, key), places.nameOf(from, key));
    };
    const answer = this.answerOf(action, given);
    const own: Given = { meanings: answer ? { out: { fields: answer } } : {}, inputs: {} };
    const isPoll = Object.hasOwn(step, 'until');
    for (const [key, value] of Object.entries(action)) {
      if (ownOfAction.has(key) || (isPoll && polling.includes(key))) continue;
      put(action, key, this.written(value, given, seesOut.includes(key)));
    }
    for (const [key, value] of Object.entries(step)) {
      if (ofUse.has(key)) continue;
      put(step, key, seesOut.includes(key) ? this.written(value, own, true) : value);
    }
    const expect = [...this.listOf(action, 'expect', given), ...this.listOf(step, 'expect', own)];
    if (expect.length > 0) put(Object.hasOwn(step, 'expect') ? step : action, 'expect', expect);
    const outputs = Object.hasOwn(step, 'outputs') ? step : action;
    const declared = field(outputs, 'outputs');
    if (declared !== undefined)
      put(outputs, 'outputs', this.written(declared, outputs === step ? own : given, true));
    const undo = this.undoOf(step, action, { own, given });
    if (undo) put(Object.hasOwn(step, 'undo') ? step : action, 'undo', undo);
    const verify = field(step, 'verify');
    if (verify !== undefined) put(step, 'verify', this.inside(verify));
    return made;
  }

  private undoOf(
    step: JsonObject,
    action: JsonObject,
    { own, given }: { own: Given; given: Given },
  ): Json | undefined {
    const stated = field(step, 'undo');
    if (stated !== undefined) return this.inside(this.written(stated, own, false));
    const undo = field(action, 'undo');
    if (!isObject(undo)) return undo;
    const written = this.inside(this.written(undo, given, false)) as JsonObject;
    if (!Object.hasOwn(written, 'kind')) return written;
    const taken = where.filter((key) => Object.hasOwn(step, key) && !Object.hasOwn(written, key));
    return this.places.copy(written, {
      ...written,
      ...Object.fromEntries(taken.map((key) => [key, step[key] ?? null])),
    });
  }

  private listOf(from: JsonObject, key: string, given: Given): Json[] {
    const list = this.written(field(from, key) ?? [], given, true);
    return Array.isArray(list) ? list : [];
  }

  /** What `out` is to the step: the outputs of the action; null when it declares none. */
  private answerOf(action: JsonObject, { meanings }: Given): Record<string, Expression> | null {
    const outputs = field(action, 'outputs');
    if (!isObject(outputs)) return null;
    return Object.fromEntries(
      Object.entries(outputs).flatMap(([name, each]) => {
        const value = isObject(each) ? field(each, 'value') : undefined;
        return isExpression(value) ? [[name, inlined(this.trees.of(value), meanings)]] : [];
      }),
    );
  }

  /** What the inputs of the action stand for, in the names of the step. */
  private given(step: JsonObject, action: JsonObject): Given {
    const declared = field(action, 'inputs');
    const values = field(step, 'with');
    const fields: Record<string, Expression> = {};
    const inputs: Record<string, Json> = {};
    const target = field(step, 'target');
    const meanings: Record<string, Meaning> = { inputs: { fields } };
    if (target !== undefined) meanings['target'] = this.expressionOf(target);
    for (const [name, input] of Object.entries(isObject(declared) ? declared : {})) {
      const value = isObject(values) ? field(values, name) : undefined;
      const byDefault = isObject(input) ? field(input, 'default') : undefined;
      // A default may be made of the inputs before it.
      const given = value ?? (byDefault && this.written(byDefault, { meanings, inputs }, false));
      if (given === undefined) continue;
      inputs[name] = given;
      fields[name] = this.expressionOf(given, readAsOf(this.types.of(input)));
    }
    return { meanings, inputs };
  }

  /** A value of the long form as one expression. */
  private expressionOf(value: Json, as?: ReadAs): Expression {
    if (isExpression(value)) return readingAs(this.trees.of(value), as);
    const item = typeof as === 'object' ? as.list : undefined;
    if (Array.isArray(value)) return listOf(value.map((each) => this.expressionOf(each, item)));
    if (!isObject(value)) return literal(value, as);
    const { join } = value;
    if (Array.isArray(join))
      return readingAs(
        joined(join.map((part) => (isExpression(part) ? this.trees.of(part) : textOfPart(part)))),
        as,
      );
    return mapOf(
      Object.fromEntries(
        Object.entries(value).map(([key, each]) => [key, this.expressionOf(each)]),
      ),
    );
  }

  /**
   * A value of the long form with what its names stand for.
   * @param isBare it is, or holds, expressions that stay some
   */
  private written(value: Json, given: Given, isBare: boolean): Json {
    if (isExpression(value)) return this.named(value, given, isBare);
    if (Array.isArray(value)) {
      const items: Json[] = value.map((each) => this.written(each, given, isBare));
      return this.places.copy(value, items);
    }
    if (!isObject(value)) return value;
    const { join } = value;
    if (isLong(value) && Array.isArray(join)) return this.text(value, join, given);
    const entries = Object.entries(value).map(([key, each]) => [
      key,
      this.written(each, given, isBare || seesOut.includes(key) || key === 'when'),
    ]);
    return this.places.copy(value, Object.fromEntries(entries) as JsonObject);
  }

  private named(
    value: JsonObject & { $: string },
    { meanings, inputs }: Given,
    isBare: boolean,
  ): Json {
    const expression = this.trees.of(value);
    const { ast } = expression;
    const isInput =
      ast.is === 'field' && !ast.optional && ast.of.is === 'name' && ast.of.name === 'inputs';
    if (isInput && !isBare && Object.hasOwn(inputs, ast.name)) return inputs[ast.name] ?? null;
    const made = inlined(expression, meanings);
    return made === expression ? value : this.kept(value, made, this.trees.typeOf(value));
  }

  /** Text with expressions: what is given as text becomes part of it. */
  private text(value: JsonObject, join: readonly Json[], given: Given): Json {
    const parts: Json[] = [];
    for (const part of join) {
      const made = isExpression(part) ? this.named(part, given, false) : part;
      const inner = isObject(made) && Array.isArray(made['join']) ? made['join'] : [made];
      for (const each of inner) {
        const last = parts.at(-1);
        if (isObject(each) || Array.isArray(each)) parts.push(this.oneOf(each));
        else if (typeof last === 'string') parts[parts.length - 1] = last + textOfPart(each);
        else parts.push(textOfPart(each));
      }
    }
    const [only] = parts;
    if (parts.length === 1 && typeof only === 'string') return only;
    const made: JsonObject = { join: parts };
    return this.places.copy(value, made);
  }

  /** A list or an object in a text: the run tells that it is none. */
  private oneOf(value: JsonObject | Json[]): Json {
    return isExpression(value) ? value : this.kept({}, this.expressionOf(value));
  }

  private kept(from: object, expression: Expression, type?: Type): JsonObject {
    const made = this.places.copy(from, { $: expression.$ });
    this.trees.set(made, expression, type);
    return made;
  }
}

function isExpression(value: Json | undefined): value is JsonObject & { $: string } {
  return isObject(value) && isLong(value) && typeof value['$'] === 'string';
}

function textOfPart(part: Json): string {
  return typeof part === 'string' ? part : JSON.stringify(part);
}
