import { unsafeValue } from '../language/arguments.js';
import { withCut } from '../language/cut.js';
import type { JsonObject } from '../language/json.js';
import type { CommandAction } from '../language/kinds/command.js';
import { quoteArgument } from '../common/quote-argument.js';
import { LastLine, readAnswer } from './answers.js';
import { Excerpt } from './excerpt.js';
import { StepFailure } from './failure.js';
import type { AttemptContext, Handler } from './handler.js';
import { inheritedEnvironment } from './inherited-environment.js';
import type { JournaledProcess, Outcome } from './journal.js';
import { marked } from './marked.js';
import { parseBoth, WholeText } from './parse-output.js';
import { targetEnvironment } from './target-environment.js';
import { NotFollowed } from './not-followed.js';
import { notStarted } from './not-started.js';

/** Kept of each stream of a program that answers, in bytes: so much of its start and of its end. */
const besideAnAnswer = 1024;

/**
 * Runs a program with its arguments as they are: no shell, a session of its own, no input, output
 * to its journal. The supervisor owns the process, so it survives the worker; the next worker on
 * this host follows the same process. On abort its whole tree is ended before this returns.
 */
export const command: Handler<'command'> = async (action, context) => {
  const { env, files } = await prepared(action, context).catch((error: unknown) => {
    throw context.resumedFrom === null ? error : new NotFollowed(error);
  });
  const claim = context.commands.claim(context);
  // The answer takes most of the space in history.
  const kept = action.answer === undefined ? undefined : besideAnAnswer;
  const stdout = new Excerpt(kept);
  const stderr = new Excerpt(kept);
  const lastLine = new LastLine();
  const whole = new WholeText();
  const outcome = await claim.run(
    { argv: action.argv, env, cwd: action.cwd ?? null, timeoutMs: context.timeoutMs, ...files },
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
  const [program = ''] = action.argv;
  if (action.parse !== undefined) {
    const { was, is } = parseBoth(action.parse, program, whole.text(program), context.secrets);
    return marked({ ...output, ...was }, { ...output, ...is }, true);
  }
  if (action.answer === undefined) return output;
  if (output['exitCode'] !== 0) return { ...output, answer: null };
  return {
    ...output,
    answer: readAnswer(action.answer, program, lastLine.text(program), context.secrets),
  };
};

/** What a start needs; one that is followed needs its secrets, so that no output shows them. */
async function prepared(action: CommandAction, context: AttemptContext) {
  refuseUnsafe(action);
  const env = await environment(action, context);
  const files = action.files ? { files: await context.files.of(action.files) } : {};
  if (context.signal.aborted) throw context.signal.reason;
  return { env, files };
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
  const { secrets } = context;
  const streams = { stdout: forPeople(stdout, secrets), stderr: forPeople(stderr, secrets) };
  const names = Object.keys(streams) as (keyof typeof streams)[];
  const output = withCut(
    {
      ...{ exitCode, signal, stdout: streams.stdout.shown, stderr: streams.stderr.shown },
      truncated: false,
      bytes: { stdout: stdout.bytes, stderr: stderr.bytes },
      sha256: { stdout: stdout.digest(), stderr: stderr.digest() },
    },
    names.filter((name) => outcome.full || streams[name].isAltered),
    names.filter((name) => streams[name].isBlanked),
  );
  if (exitCode !== null && (action.exitCodes ?? [0]).includes(exitCode)) return output;
  const how = signal ? `was ended by ${signal}` : `ended with exit code ${exitCode ?? 'unknown'}`;
  const tail =
    secrets.quote(streams.stderr.text, 'end') || secrets.quote(streams.stdout.text, 'end');
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
    `${program} ended with exit code ${exitCode ?? 'unknown'}, and some of its output may ` +
      "be lost: the disk of the worker's journals is full",
    { next: 'Make room there; doctor names the folder. Then look at what the step has done.' },
  );
}

/** A stream as people see it, and whether that is what was printed. */
function forPeople(stream: Excerpt, secrets: AttemptContext['secrets']) {
  const { text, isAltered } = stream.whole();
  const clean = secrets.text(text);
  const isBlanked = clean !== text;
  return { text, shown: stream.shorten(clean), isBlanked, isAltered: isAltered || isBlanked };
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
