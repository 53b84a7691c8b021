import type { Command } from 'commander';
import type { InputSpec, Objective, RunbookSpec } from '../../language/runbook.js';
import { readCatalogue } from '../catalogue.js';
import { commandName } from '../command-name.js';
import { brokenWords } from '../../language/broken-runbook.js';
import { CliError } from '../errors.js';
import { exitCodes } from '../exit-codes.js';
import type { Io } from '../io.js';
import { unknownName } from '../nearest.js';
import type { Json } from '../../language/json.js';
import { shown } from '../../language/kinds/words.js';
import { examples, graphOption, optionsOf } from '../options.js';
import { painter, pairs, print, printValue, type Paint } from '../output.js';
import { wrap } from '../../common/plain.js';
import { withSession } from '../session.js';
import type { GlobalFlags } from '../settings.js';

interface ShowOptions extends GlobalFlags {
  runbook: string;
  /** File that the steps are drawn into. */
  graph?: string;
}

export function registerShow(program: Command, io: Io): void {
  program
    .command('show')
    .description('show a runbook: its inputs, steps, approvals, rollback')
    .argument('<runbook>', 'id of the runbook')
    .addOption(graphOption())
    .addHelpText('after', examples('runbook show pipeline-recovery'))
    .action(async (runbook: string, _own: unknown, command: Command) => {
      io.exitCode = await runShow(
        { ...optionsOf<Omit<ShowOptions, 'runbook'>>(command), runbook },
        io,
      );
    });
}

/** @throws CliError with exit code 2 for an id that no runbook has */
async function runShow(options: ShowOptions, io: Io): Promise<number> {
  const { runbooks, parts, broken } = await readCatalogue(io.env);
  const known = [...runbooks, ...parts];
  const spec = known.find(({ id }) => id === options.runbook);
  const wrong = broken.find(({ id }) => id === options.runbook);
  if (!spec && wrong)
    throw new CliError(`${brokenWords(wrong)}.`, `Correct ${wrong.file}`, exitCodes.usage);
  if (!spec) {
    throw unknownName(
      `There is no runbook ${JSON.stringify(options.runbook)}.`,
      { name: options.runbook, what: 'runbooks', known: known.map(({ id }) => id) },
      `${commandName(io.env)} list`,
    );
  }
  if (options.graph !== undefined) {
    const { writeGraph } = await import('../graph/write.js');
    const { id, version, title, steps } = spec;
    await writeGraph(options.graph, { id, version, title, steps });
  }
  const { drillFacts, drillWords, readDrills } = await import('../drills.js');
  const drills = await withSession(options, io, (session) => readDrills(session));
  if (options.output === 'json' || options.output === 'jsonl')
    printValue(io, options.output, { ...spec, ...drillFacts(spec, drills) });
  else {
    const drilled = drills ? drillWords(spec, drills.get(spec.id)) : 'the record cannot be asked';
    const { renderStepSpecs } = await import('../plan-text.js');
    const paint = painter(io, options.color);
    print(
      io,
      [
        ...head(spec, drilled, paint, io.columns),
        renderStepSpecs(spec.steps, paint, io.columns),
        ...tail(spec, paint, io),
      ].join('\n\n'),
    );
  }
  return exitCodes.ok;
}

function head(spec: RunbookSpec, drilled: string, paint: Paint, columns: number): string[] {
  const facts: [string, string][] = [
    ['id', `${spec.id} ${spec.version}`],
    [
      'type',
      `${spec.type.toLowerCase().replaceAll('_', ' ')}, ${spec.priority.toLowerCase()} priority, about ${spec.expectedMinutes} minutes`,
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
          `${paint('bold', 'Before you start')}\n${spec.prerequisites.map((each) => wrap(each, columns, '  ')).join('\n')}`,
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
