import { wrap } from '../common/plain.js';
import type { Json } from '../language/json.js';
import { shown } from '../language/kinds/words.js';
import type { InputSpec, Objective, RunbookSpec } from '../language/runbook.js';
import { commandName } from './command-name.js';
import type { Io } from './io.js';
import { pairs, type Paint } from './output.js';
import { renderStepSpecs } from './plan-text.js';

/**
 * A runbook as `show` prints it.
 * @param drilled how its last drill went, in words
 */
export function renderRunbook(spec: RunbookSpec, drilled: string, paint: Paint, io: Io): string {
  return [
    ...head(spec, drilled, paint, io.columns),
    renderStepSpecs(spec.steps, paint, io.columns),
    ...tail(spec, paint, io),
  ].join('\n\n');
}

function head(spec: RunbookSpec, drilled: string, paint: Paint, columns: number): string[] {
  const facts: [string, string][] = [
    ['id', `${spec.id} ${spec.version}`],
    [
      'type',
      `${spec.type.toLowerCase().replaceAll('_', ' ')}, ${spec.priority.toLowerCase()} ` +
        `priority, about ${spec.expectedMinutes} minutes`,
    ],
    ['owners', spec.owners.join(', ')],
    ...(spec.tags.length > 0 ? [['tags', spec.tags.join(', ')] satisfies [string, string]] : []),
    ...objectiveFacts(spec),
    ['last drill', drilled],
  ];
  const inputs = Object.entries(spec.inputs).map(([name, input]): [string, string] => [
    name,
    inputWords(input),
  ]);
  return [
    `${paint('bold', spec.title)}\n${wrap(spec.summary, columns)}`,
    pairs(facts, columns, paint),
    `${paint('bold', 'Inputs')}\n${pairs(inputs, columns, paint, '  ') || '  none'}`,
    ...(spec.prerequisites.length > 0
      ? [
          [
            paint('bold', 'Before you start'),
            ...spec.prerequisites.map((each) => wrap(each, columns, '  ')),
          ].join('\n'),
        ]
      : []),
  ];
}

function objectiveFacts({ objectives }: RunbookSpec): [string, string][] {
  if (!objectives) return [];
  const words = ({ rtoMinutes, rpoMinutes }: Objective): string =>
    `back within ${rtoMinutes} min, ${rpoMinutes} min lost at most`;
  const services = Object.entries(objectives.services ?? {}).map(
    ([name, each]) => `${name}: ${words(each)}`,
  );
  return [['objectives', [words(objectives), ...services].join('; ')]];
}

function tail(spec: RunbookSpec, paint: Paint, io: Io): string[] {
  const required = Object.entries(spec.inputs).filter(
    ([, input]) => input.default === undefined && input.computed === undefined && !input.optional,
  );
  const start = [
    commandName(io.env),
    'start',
    spec.id,
    ...required.map(([name]) => `--input ${name}=VALUE`),
    '--reason TEXT',
  ].join(' ');
  return [
    `${paint('bold', 'Verified by')}\n${wrap(spec.verification, io.columns, '  ')}`,
    `${paint('bold', 'Rollback')}\n${wrap(spec.rollback, io.columns, '  ')}`,
    `${paint('bold', 'Start it with')}\n  ${start}`,
  ];
}

function inputWords(input: InputSpec): string {
  const kind =
    input.type === 'target'
      ? `target of kind ${[input.kind].flat().join(' or ')}`
      : input.type === 'choice'
        ? input.options.join(' | ')
        : input.type;
  const need =
    input.default !== undefined || input.computed !== undefined
      ? `default ${shown((input.default ?? input.computed) as Json)}`
      : input.optional
        ? 'optional'
        : 'required';
  return `${input.description} (${kind}, ${need})`;
}
