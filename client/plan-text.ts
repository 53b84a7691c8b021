import { cannotBeUndone } from '../common/undo-words.js';
import { shortDigest } from '../language/digest.js';
import { foldSteps, type FoldedCase, type FoldedStep, type KnownBefore } from '../language/fold.js';
import { limitsOf } from '../language/pipeline-limits.js';
import { tableWords, type Checkpoints, type Pipeline } from '../language/pipeline.js';
import type { Plan } from '../language/plan.js';
import { loopWords } from '../language/loop-words.js';
import { manualWords } from '../language/manual-words.js';
import { runByWords } from '../language/run-by.js';
import { effects, type Effect, type StepSpec } from '../language/runbook.js';
import { deciders, defaultApprovers } from '../common/questions.js';
import { programTitle, programWords } from '../common/programs.js';
import { onceWords, triesWords } from '../common/tries.js';
import { describeAction, type Action } from '../language/kinds/index.js';
import { inOneLine } from '../language/kinds/words.js';
import { line, pairs, type Paint, type Style } from './output.js';
import { tableLines } from './table.js';
import { flat, wrap } from '../common/plain.js';
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
    `${target.kind}, ${target.environment}` +
      (target.isolated ? ', isolated' : '') +
      (target.observed ? ', read only' : '') +
      `; ${target.addresses.join(', ') || 'no address'}`,
  ]);
  const files = (plan.files ?? []).map(
    ({ runbook: owner, name, bytes, digest }): [string, string] => [
      name,
      `${bytes} bytes, sha256 ${shortDigest(digest)}, of ${owner}`,
    ],
  );
  const programs = (plan.programs ?? []).map((each): [string, string] => [
    programTitle(each),
    each.system ? `${programWords(each)} of the system` : programWords(each),
  ]);
  return [
    `${paint('bold', line(runbook.title))}\n${line(kindText(runbook))}`,
    ...(plan.drill
      ? [wrap('A drill: changes isolated targets only, and undoes what it made.', columns)]
      : []),
    section(paint, 'Inputs', inputs.length > 0 ? pairs(inputs, columns, paint, '  ') : '  none'),
    section(paint, 'Targets', targets.length > 0 ? pairs(targets, columns, paint, '  ') : '  none'),
    ...plan.targets.flatMap(({ name, pipeline }) =>
      pipeline
        ? [
            section(
              paint,
              `Pipeline ${line(name)}`,
              pairs(pipelineLines(pipeline), columns, paint, '  '),
            ),
          ]
        : [],
    ),
    renderStepSpecs(plan.steps, paint, columns, plan),
    ...(files.length > 0 ? [section(paint, 'Files', pairs(files, columns, paint, '  '))] : []),
    ...(programs.length > 0
      ? [section(paint, 'Programs', pairs(programs, columns, paint, '  '))]
      : []),
    `${paint('dim', 'plan')} ${plan.digest}`,
  ].join('\n\n');
}

/** What is known of a pipeline before anything starts, and what cannot be done with it. */
function pipelineLines(pipeline: Pipeline): [string, string][] {
  const { stages, checkpoints } = pipeline.data;
  const limits = limitsOf(pipeline);
  return [
    ['run by', line(runBy(pipeline))],
    ['stages', line(stages.map((each) => `${each.name} (${tableWords(each)})`).join(' > '))],
    ...(checkpoints ? [['checkpoints', line(toldBy(checkpoints))] as [string, string]] : []),
    ...(limits.length > 0 ? [['cannot be done', limits.join(' ')] as [string, string]] : []),
  ];
}

/** Where the claims are; a query as it is declared. */
function toldBy({ table, query, connection }: Checkpoints): string {
  if (table) return tableWords({ table, connection });
  const at = connection === undefined ? '' : ` at ${connection}`;
  return `the query${at}: ${inOneLine(query.trim())}`;
}

