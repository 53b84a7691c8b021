import type { Json, JsonObject } from '../../json.js';
import { field, isObject } from '../../objects.js';
import type { ObjectType, Type } from '../../expression/index.js';
import { oneOrMoreIn, textIn, textsIn } from '../expand/draft.js';
import type { Library } from '../library.js';

/*
 * The types of what a document declares: inputs, answers, facts of targets, outputs of actions.
 */

/** What a run says of itself. */
export const runType: ObjectType = {
  called: 'field',
  fields: {
    ...{ id: 'text', short: 'text', startedAt: 'timestamp', requester: 'text', reason: 'text' },
    incident: 'text',
    window: { fields: { from: 'timestamp', to: 'timestamp' }, called: 'field' },
  },
  mayLack: ['incident', 'window'],
};

/** The types that declarations name; targets have the facts of their kinds. */
export class Types {
  readonly #targets = new Map<string, Type>();

  constructor(readonly library: Library) {}

  /** An object of declared values, such as the inputs of a runbook. */
  record(declared: JsonObject, called: ObjectType['called']): ObjectType {
    const entries = Object.entries(declared);
    return {
      ...(called && { called }),
      fields: Object.fromEntries(entries.map(([name, each]) => [name, this.of(each)])),
      mayLack: entries
        .filter(([, each]) => isObject(each) && each['optional'] === true)
        .filter(([, each]) => isObject(each) && !Object.hasOwn(each, 'default'))
        .map(([name]) => name),
    };
  }

  /** The type of one declared value: `text`, or `{ type: text, … }`. */
  of(declared: Json): Type {
    if (typeof declared === 'string') return this.#word(declared, {});
    if (!isObject(declared)) return 'dyn';
    return this.#word(textIn(declared, 'type'), declared);
  }

  #word(word: string, declared: JsonObject): Type {
    switch (word) {
      case 'text':
      case 'integer':
      case 'number':
      case 'boolean':
      case 'duration':
        return word;
      case 'time':
        return 'timestamp';
      case 'runbook':
      case 'secret':
        return 'text';
      case 'words':
        return { list: 'text' };
      case 'object':
        return { map: 'dyn' };
      case 'choice': {
        const options = textsIn(declared, 'options');
        return options.length > 0 ? { choice: options } : 'text';
      }
      case 'list':
        return { list: this.#items(field(declared, 'of'), declared) };
      case 'target':
        return this.target(oneOrMoreIn(declared, 'kind'));
      default:
        return 'dyn';
    }
  }

  #items(of: Json | undefined, declared: JsonObject): Type {
    if (typeof of === 'string') return of === 'list' ? { list: 'dyn' } : this.#word(of, declared);
    return isObject(of) ? this.record(of, 'field') : 'dyn';
  }

  /** What all targets of these kinds have; kinds name one another. */
  target(kinds: readonly string[]): Type {
    const declared = this.library.shared('kinds');
    const isOpen = kinds.length === 0 || !kinds.every((kind) => declared.has(kind));
    const name = kinds.join('|');
    const known = this.#targets.get(name);
    if (known) return known;
    const fields: Record<string, Type> = {
      ...{ name: 'text', environment: 'text', isolated: 'boolean' },
      addresses: { list: 'text' },
    };
    const mayLack: string[] = [];
    const type: Type = { fields, mayLack, target: kinds, called: 'fact' };
    // Of a kind that is not declared, anything may be a fact.
    if (isOpen) type.isOpen = true;
    this.#targets.set(name, type);
    const facts = kinds.map((kind) => field(declared.get(kind)?.data ?? {}, 'facts'));
    const [first, ...others] = facts.map((each) => (isObject(each) ? each : {}));
    for (const [fact, each] of Object.entries(first ?? {})) {
      if (!others.every((other) => Object.hasOwn(other, fact))) continue;
      fields[fact] = this.of(each);
      if (isObject(each) && each['optional'] === true) mayLack.push(fact);
    }
    return type;
  }
}
