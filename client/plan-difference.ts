import { describeAction, type Action } from '../language/kinds/index.js';
import { canonicalJson, type Json } from '../language/json.js';
import { field } from '../language/objects.js';
import { below } from '../language/paths.js';
import type { Plan, PlannedFile, PlannedTarget, Program } from '../language/plan.js';
import type { StepSpec } from '../language/runbook.js';
import { programTitle } from '../common/programs.js';
import { flat } from '../common/plain.js';

/** What is different in a plan now, one line for each. */
export function planDifferences(was: Plan, now: Plan): string[] {
  const found = [
    ...(was.runbook.version === now.runbook.version
      ? []
      : [`runbook ${now.runbook.id} is ${now.runbook.version}, not ${was.runbook.version}`]),
    ...named(was.inputs, now.inputs).map(
      ([name, before, after]) => `input ${name} is ${told(after)}, not ${told(before)}`,
    ),
    ...named(byName(was.targets), byName(now.targets)).map(([name, before, after]) =>
      targetWords(name, before, after),
    ),
    ...stepDifferences(was.steps, now.steps),
    ...named(programs(was), programs(now)).map(([name, before, after]) =>
      before && after
        ? `program ${name} has another content`
        : `program ${name} is ${after ? 'run' : 'not run any more'}`,
    ),
    ...named(files(was), files(now)).map(([name, before, after]) =>
      before && after
        ? `file ${name} has another content`
        : `file ${name} is ${after ? 'used' : 'not used any more'}`,
    ),
    ...(was.procedure === now.procedure ? [] : ['the code of the workers is of another release']),
    ...(['outputs', 'objectives'] as const)
      .filter((key) => !isSame(was[key], now[key]))
      .map((key) => `its ${key} are others`),
  ];
  if (was.drill !== now.drill) found.push(`it is ${now.drill ? 'a' : 'no'} drill now`);
  return found.length > 0 ? found : ['something that this release does not know'];
}

function targetWords(
  name: string,
  before: PlannedTarget | undefined,
  after: PlannedTarget | undefined,
): string {
  if (!before || !after) return `target ${name} is ${after ? 'acted on' : 'not acted on any more'}`;
  const [one, other] = [before, after].map(({ addresses }) => addresses.join(', '));
  return one === other
    ? `target ${name} is declared otherwise in targets.yaml`
    : `target ${name} is at ${other || 'no address'}, not at ${one || 'no address'}`;
}

function stepDifferences(
  was: readonly StepSpec[],
  now: readonly StepSpec[],
  prefix = '',
): string[] {
  const differ = named(byId(was), byId(now)).flatMap(([id, before, after]): string[] => {
    const path = `${prefix}${id}`;
    if (!before) return [`step ${path} is new`];
    if (!after) return [`step ${path} is gone`];
    const inner = stepDifferences(before.steps ?? [], after.steps ?? [], below(path));
    return [...ownDifferences(path, before, after), ...inner];
  });
  const order = [was, now].map((steps) => steps.map(({ id }) => id).join());
  const isMoved = differ.length === 0 && order[0] !== order[1];
  return isMoved ? [`the steps ${prefix}… are in another order`] : differ;
}

/** What is different in a step itself; what it does is shown in words. */
function ownDifferences(path: string, before: StepSpec, after: StepSpec): string[] {
  const { steps: _was, work: did, ...one } = before;
  const { steps: _now, work: does, ...other } = after;
  const fields = named<unknown>({ ...one }, { ...other });
  const acts = (work: StepSpec['work']): string =>
    work ? describeAction(work.action as unknown as Action) : 'nothing';
  return [
    ...(isSame(did, does)
      ? []
      : acts(did) === acts(does)
        ? [`step ${path} is done, checked or undone otherwise`]
        : [`step ${path}: ${acts(does)}; not: ${acts(did)}`]),
    ...(fields.length === 0
      ? []
      : [`step ${path} has another ${fields.map(([name]) => name).join(', ')}`]),
  ];
}

/** What has a name and is not the same in both. */
function named<T>(
  was: Readonly<Record<string, T>>,
  now: Readonly<Record<string, T>>,
): [name: string, before: T | undefined, after: T | undefined][] {
  const names = [...new Set([...Object.keys(was), ...Object.keys(now)])];
  return names
    .map((name): [string, T | undefined, T | undefined] => [
      name,
      field(was, name),
      field(now, name),
    ])
    .filter(([, before, after]) => !isSame(before, after));
}

const byName = (targets: readonly PlannedTarget[]): Record<string, PlannedTarget> =>
  Object.fromEntries(targets.map((each) => [each.name, each]));
const byId = (steps: readonly StepSpec[]): Record<string, StepSpec> =>
  Object.fromEntries(steps.map((each) => [each.id, each]));
const programs = ({ programs: all = [] }: Plan): Record<string, Program> =>
  Object.fromEntries(all.map((each) => [programTitle(each), each]));

const files = ({ files: all = [] }: Plan): Record<string, PlannedFile> =>
  Object.fromEntries(all.map((each) => [`${each.name} of ${each.runbook}`, each]));

function isSame(one: unknown, other: unknown): boolean {
  return canonicalJson(one) === canonicalJson(other);
}

function told(value: Json | undefined): string {
  return value === undefined ? 'absent' : flat(value);
}
