import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command, CommanderError, Help } from 'commander';
import { projectRoot } from '../embedded/home.js';
import { commandName } from './command-name.js';
import { CliError, explain } from './errors.js';
import { exitCodes } from './exit-codes.js';
import { usualColumns, type Io } from './io.js';
import { didYouMean } from './nearest.js';
import { globalOptions } from './options.js';
import { outputFormats, printError, type OutputFormat } from './output.js';
import { verbIn, verbsOf, wordsOf } from './verbs.js';
import { registerAck } from './commands/ack.js';
import { registerAdopt } from './commands/adopt.js';
import { registerApprove, registerReject } from './commands/approve.js';
import { registerCancel, registerPause, registerResume } from './commands/cancel.js';
import {
  registerAbort,
  registerDone,
  registerRetry,
  registerRollback,
  registerSkip,
} from './commands/desk.js';
import { registerCompletion } from './commands/completion.js';
import { registerDeployment } from './commands/deployment.js';
import { registerDev } from './commands/dev.js';
import { registerDoctor } from './commands/doctor.js';
import { registerFmt } from './commands/fmt.js';
import { registerHistory } from './commands/history.js';
import { registerLeases } from './commands/leases.js';
import { registerLint } from './commands/lint.js';
import { registerList } from './commands/list.js';
import { registerLogs } from './commands/logs.js';
import { registerNew } from './commands/new.js';
import { registerOpen } from './commands/open.js';
import { registerPlan } from './commands/plan.js';
import { registerReport } from './commands/report.js';
import { registerRuns } from './commands/runs.js';
import { registerSchedule } from './commands/schedule.js';
import { registerSchema } from './commands/schema.js';
import { registerSetup } from './commands/setup.js';
import { registerShow } from './commands/show.js';
import { registerStart } from './commands/start.js';
import { registerStatus } from './commands/status.js';
import { registerTakeOver } from './commands/take-over.js';
import { registerTest } from './commands/test.js';
import { registerWait } from './commands/wait.js';
import { registerWatch } from './commands/watch.js';
import { registerWorker } from './commands/worker.js';

/** The verbs in the order in which people need them. */
const groups = [
  [
    'Run everything',
    [registerDev, registerWorker, registerSetup, registerDoctor, registerDeployment, registerAdopt],
  ],
  ['Runbooks', [registerList, registerShow, registerPlan, registerStart, registerSchedule]],
  ['Write runbooks', [registerNew, registerLint, registerTest, registerFmt, registerSchema]],
  [
    'Follow',
    [
      registerRuns,
      registerStatus,
      registerWatch,
      registerWait,
      registerLogs,
      registerHistory,
      registerReport,
      registerOpen,
      registerLeases,
    ],
  ],
  [
    'Decide',
    [
      registerApprove,
      registerReject,
      registerPause,
      registerResume,
      registerCancel,
      registerTakeOver,
      registerAck,
    ],
  ],
  [
    'When a step failed',
    [registerRetry, registerSkip, registerDone, registerRollback, registerAbort],
  ],
  ['Around it', [registerCompletion]],
] as const;

const exitCodeHelp = `
Exit codes: 0 ok, 1 failed, 2 usage, 4 denied, 5 rejected, 6 timed out waiting,
8 waiting for people, 130 cancelled or interrupted.
A RUN is a run's id; @latest is the newest.`;

/** The whole command line, ready to parse; runs nothing yet. */
export function createProgram(io: Io): Command {
  const program = new Command('runbook')
    .description('Durable runbooks: procedures that cannot be lost, gated and proved.')
    .version(version(), '-V, --version', 'print the version')
    .configureHelp({
      showGlobalOptions: true,
      sortOptions: false,
      optionDescription: (option) =>
        Help.prototype.optionDescription
          .call(new Help(), option)
          .replace(/ \(choices: (.*)\)$/, ': $1'),
    })
    .configureOutput({
      writeOut: (text) => void io.stdout.write(text),
      // runCli prints usage errors, in the form of all errors.
      writeErr: () => undefined,
      getOutHelpWidth: () => helpWidth(io),
      getErrHelpWidth: () => helpWidth(io),
      getOutHasColors: () => false,
    })
    .showSuggestionAfterError(false)
    .exitOverride()
    .addHelpText('after', exitCodeHelp);
  for (const option of globalOptions()) program.addOption(option);
  for (const [title, registers] of groups) {
    program.commandsGroup(`${title}:`);
    for (const register of registers) register(program, io);
  }
  return program;
}

