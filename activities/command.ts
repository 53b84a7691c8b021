import { unsafeValue } from '../language/arguments.js';
import type { JsonObject } from '../language/json.js';
import type { CommandAction } from '../language/kinds/command.js';
import { quoteArgument } from '../common/quote-argument.js';
import { LastLine, readAnswer } from './answers.js';
import { Excerpt } from './excerpt.js';
import { StepFailure } from './failure.js';
import type { AttemptContext, Handler } from './handler.js';
import { inheritedEnvironment } from './inherited-environment.js';
import type { JournaledProcess, Outcome } from './journal.js';
import { parseOutput, WholeText } from './parse-output.js';
import { targetEnvironment } from './target-environment.js';
import { notStarted } from './not-started.js';

/** Kept of each stream of a program that answers, in bytes: so much of its start and of its end. */
const besideAnAnswer = 1024;

/**
 * Runs a program with its arguments as they are: no shell, a session of its own, no input, output
 * to its journal. The supervisor owns the process, so it survives the worker; the next worker on
 * this host follows the same process. On abort its whole tree is ended before this returns.
 */
export const command: Handler<'command'> = async (action, context) => {
  refuseUnsafe(action);
  const env = await environment(action, context);
  if (context.signal.aborted) throw context.signal.reason;
  const claim = context.commands.claim(context);
  // The answer takes most of the space in history.
  const kept = action.answer === undefined ? undefined : besideAnAnswer;
  const stdout = new Excerpt(kept);
  const stderr = new Excerpt(kept);
  const lastLine = new LastLine();
  const whole = new WholeText();
  const outcome = await claim.run(
    { argv: action.argv, env, cwd: action.cwd ?? null, timeoutMs: context.timeoutMs },
    {
      signal: context.signal,
      starting: () => context.programs.assertUnchanged(action),
      output: (stream, chunk) => {
        (stream === 'stdout' ? stdout : stderr).take(chunk);
        if (stream === 'stdout' && action.answer !== undefined) lastLine.take(chunk);
        if (stream === 'stdout' && action.parse !== undefined) whole.take(chunk);
        context.output(stream, chunk);
      },
      attached: ({ pid }: JournaledProcess) => context.progress({ pid }),
    },
  );
  const output = result(action, outcome, env, context, stdout, stderr);
  const isRead = action.parse !== undefined || action.answer !== undefined;
  if (outcome.full && isRead) throw outputLost(action, outcome);
  if (action.parse !== undefined) return { ...output, ...parsed(action, whole, context) };
  if (action.answer === undefined) return output;
  if (output['exitCode'] !== 0) return { ...output, answer: null };
  const line = lastLine.text();
  const [program = ''] = action.argv;
  const answer = readAnswer(
    action.answer,
    program,
    line && context.secrets.shown(line, (clean) => clean),
  );
  return { ...output, answer };
};

/** What it printed, as data and without secrets. */
function parsed(
  { argv: [program = ''], parse }: CommandAction,
  whole: WholeText,
  { secrets }: AttemptContext,
): JsonObject {
  const text = whole.text(program);
  return parse === undefined
    ? {}
    : parseOutput(parse, program, text && secrets.shown(text, (clean) => clean));
}

/**
 * Checks before the start that values are only data, wherever they come from.
 * @throws StepFailure CommandInvalid
 */
function refuseUnsafe({ argv, given = [], partly = [], cwd, env = {} }: CommandAction): void {
  const [program = ''] = argv;
  const unsafe = unsafeValue(argv, given, partly);
  if (unsafe !== undefined) {
    throw new StepFailure('CommandInvalid', `${program} was not started: ${unsafe}`, {
      next: 'Correct the input that it comes from, or let the step put a literal -- before it.',
    });
  }
  const texts = [...argv, cwd ?? '', ...Object.values(env)];
  if (texts.some((text) => typeof text === 'string' && text.includes('\0'))) {
    throw new StepFailure(
      'CommandInvalid',
      `${program} was not started: an argument holds a NUL, which no program can be given`,
      { next: 'Correct the input that it comes from.' },
    );
  }
}

function result(
  action: CommandAction,
  outcome: Outcome,
  env: Readonly<Record<string, string>>,
  context: AttemptContext,
  stdout: Excerpt,
  stderr: Excerpt,
): JsonObject {
  const [program = ''] = action.argv;
  const { exitCode, signal, timedOut } = outcome;
  if (outcome.notStarted !== null) {
    const { argv, cwd = null } = action;
    throw notStarted(outcome.notStarted, { argv, cwd, path: env['PATH'] ?? '' });
  }
  if (timedOut)
    throw new StepFailure(
      'StepTimeout',
      `the attempt took longer than ${context.timeoutMs / 1000} s and was ended`,
    );
  const output: JsonObject = {
    exitCode,
    signal,
    stdout: context.secrets.shown(stdout.whole(), (clean) => stdout.shorten(clean)),
    stderr: context.secrets.shown(stderr.whole(), (clean) => stderr.shorten(clean)),
    truncated: false,
    ...(outcome.full ? notWhole(['stdout', 'stderr']) : cut({ stdout, stderr })),
    bytes: { stdout: stdout.bytes, stderr: stderr.bytes },
    sha256: { stdout: stdout.digest(), stderr: stderr.digest() },
  };
  if (exitCode !== null && (action.exitCodes ?? [0]).includes(exitCode)) return output;
  const how = signal ? `was ended by ${signal}` : `ended with exit code ${exitCode ?? 'unknown'}`;
  const { secrets } = context;
  const tail = secrets.quote(stderr.whole(), 'end') || secrets.quote(stdout.whole(), 'end');
  throw new StepFailure('CommandFailed', `${program} ${how}${tail ? `: ${tail}` : ''}`, {
    next: 'Read its whole output',
    command: `logs ${quoteArgument(context.run)} ${quoteArgument(context.step)}`,
    details: { exitCode, signal },
    answer: output,
  });
}

/** A part is no answer; what the program did, it did. */
function outputLost({ argv: [program = ''] }: CommandAction, { exitCode }: Outcome): StepFailure {
  return new StepFailure(
    'AnswerUnusable',
    `${program} ended with exit code ${exitCode ?? 'unknown'}, and some of its output may be lost: the disk of the worker's journals is full`,
    { next: 'Make room there; doctor names the folder. Then look at what the step has done.' },
  );
}

/** Names of the streams that were shortened, so that code does not read them. */
function cut(streams: Record<string, Excerpt>): JsonObject {
  const names = Object.entries(streams).flatMap(([name, stream]) =>
    stream.truncated || stream.isAltered ? [name] : [],
  );
  return names.length === 0 ? {} : notWhole(names);
}

function notWhole(names: string[]): JsonObject {
  return { truncated: true, cut: names };
}

async function environment(
  action: CommandAction,
  context: AttemptContext,
): Promise<Record<string, string>> {
  const env: Record<string, string> = {
    RUNBOOK_RUN: context.run,
    RUNBOOK_STEP: context.step,
    ...inheritedEnvironment(),
  };
  const { target, credentials } = action;
  if (target !== undefined && credentials !== undefined)
    Object.assign(env, await targetEnvironment(context.targets.get(target), credentials, context));
  for (const [name, value] of Object.entries(action.env ?? {})) {
    if (typeof value === 'string') env[name] = value;
    else if (action.target !== undefined)
      env[name] = await context.secrets.resolve(value.secret, action.target);
    else
      throw new StepFailure(
        'Configuration',
        `secret ${value.secret} is given to a command that names no target`,
        {
          next: 'Name the target that the command acts on.',
        },
      );
  }
  return env;
}
