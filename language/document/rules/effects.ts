import type { JsonObject } from '../../json.js';
import { field, isObject } from '../../objects.js';
import { textIn } from '../expand/draft.js';
import { isAction, kindOf } from '../kinds.js';
import { quotedWord } from '../words.js';
import { insertedEffect, nameOf } from './kinds.js';
import type { Context, DocumentRule, SpotRule } from './rule.js';
import type { Spot } from './spots.js';

/** Every action says what it does to the world, and what takes that back. */
export const effects: SpotRule = (spot, context) => {
  const { data, role } = spot;
  const kind = kindOf(data);
  if (!isAction(kind) || role === 'undo' || kind === undefined) return;
  const { places } = context;
  if (data['temporary'] === true && !canBeUndone(data))
    context.report(places.nameOf(data, 'temporary'), {
      rule: 'temporary-without-undo',
      message: `${nameOf(spot)} is temporary, and nothing says what takes it back`,
      hint: 'write undo: with what takes it back',
    });
  const effect = effectOf(data);
  if (effect === undefined) {
    if (kind !== 'use')
      context.report(places.nameOf(data, kind), {
        rule: 'effect-missing',
        message: `${nameOf(spot)} does not say what it does to the world`,
        hint: 'write effect: read, effect: change or effect: destroy',
      });
    return;
  }
  contradicts(spot, effect, context);
  if (effect === 'read') {
    if (Object.hasOwn(data, 'undo') && Object.hasOwn(data, 'effect'))
      context.report(places.nameOf(data, 'undo'), {
        rule: 'undo-of-read',
        message: `${nameOf(spot)} only reads, so there is nothing to undo`,
      });
    return;
  }
  if (kind === 'notify' || role === 'verify' || hasUndo(data)) return;
  if (role === 'prerequisite') return;
  const place = Object.hasOwn(data, 'effect')
    ? places.of(data, 'effect')
    : places.nameOf(data, kind);
  const verb = effect === 'destroy' ? 'destroys' : 'changes';
  context.report(place, {
    rule: 'undo-missing',
    message: `${nameOf(spot)} ${verb} something but has neither undo nor pointOfNoReturn`,
    hint: undoHint(data),
  });
};

/** What a step does to the world: as it says, or as its action says. */
function effectOf(data: JsonObject): string | undefined {
  const effect = field(data, 'effect') ?? insertedEffect(data);
  return typeof effect === 'string' ? effect : undefined;
}

function hasUndo(data: JsonObject): boolean {
  const action = field(data, 'action');
  return (
    Object.hasOwn(data, 'undo') ||
    Object.hasOwn(data, 'pointOfNoReturn') ||
    (isObject(action) && Object.hasOwn(action, 'undo'))
  );
}

function canBeUndone(data: JsonObject): boolean {
  const action = field(data, 'action');
  const undo = field(data, 'undo') ?? (isObject(action) ? field(action, 'undo') : undefined);
  return isObject(undo) && !Object.hasOwn(undo, 'none');
}

/** Programs whose verbs have an opposite. */
const opposites: Readonly<Record<string, string>> = {
  cordon: 'uncordon',
  start: 'stop',
  stop: 'start',
  enable: 'disable',
  disable: 'enable',
  mask: 'unmask',
  pause: 'resume',
  drain: 'uncordon',
  mount: 'umount',
};

function undoHint(data: JsonObject): string {
  const words = field(data, 'command');
  const none = 'undo: { none: why }';
  if (!Array.isArray(words)) return `write undo: with what takes it back, or ${none}`;
  const at = words.findIndex((word) => typeof word === 'string' && Object.hasOwn(opposites, word));
  if (at === -1) return `write undo: { command: … }, or ${none}`;
  const undo = words.map((word, place) =>
    place === at && typeof word === 'string' ? (opposites[word] ?? word) : word,
  );
  return `write undo: { command: "${undo.map(wordText).join(' ')}" }, or ${none}`;
}

function wordText(word: unknown): string {
  if (typeof word === 'string') return quotedWord(word);
  const { $: source, join } = word as { $?: string; join?: (string | { $: string })[] };
  if (source !== undefined) return `\${${source}}`;
  return (join ?? []).map((part) => (typeof part === 'string' ? part : `\${${part.$}}`)).join('');
}

const firstWords = /^\s*(insert|update|delete|drop|truncate|alter|create|grant|revoke)\b/i;

/** A stated effect that what is done contradicts. */
function contradicts({ data }: Spot, effect: string, context: Context): void {
  const { places } = context;
  if (effect !== 'read' || !Object.hasOwn(data, 'effect')) return;
  const method = /^(PUT|PATCH|DELETE) /.exec(textIn(data, 'http'))?.[1];
  if (method !== undefined)
    context.report(places.of(data, 'http'), {
      rule: 'effect-contradicts-method',
      message: `a ${method} changes something, and the effect is read`,
      hint: 'write effect: change',
    });
  const statements = field(data, 'sql');
  for (const each of Array.isArray(statements) ? statements : []) {
    const word = isObject(each) ? firstWords.exec(textIn(each, 'text'))?.[1] : undefined;
    if (word !== undefined && isObject(each))
      context.report(places.of(each, 'text'), {
        rule: 'effect-contradicts-method',
        message: `${word.toUpperCase()} changes something, and the effect is read`,
        hint: 'write effect: change',
      });
  }
}

/** `effect: read` on a group or a document allows nothing more inside. */
export const readLimit: DocumentRule = (context) => {
  const limit = (data: JsonObject): void => {
    if (field(data, 'effect') !== 'read') return;
    for (const inner of inside(data, context)) {
      const effect = effectOf(inner);
      if (effect === 'change' || effect === 'destroy')
        context.report(
          context.places.of(inner, Object.hasOwn(inner, 'effect') ? 'effect' : 'use'),
          {
            rule: 'read-limit',
            message:
              `step ${textIn(inner, 'id')} is a ${effect}, ` +
              'and what is around it may only read',
            hint: 'take effect: read out of the group, or move the step out',
          },
        );
    }
  };
  for (const { data, role } of context.spots)
    if (role === 'step' || role === 'document') if (!isAction(kindOf(data))) limit(data);
};

function inside(data: JsonObject, context: Context): JsonObject[] {
  const found: JsonObject[] = [];
  const all = new Set(context.spots.map((spot) => spot.data));
  const look = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) return;
    if (value !== data && all.has(value as JsonObject) && isAction(kindOf(value as JsonObject)))
      found.push(value as JsonObject);
    for (const [key, inner] of Object.entries(value))
      if (!['undo', 'verify', 'action'].includes(key) || Array.isArray(inner)) look(inner);
  };
  look(data);
  return found;
}

/** Without a transaction nothing is rolled back, so doing it again must be harmless. */
export const transactions: SpotRule = (spot, context) => {
  const { data } = spot;
  if (field(data, 'transaction') !== 'none' || effectOf(data) === 'read') return;
  const verify = field(data, 'verify');
  const proves = isObject(verify) && verify['proves'] === true;
  if (data['idempotent'] === true || proves) return;
  context.report(context.places.of(data, 'transaction'), {
    rule: 'transaction-none',
    message: 'without a transaction nobody knows after a lost connection whether it was done',
    hint: 'write idempotent: true if twice is as once, or a verify with proves: true',
  });
};
