import type { Plan } from '../language/plan.js';
import { effects, type Effect, type StepSpec } from '../language/runbook.js';
import { deciders, defaultApprovers } from '../common/questions.js';
import { programTitle, programWords } from '../common/programs.js';
import { onceWords, triesWords } from '../common/tries.js';
import { describeAction, type Action } from '../language/kinds/index.js';
import { line, pairs, type Paint, type Style } from './output.js';
import { tableLines } from './table.js';
import { wrap } from '../common/plain.js';
import { flat } from '../common/plain.js';
import { below } from '../language/paths.js';

const effectStyles: Record<Effect, Style> = { read: 'dim', change: 'yellow', destroy: 'red' };

/** A plan for the person who approves it: what, on which targets, with what effect. */
export function renderPlan(plan: Plan, paint: Paint, columns: number): string {
  const { runbook } = plan;
  const inputs = Object.entries(plan.inputs).map(([name, value]): [string, string] => [
    name,
    flat(value),
  ]);
  const targets = plan.targets.map((target): [string, string] => [
    target.name,
    `${target.kind}, ${target.environment}${target.isolated ? ', isolated' : ''}${target.observed ? ', read only' : ''}; ${target.addresses.join(', ') || 'no address'}`,
  ]);
  const programs = (plan.programs ?? []).map((each): [string, string] => [
    programTitle(each),
    each.system ? `${programWords(each)} of the system` : programWords(each),
  ]);
  return [
    `${paint('bold', line(runbook.title))}\n${line(`${runbook.id} ${runbook.version}, ${runbook.type.toLowerCase().replaceAll('_', ' ')}, ${runbook.priority.toLowerCase()} priority`)}`,
    ...(plan.drill
      ? [wrap('A drill: changes isolated targets only, and undoes what it made.', columns)]
      : []),
    section(paint, 'Inputs', inputs.length > 0 ? pairs(inputs, columns, paint, '  ') : '  none'),
    section(paint, 'Targets', targets.length > 0 ? pairs(targets, columns, paint, '  ') : '  none'),
    renderStepSpecs(plan.steps, paint, columns),
    ...(programs.length > 0
      ? [section(paint, 'Programs', pairs(programs, columns, paint, '  '))]
      : []),
    `${paint('dim', 'plan')} ${plan.digest}`,
  ].join('\n\n');
}

/** The declared steps with the effect and the undo of each. */
export function renderStepSpecs(steps: readonly StepSpec[], paint: Paint, columns: number): string {
  const rows = flatten(steps);
  const style = (cell: string, row: number): string =>
    paint(effectStyles[rows[row]?.step.effect ?? 'read'], cell);
  const table = tableLines(
    {
      columns: [
        { name: 'STEP' },
        { name: 'TITLE' },
        { name: 'KIND' },
        { name: 'EFFECT', style },
        { name: 'TRIED' },
      ],
      narrow: [
        ['TITLE', 20],
        ['STEP', 24],
        ['TRIED', 'below'],
        ['TITLE', 'below'],
        ['STEP', 16],
      ],
    },
    rows.map(({ path, step }) => [path, step.title, step.kind, step.effect, triesWords(step)]),
    columns,
    paint,
  );
  const body = rows.flatMap(({ step }, index) => [
    table.rows[index] ?? '',
    ...remarksOn(step).map((remark) => paint('dim', wrap(line(remark), columns, '  '))),
  ]);
  const isOnce = rows.some(({ step }) => triesWords(step).endsWith('*'));
  const note = isOnce ? [paint('dim', wrap(onceWords, columns))] : [];
  return [table.head, ...body, ...note].join('\n');
}

/** What the table has no room for: who decides, the exact action, and its undo. */
function remarksOn(step: StepSpec): string[] {
  const { kind, approvers = defaultApprovers, work, undo, cases = [] } = step;
  if (kind === 'approval') return [`waits for ${deciders[approvers]}`];
  return [
    ...cases.map((each) => `${each.case}: ${each.when ? `when ${each.when.$}` : 'else'}`),
    ...(work ? [describeAction(work.action as unknown as Action)] : []),
    ...new Set([
      ...(undo ? [`undo: ${undo}`] : []),
      ...(work?.undo ? [`undo: ${describeAction(work.undo as unknown as Action)}`] : []),
    ]),
  ];
}

/** Steps inside a group are listed below it: `identify/jobs`. */
function flatten(steps: readonly StepSpec[], prefix = ''): { path: string; step: StepSpec }[] {
  return steps.flatMap((step) => [
    { path: prefix + step.id, step },
    ...flatten(step.steps ?? [], below(prefix + step.id)),
  ]);
}

/** Every effect that a plan has, the mildest first. */
export function effectsOf(steps: readonly StepSpec[]): Effect[] {
  const found = new Set(flatten(steps).map(({ step }) => step.effect));
  return effects.filter((effect) => found.has(effect));
}

function section(paint: Paint, title: string, body: string): string {
  return `${paint('bold', title)}\n${body}`;
}
