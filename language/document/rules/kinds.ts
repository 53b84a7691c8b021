import type { JsonObject } from '../../json.js';
import { field, isObject } from '../../objects.js';
import { textIn } from '../expand/draft.js';
import { isAction, isGroup, kindOf, kindsOf, kindsWith, type Kind } from '../kinds.js';
import { head } from '../shape.js';
import type { Context, SpotRule } from './rule.js';
import { reserved } from './scope.js';
import { listOf, type Spot } from './spots.js';

/** A step says what it does: once, and with the fields that belong to it. */
export const stepKind: SpotRule = (spot, context) => {
  const { data, role } = spot;
  if (role === 'document' || role === 'case') return;
  const { places } = context;
  const said = kindsOf(data);
  const kinds = role === 'undo' ? withUndoKinds(data, said) : said;
  if (kinds.length === 0)
    context.report(head(data, places), {
      rule: 'step-kind',
      message: `${nameOf(spot)} does nothing`,
      hint:
        'it needs command, script, sql, http, notify, ' +
        'use, manual, approval or another of these',
    });
  const [first, second] = kinds;
  if (first !== undefined && second !== undefined) {
    const isLoop = second === 'forEach';
    context.report(places.nameOf(data, isLoop ? first : second), {
      rule: 'step-kind',
      message: isLoop
        ? `a loop does what stands in its steps, and ${nameOf(spot)} has ${first} beside it`
        : `${nameOf(spot)} has both ${first} and ${second}; it can do one thing`,
      hint: isLoop
        ? `write steps: [{ id: one, ${first}: … }] below forEach`
        : 'make two steps of it',
    });
  }
  const stated = field(data, 'kind');
  const [kind] = kinds;
  if (typeof stated === 'string' && kind !== undefined && stated !== kind)
    context.report(places.of(data, 'kind'), {
      rule: 'step-kind',
      message: `${nameOf(spot)} is a ${kind}, as its fields say, and no ${stated}`,
    });
  if (kinds.length === 1 && kind !== undefined) outOfPlace(data, kind, context);
};

function withUndoKinds(undo: JsonObject, kinds: Kind[]): string[] {
  return [...kinds, ...(Object.hasOwn(undo, 'none') ? ['none'] : [])];
}

export function nameOf({ role, data, name }: Spot): string {
  if (role === 'undo') return `the undo of ${name}`;
  if (role === 'verify') return `the verify of ${name}`;
  if (role === 'action') return `action ${textIn(data, 'action')}`;
  return name === '' ? `this ${role === 'prerequisite' ? 'prerequisite' : 'step'}` : `step ${name}`;
}

function outOfPlace(data: JsonObject, kind: string, context: Context): void {
  for (const key of Object.keys(data)) {
    const owners = kindsWith(key);
    if (owners.length === 0 || owners.includes(kind)) continue;
    const place = context.places.nameOf(data, key);
    if (!context.places.has(data, key)) continue;
    context.report(place, {
      rule: 'field-out-of-place',
      message: `${key} means nothing for ${withArticle(kind)}`,
      hint: `it goes with ${[...new Set(owners)].slice(0, 4).join(', ')}`,
    });
  }
}

function withArticle(kind: string): string {
  return /^[aeiou]/.test(kind) ? `an ${kind}` : `a ${kind}`;
}

/** Steps have ids, each once among its siblings, and none that expressions use for themselves. */
export const ids: SpotRule = (spot, context) => {
  const { data, role } = spot;
  const { places } = context;
  if (role === 'step' || role === 'check') {
    const id = field(data, 'id');
    if (id === undefined)
      context.report(head(data, places), {
        rule: 'id-missing',
        message: 'each step has an id',
        hint: 'write id: and a name of lower-case letters, digits and _',
      });
    if (!spot.isTop && typeof id === 'string' && reserved.includes(id))
      context.report(places.of(data, 'id'), {
        rule: 'reserved-name',
        message: `"${id}" is what expressions say of any group, so no step inside can be called so`,
      });
    if (spot.isTop && !Object.hasOwn(data, 'title') && !isStub(data))
      context.report(head(data, places), {
        rule: 'title-missing',
        message: `${nameOf(spot)} stands at the top level and needs a title`,
        hint: 'inside groups the title is the id in words',
      });
  }
  for (const key of ['outputs', 'set']) reservedNames(data, key, context);
  for (const key of ['steps', 'parallel', 'verify', 'prerequisites'])
    twice(listOf(data, key), 'id', context);
  twice(listOf(data, 'branch'), 'case', context);
};