/** A page in a form of its own, also where nothing else is wrapped. */
function helpWidth({ columns }: Io): number {
  return Number.isFinite(columns) ? columns : usualColumns;
}

/**
 * Runs a command line.
 * @param argv without the program and its file
 * @returns the exit code
 */
export async function runCli(argv: readonly string[], io: Io): Promise<number> {
  const command = commandName(io.env);
  const program = createProgram(io);
  if (argv.length === 0) {
    program.outputHelp();
    return exitCodes.ok;
  }
  try {
    await program.parseAsync(withAnswers(helpAsked(program, argv)), { from: 'user' });
    return io.exitCode;
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return exitCodes.ok;
    const problem =
      error instanceof CommanderError
        ? usageError(error, argv, program, command)
        : explain(error, { command });
    const plain = argv.includes('--no-color');
    if (problem.message || problem.next) printError(io, problem, formatOf(argv), !plain);
    return problem.exitCode;
  }
}

/** `-h VERB` and `help VERB` are what `VERB --help` is. */
function helpAsked(program: Command, argv: readonly string[]): readonly string[] {
  const [first = '', ...rest] = argv;
  if (!['-h', '--help', 'help'].includes(first)) return argv;
  const found = verbIn(program, rest);
  return found ? [...wordsOf(found.verb).split(' '), '--help'] : argv;
}

/**
 * `done --output job=17` names an answer of the step, and only lint and test print annotations;
 * everywhere else `--output` is one of the forms that all verbs have.
 */
function withAnswers(argv: readonly string[]): string[] {
  const verb = argv.find((word) => !word.startsWith('-'));
  if (verb === 'lint' || verb === 'test') return withAnnotations(argv);
  if (verb !== 'done') return [...argv];
  return argv.map((word, index) => {
    if (word === '--output' && argv[index + 1]?.includes('=')) return '--answer';
    return /^--output=[^=]+=/.test(word) ? word.replace('--output=', '--answer=') : word;
  });
}

function withAnnotations(argv: readonly string[]): string[] {
  return argv.flatMap((word, index) => {
    if (word === '--output=annotations') return ['--annotations'];
    if (word === '--output' && argv[index + 1] === 'annotations') return ['--annotations'];
    return word === 'annotations' && argv[index - 1] === '--output' ? [] : [word];
  });
}

function usageError(
  error: CommanderError,
  argv: readonly string[],
  program: Command,
  command: string,
): CliError {
  const { verb, at } = verbIn(program, argv) ?? {};
  // A verb with verbs of its own takes what is none of them for an argument of its usual one.
  const own = verb && verb.commands.length > 0 ? argv[(at ?? 0) + 1] : undefined;
  const message =
    error.code === 'commander.excessArguments' && own !== undefined && !own.startsWith('-')
      ? `unknown command '${own}'`
      : error.message.replace(/^error: /, '');
  const text = message.charAt(0).toUpperCase() + message.slice(1);
  const help = `See: ${[command, verb && wordsOf(verb), '--help'].filter(Boolean).join(' ')}`;
  return new CliError(
    text.endsWith('.') ? text : `${text}.`,
    [hintFor(message, program, verb), help].filter(Boolean).join(' '),
    exitCodes.usage,
  );
}

/** What a mistyped verb, flag or choice should have been. */
function hintFor(message: string, program: Command, verb: Command | undefined): string | undefined {
  const flag = /^unknown option '(.+)'/.exec(message)?.[1];
  if (flag !== undefined) {
    const options = [...(verb?.options ?? []), ...program.options];
    return didYouMean({ name: flag, known: options.map(({ long }) => long ?? '') });
  }
  const name = /^unknown command '(.+)'/.exec(message)?.[1];
  if (name !== undefined)
    return didYouMean({ name, known: verbsOf(verb ?? program).map((each) => each.name()) });
  const [, choice = '', choices = ''] =
    /argument '(.*)' is invalid\. Allowed choices are (.*)\./.exec(message) ?? [];
  return didYouMean({ name: choice, known: choices.split(', ') });
}

/** The form of an error, also when the arguments could not be parsed. */
function formatOf(argv: readonly string[]): OutputFormat {
  const at = argv.findIndex((word) => word === '--output' || word.startsWith('--output='));
  const given =
    at === -1 ? undefined : argv[at]?.includes('=') ? argv[at]?.split('=')[1] : argv[at + 1];
  return outputFormats.find((format) => format === given) ?? 'text';
}

function version(): string {
  const { version: text } = JSON.parse(readFileSync(join(projectRoot, 'package.json'), 'utf8')) as {
    version: string;
  };
  return text;
}
