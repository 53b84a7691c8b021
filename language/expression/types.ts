/**
 * What a part of an expression is. A declared object lists its fields; `dyn` is what comes from
 * outside, such as a program's JSON: what it is shows when it is there. Targets name one another,
 * so a type may contain itself.
 */
export type Type =
  | Scalar
  | { choice: readonly string[] }
  | { list: Type }
  | { map: Type }
  | { optional: Type }
  | ObjectType;

export type Scalar =
  'text' | 'boolean' | 'integer' | 'number' | 'duration' | 'timestamp' | 'null' | 'dyn';

export type ObjectType = {
  fields: { readonly [name: string]: Type };
  /** A target of one of these kinds: an object of facts, whose name is one of them. */
  target?: readonly string[];
  /** It may have other fields than these. */
  isOpen?: true;
  /** Fields that may be absent; what needs one is unknown then. */
  mayLack?: readonly string[];
  /** What a field is called in errors. */
  called?: 'input' | 'step' | 'output' | 'fact' | 'field';
};

/** The names that an expression may use, with what they are. */
export type Names = { readonly [name: string]: Type };

export function isObject(type: Type): type is ObjectType {
  return typeof type === 'object' && 'fields' in type;
}

export function isList(type: Type): type is { list: Type } {
  return typeof type === 'object' && 'list' in type;
}

export function isMapOf(type: Type): type is { map: Type } {
  return typeof type === 'object' && 'map' in type;
}

export function isOptional(type: Type): type is { optional: Type } {
  return typeof type === 'object' && 'optional' in type;
}

export function isChoice(type: Type): type is { choice: readonly string[] } {
  return typeof type === 'object' && 'choice' in type;
}

export function isText(type: Type): boolean {
  return type === 'text' || isChoice(type);
}

export function isNumber(type: Type): boolean {
  return type === 'integer' || type === 'number';
}

/** What a list of this type contains. */
export function itemOf(list: Type | undefined): Type {
  return list !== undefined && isList(list) ? list.list : 'dyn';
}

/** The type in one or two words, as in `integer > text`. */
export function typeName(type: Type): string {
  if (typeof type === 'string') return type === 'dyn' ? 'anything' : type;
  if (isList(type)) return type.list === 'dyn' ? 'list' : `list of ${plural(type.list)}`;
  if (isChoice(type)) return 'text';
  if (isOptional(type)) return `optional ${typeName(type.optional)}`;
  return isObject(type) && type.target ? 'target' : 'object';
}

/** The type in a sentence: `an integer`. */
export function aType(type: Type): string {
  const name = typeName(type);
  if (name === 'null' || name === 'anything') return name;
  return /^[aeio]/.test(name) ? `an ${name}` : `a ${name}`;
}

function plural(type: Type): string {
  const name = typeName(type);
  return isList(type) ? name.replace(/^list/, 'lists') : `${name}s`;
}

/** Whether values of the two types can be compared at all. */
export function areComparable(a: Type, b: Type): boolean {
  if ([a, b].some((type) => type === 'dyn' || type === 'null')) return true;
  if (isNumber(a) || isNumber(b)) return isNumber(a) && isNumber(b);
  if (isText(a) || isText(b)) return isText(a) && isText(b);
  if (isList(a) && isList(b)) return areComparable(a.list, b.list);
  const isRecord = (type: Type): boolean => isObject(type) || isMapOf(type);
  return a === b || (isRecord(a) && isRecord(b));
}

/** Whether a value of the type can stand where another is wanted. */
export function fits(type: Type, wanted: Type): boolean {
  if (type === 'dyn' || wanted === 'dyn') return !isOptional(type);
  if (wanted === 'number') return isNumber(type);
  if (isChoice(wanted))
    return isChoice(type)
      ? type.choice.every((option) => wanted.choice.includes(option))
      : type === 'text';
  if (wanted === 'text') return isText(type);
  if (isList(wanted)) return isList(type) && fits(type.list, wanted.list);
  if (isMapOf(wanted)) return isObject(type) ? !type.target : isMapOf(type);
  if (isObject(wanted)) return isMapOf(type) || (isObject(type) && isSameRecord(type, wanted));
  return type === wanted;
}

/** What one of two values is; undefined when they have nothing in common. */
export function either(a: Type, b: Type): Type | undefined {
  if (isSame(a, b)) return a;
  if (a === 'dyn' || b === 'dyn') return 'dyn';
  if (a === 'null') return b;
  if (b === 'null') return a;
  if (isNumber(a) && isNumber(b)) return 'number';
  if (isChoice(a) && isChoice(b)) return { choice: [...new Set([...a.choice, ...b.choice])] };
  if (isText(a) && isText(b)) return 'text';
  if (isList(a) && isList(b)) return { list: either(a.list, b.list) ?? 'dyn' };
  const isRecord = (type: Type): boolean => isObject(type) || isMapOf(type);
  return isRecord(a) && isRecord(b) ? { map: 'dyn' } : undefined;
}

/** Whether two types are one. Targets are told apart by their kinds alone. */
export function isSame(a: Type, b: Type): boolean {
  if (a === b) return true;
  if (typeof a === 'string' || typeof b === 'string') return false;
  if (isList(a)) return isList(b) && isSame(a.list, b.list);
  if (isMapOf(a)) return isMapOf(b) && isSame(a.map, b.map);
  if (isOptional(a)) return isOptional(b) && isSame(a.optional, b.optional);
  if (isChoice(a)) return isChoice(b) && a.choice.join('\n') === b.choice.join('\n');
  return isObject(b) && isSameRecord(a, b) && (a.target !== undefined || haveSameFields(a, b));
}

function isSameRecord(a: ObjectType, b: ObjectType): boolean {
  if (!a.target || !b.target) return a.target === b.target;
  return a.target.every((kind) => b.target?.includes(kind));
}

function haveSameFields(a: ObjectType, b: ObjectType): boolean {
  const names = Object.keys(a.fields);
  return (
    names.length === Object.keys(b.fields).length &&
    names.every((name) => {
      const [one, other] = [a.fields[name], b.fields[name]];
      return one !== undefined && other !== undefined && isSame(one, other);
    })
  );
}