function runBy({ run }: Pipeline): string {
  if (run.dbt) return `${runByWords.dbt} in ${run.dbt.project}`;
  if (run.program) return `${runByWords.program}, ${run.program.path}`;
  return run.airflow ? `DAG ${run.airflow.dag} of ${runByWords.airflow}` : runByWords.http;
}

/**
 * The declared steps with the effect and the undo of each.
 * @param known before the run: what it decides is decided
 */
export function renderStepSpecs(
  steps: readonly StepSpec[],
  paint: Paint,
  columns: number,
  known?: KnownBefore,
): string {
  const rows = shownRows(foldSteps(steps, known));
  const style = (cell: string, row: number): string =>
    paint(effectStyles[rows[row]?.effect || 'read'], cell);
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
    rows.map(({ path, title, kind, effect, tried }) => [path, title, kind, effect, tried]),
    columns,
    paint,
  );
  const body = rows.flatMap(({ remarks }, index) => [
    table.rows[index] ?? '',
    ...remarks.map((remark) => paint('dim', wrap(line(remark), columns, '  '))),
  ]);
  const isOnce = rows.some(({ tried }) => tried.endsWith('*'));
  const note = isOnce ? [paint('dim', wrap(onceWords, columns))] : [];
  return [table.head, ...body, ...note].join('\n');
}

/** A line of the table, and what stands below it. */
interface Row {
  path: string;
  title: string;
  kind: string;
  effect: Effect | '';
  tried: string;
  remarks: string[];
}

/** Steps inside a group are listed below it: `identify/jobs`. What is left out is one line. */
function shownRows(steps: readonly FoldedStep[]): Row[] {
  return steps.flatMap(({ path, spec, left, when, steps: inner, cases }): Row[] => {
    const { title, kind, effect } = spec;
    if (left !== undefined) return [leftRow(path, title, left)];
    const kindWord = cases ? 'branch' : kind;
    const remarks = [...onlyWhen(when), ...remarksOn(spec)];
    return [
      { path, title, kind: kindWord, effect, tried: triesWords(spec), remarks },
      ...shownRows(inner),
      ...(cases ?? []).flatMap(caseRows),
    ];
  });
}

function caseRows({ path, title, left, when, steps, cases }: FoldedCase): Row[] {
  if (left !== undefined) return [leftRow(path, title, left)];
  return [
    { path, title, kind: 'case', effect: '', tried: '', remarks: onlyWhen(when) },
    ...shownRows(steps),
    ...(cases ?? []).flatMap(caseRows),
  ];
}

function leftRow(path: string, title: string, left: string): Row {
  return { path, title, kind: '', effect: '', tried: '', remarks: [`not needed: ${left}`] };
}

function onlyWhen(when: string | undefined): string[] {
  return when === undefined ? [] : [`when ${when}`];
}

/** What the table has no room for: who decides, the exact action, and its undo. */
function remarksOn(spec: StepSpec): string[] {
  const {
    kind,
    approvers = defaultApprovers,
    work,
    undo,
    noUndo,
    pointOfNoReturn,
    temporary,
    runBy,
  } = spec;
  if (kind === 'approval') return [`waits for ${deciders[approvers]}`];
  const loop = loopWords(spec);
  return [
    ...(loop === null ? [] : [loop]),
    ...(kind === 'manual' ? [manualWords(spec)] : []),
    ...(pointOfNoReturn ? ['point of no return: nothing before it can be undone any more'] : []),
    ...(runBy
      ? [`only for a pipeline run by ${runBy.map((way) => runByWords[way]).join(' or ')}`]
      : []),
    ...(temporary ? ['undone when its group ends, however it ends'] : []),
    ...(work ? [describeAction(work.action as unknown as Action)] : []),
    ...(noUndo === undefined ? [] : [cannotBeUndone(noUndo)]),
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

function kindText({ id, version, type, priority }: Plan['runbook']): string {
  const kind = type.toLowerCase().replaceAll('_', ' ');
  return `${id} ${version}, ${kind}, ${priority.toLowerCase()} priority`;
}
