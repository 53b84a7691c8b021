import type { Names, ObjectType, Type } from '../../../../language/expression/types.js';

/**
 * Types as the data of tests writes them: `list text`, `choice a|b`, `target host`, an object of
 * fields (`name?` may be absent), a list of one object, and what the kinds of steps give.
 */
export type Notation = string | readonly Notation[] | { readonly [name: string]: Notation };

const outputs: Readonly<Record<string, Notation>> = {
  command: { exitCode: 'integer', stdout: 'text', stderr: 'text' },
  sql: { rows: 'list', row: 'dyn', count: 'integer' },
  http: { status: 'integer', json: 'dyn', text: 'text', headers: 'map text' },
};
const parsed: Readonly<Record<string, Notation>> = {
  json: { json: 'dyn' },
  jsonl: { json: 'dyn', lines: 'list' },
  lines: { lines: 'list text' },
  table: { table: 'list map text' },
  pairs: { pairs: 'map text' },
};
const everyStep: Notation = {
  ok: 'boolean',
  failed: 'boolean',
  state: 'text',
  error: { type: 'text', message: 'text' },
};

type Facts = { readonly [name: string]: Notation };

/** Reads types in the notation; targets are of the kinds given. */
export class Types {
  private readonly targets = new Map<string, Type>();

  constructor(private readonly kinds: Readonly<Record<string, Facts>>) {}

  /** The names of a document: its inputs, its steps, and what more there is at a place. */
  namesOf(inputs: Notation, steps: Facts, more: Facts): Names {
    return {
      inputs: { ...this.object(inputs as Facts), called: 'input' },
      steps: {
        fields: Object.fromEntries(
          Object.entries(steps).map(([id, step]) => [id, this.step(step)]),
        ),
        called: 'step',
      },
      now: 'timestamp',
      ...Object.fromEntries(Object.entries(more).map(([name, type]) => [name, this.read(type)])),
    };
  }

  read(notation: Notation): Type {
    if (Array.isArray(notation)) return { list: this.read((notation as Notation[])[0] ?? 'dyn') };
    if (typeof notation !== 'string') return this.object(notation as Facts);
    const [word = '', ...rest] = notation.split(' ');
    const of = rest.join(' ');
    const given = Object.hasOwn(outputs, word) ? outputs[word] : undefined;
    if (given !== undefined)
      return this.object({ ...(given as Facts), ...((of && parsed[of]) as Facts) });
    switch (word) {
      case 'list':
        return { list: this.read(of || 'dyn') };
      case 'map':
        return { map: this.read(of || 'dyn') };
      case 'choice':
        return { choice: of.split('|') };
      case 'target':
        return this.target(of);
      default:
        return word as Type;
    }
  }

  private step(notation: Notation): Type {
    const type = this.read(notation);
    if (typeof type !== 'object' || !('fields' in type)) return type;
    const inner =
      typeof notation === 'string'
        ? type.fields
        : Object.fromEntries(
            Object.entries(notation).map(([name, each]) => [
              name,
              isStep(each) ? this.step(each) : this.read(each),
            ]),
          );
    return {
      fields: { ...(this.read(everyStep) as ObjectType).fields, ...inner },
      called: 'output',
    };
  }

  private object(notation: Facts): ObjectType {
    const names = Object.keys(notation);
    return {
      fields: Object.fromEntries(
        names.map((name) => [name.replace('?', ''), this.read(notation[name] ?? 'dyn')]),
      ),
      mayLack: names.filter((name) => name.endsWith('?')).map((name) => name.slice(0, -1)),
      called: 'field',
    };
  }

  /** What all of these kinds have. Kinds name one another, so a type is known before its fields. */
  private target(names: string): Type {
    const known = this.targets.get(names);
    if (known) return known;
    const fields: Record<string, Type> = {};
    const mayLack: string[] = [];
    const type: Type = { fields, mayLack, target: names.split('|'), called: 'fact' };
    this.targets.set(names, type);
    const [first = {}, ...others] = names.split('|').map((kind) => this.kinds[kind] ?? {});
    const facts: Facts = { name: 'text', environment: 'text', isolated: 'boolean', ...first };
    fields['addresses'] = { list: 'text' };
    for (const [fact, notation] of Object.entries(facts)) {
      const isShared =
        !Object.hasOwn(first, fact) || others.every((kind) => Object.hasOwn(kind, fact));
      if (!isShared) continue;
      fields[fact.replace('?', '')] = this.read(notation);
      if (fact.endsWith('?')) mayLack.push(fact.slice(0, -1));
    }
    return type;
  }
}

function isStep(notation: Notation): boolean {
  return typeof notation === 'string'
    ? Object.hasOwn(outputs, notation.split(' ')[0] ?? '')
    : !Array.isArray(notation);
}