/** What stands for something that is not written yet says so. */
function isStub(data: JsonObject): boolean {
  return data['note'] === 'stub';
}

function reservedNames(data: JsonObject, key: string, context: Context): void {
  const named = field(data, key);
  if (!isObject(named)) return;
  for (const name of Object.keys(named))
    if (reserved.includes(name))
      context.report(context.places.nameOf(named, name), {
        rule: 'reserved-name',
        message: `"${name}" is what expressions say of any step, so nothing else can be called so`,
      });
}

function twice(items: readonly JsonObject[], key: string, context: Context): void {
  const seen = new Map<string, JsonObject>();
  for (const item of items) {
    const id = textIn(item, key);
    const first = seen.get(id);
    if (id === '' || !first) {
      seen.set(id, item);
      continue;
    }
    const { line } = context.places
      .of(first, key)
      .source.position(context.places.of(first, key).start);
    context.report(context.places.of(item, key), {
      rule: 'duplicate-id',
      message: `two ${key === 'id' ? 'steps' : 'cases'} are called ${id}`,
      hint: `the other one is in line ${line}`,
    });
  }
}

/** Polls are of reads, end some time, and hold in one way. */
export const polls: SpotRule = (spot, context) => {
  const { data, role } = spot;
  const { places } = context;
  const isPoll = Object.hasOwn(data, 'until');
  const kind = kindOf(data);
  if (Object.hasOwn(data, 'for') && Object.hasOwn(data, 'consecutive'))
    context.report(places.nameOf(data, 'consecutive'), {
      rule: 'for-and-consecutive',
      message: 'for and consecutive say the same in two ways; one of them is enough',
    });
  for (const key of ['failWhen', 'inconclusiveWhen', 'for', 'consecutive'])
    if (Object.hasOwn(data, key) && !isPoll)
      context.report(places.nameOf(data, key), {
        rule: 'poll-without-until',
        message: `${key} is about a poll, and there is no until`,
      });
  if (!isPoll || role === 'verify') return;
  const effect = field(data, 'effect') ?? insertedEffect(data);
  if (effect === 'change' || effect === 'destroy')
    context.report(places.nameOf(data, 'until'), {
      rule: 'until-on-change',
      message: `only what reads is polled, and ${nameOf(spot)} is a ${effect}`,
      hint: 'put the poll into a step of its own, or into verify:',
    });
  if (isAction(kind) && !Object.hasOwn(data, 'timeout') && role !== 'action')
    context.report(places.nameOf(data, 'until'), {
      rule: 'poll-without-timeout',
      message: `${nameOf(spot)} would poll for ever`,
      hint: 'write timeout: 5m, or as long as it may take',
    });
};

export function insertedEffect(data: JsonObject): unknown {
  const action = field(data, 'action');
  return isObject(action) ? field(action, 'effect') : undefined;
}

/** Loops, parallels and branches. */
export const groups: SpotRule = (spot, context) => {
  const { data, role } = spot;
  const { places } = context;
  const isAlone = kindsOf(data).length === 1;
  if (Object.hasOwn(data, 'forEach') && !Object.hasOwn(data, 'steps') && isAlone)
    context.report(places.nameOf(data, 'forEach'), {
      rule: 'step-kind',
      message: `${nameOf(spot)} is a loop without steps`,
    });
  if (isGroup(kindOf(data)) && ['change', 'destroy'].includes(textIn(data, 'effect')))
    context.report(places.of(data, 'effect'), {
      rule: 'group-effect',
      message: 'the effect of a group is the largest one inside; a group may only state read',
      hint: 'take the line out',
    });
  if (role === 'step' || role === 'case' || role === 'check') cases(data, context);
};

function cases(data: JsonObject, context: Context): void {
  const { places } = context;
  const all = listOf(data, 'branch');
  const at = all.findIndex((each) => !Object.hasOwn(each, 'when'));
  const open = all[at];
  const next = all[at + 1];
  const name = textIn(next ?? {}, 'case');
  if (!open || !next || name === '' || textIn(open, 'case') === '') return;
  const fieldPlace = places.nameOf(next, 'case');
  context.report(
    { ...fieldPlace, end: places.of(next, 'case').end },
    {
      rule: 'unreachable',
      message:
        `case ${name} can never be taken: the case ` +
        'before it has no `when` and matches everything',
      hint: `move case ${textIn(open, 'case')} to the end`,
    },
  );
}
