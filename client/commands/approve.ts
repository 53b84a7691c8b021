import type { Command } from 'commander';
import type { Verdict, VerdictCode } from '../../common/envelope.js';
import { quoteArgument } from '../../common/quote-argument.js';
import type { AnswerVerb } from '../../common/questions.js';
import type { RunView, WaitView } from '../../common/view.js';
import type { Json, JsonObject } from '../../language/json.js';
import type { InputSpec } from '../../language/runbook.js';
import { ask } from '../ask.js';
import { asksForDecision, isConfirmed, reasonFor, yesOption, type Consent } from '../consent.js';
import { CliError } from '../errors.js';
import { exitCodes } from '../exit-codes.js';
import type { Io } from '../io.js';
import { asOption, examples, optionsOf, reasonOption, timeoutOption } from '../options.js';
import { painter, print, printValue, remark } from '../output.js';
import { withSession } from '../session.js';
import { operatorName, type GlobalFlags } from '../settings.js';

export interface DecideOptions extends GlobalFlags, Consent {
  verb: AnswerVerb;
  run: string;
  /** Id of the gate or step; absent: the only question that the verb answers. */
  about?: string;
  digest?: string;
  decisionId?: string;
  /** For `approve`: the name of what the gate acts on. */
  confirm?: string;
  /** For `done`: as they were typed. */
  outputs?: Readonly<Record<string, string>>;
  /** For `retry`. */
  inputs?: JsonObject;
  as?: string;
  timeout?: number;
}

const defaultTimeoutMs = 10_000;

export function registerApprove(program: Command, io: Io, run = runDecide): void {
  register(program, io, 'approve', 'let a waiting run go on', run);
}

export function registerReject(program: Command, io: Io, run = runDecide): void {
  register(
    program,
    io,
    'reject',
    'refuse what a waiting run asks; what was changed is undone',
    run,
  );
}

function register(
  program: Command,
  io: Io,
  verb: 'approve' | 'reject',
  description: string,
  run: typeof runDecide,
): void {
  const command = program
    .command(verb)
    .description(description)
    .argument('<run>', 'id of the run, or @latest')
    .argument('[gate]', 'the gate; may be left out when only one waits')
    .addOption(reasonOption())
    .option(
      '--digest <digest>',
      'digest of what you saw; refused when the gate asks something else by now',
    )
    .option('--decision-id <id>', 'ask again for the verdict on a decision that was sent')
    .addOption(asOption())
    .addOption(yesOption())
    .addOption(timeoutOption('how long to wait for the verdict (default 10s)'))
    .addHelpText('after', examples(`runbook ${verb} @latest --reason "checked with the data team"`))
    .action(async (id: string, gate: string | undefined, _own: unknown, command: Command) => {
      const options = {
        ...optionsOf<Omit<DecideOptions, 'run' | 'verb'>>(command),
        verb,
        run: id,
        ...(gate === undefined ? {} : { about: gate }),
      };
      io.exitCode = await run(options, io);
    });
  if (verb === 'approve')
    command.option('--confirm <name>', 'name of what the gate acts on, where it wants that typed');
}

/**
 * Sends a decision about a gate, a failed step or a held target, and prints its verdict.
 */
export function runDecide(options: DecideOptions, io: Io): Promise<number> {
  return withSession(options, io, async (session) => {
    const {
      awaitVerdict,
      checkDigest,
      decisionEnvelope,
      isAboutRun,
      refuseEmptyRollback,
      seeNow,
      sendDecision,
      askAgain,
      waitToDecide,
    } = await import('../decide.js');
    const { digestOf } = await import('../../language/digest.js');
    const { readRunSoon } = await import('../read-run.js');
    const { resolveRunToDecide } = await import('../run-to-decide.js');
    const { startedLine } = await import('../view.js');
    const { renderWait, undoLines } = await import('../view-wait.js');
    const { questionFor } = await import('../question-text.js');
    const { undoesChanges, whyNotOwn } = await import('../../common/questions.js');
    const asks = asksForDecision(io, options);
    const run = await resolveRunToDecide(session, options.run);
    const again = seeNow(session.command, run);
    const timeoutMs = options.timeout ?? defaultTimeoutMs;
    if (options.decisionId !== undefined) {
      const known = await awaitVerdict(session, run, options.decisionId, 0);
      if (known) return tell(known, { stale: again }, options, io);
    }
    const reading = await readRunSoon(session, run);
    const aboutRun = isAboutRun(reading.view, options.verb, options.about);
    let wait: WaitView | undefined;
    try {
      wait = aboutRun
        ? undefined
        : waitToDecide(reading, options.about, options.verb, session.command);
    } catch (error) {
      // The same decision, sent a moment ago, may have answered it.
      const known =
        options.decisionId === undefined
          ? null
          : await awaitVerdict(session, run, options.decisionId, 0);
      if (known) return tell(known, { stale: again }, options, io);
      throw error;
    }
    if (wait && options.digest !== undefined)
      await checkDigest(session, reading.view, wait, options.digest);
    const by = operatorName(options.as, io.env);
    const nextOf: NextSteps = {
      stale: again,
      'own-request': asOther(session.command, run, options),
    };
    // Whoever may not decide need not read it all and give a reason first. A script's decision is
    // sent, so that its refusal is recorded.
    const own = asks && wait ? whyNotOwn(options.verb, wait, by, reading.view.requester) : null;
    if (own !== null)
      throw new CliError(`${own} Nothing was sent.`, nextOf['own-request'], exitCodes.denied);
    if (aboutRun && options.verb === 'rollback') refuseEmptyRollback(reading, session.command);
    if (reading.note) remark(io, reading.note);
    const paint = painter(io, options.color);
    if (asks) remark(io, startedLine(reading.view, io.columns));
    if (asks && wait)
      remark(
        io,
        renderWait(run, wait, {
          ...{ paint, columns: io.columns, command: session.command, whole: true },
        }),
      );
    // What is undone is shown before it is asked about.
    const undone = undoesChanges(options.verb) ? undoLines(reading.view) : [];
    for (const line of [...undone, ...changedInputs(options, reading.view)]) remark(io, line);
    const reason = await reasonFor(io, options, asks);
    const confirm = await typedName(options, wait, io, asks);
    const outputs = await typedOutputs(options, wait, io, asks);
    if (
      asks &&
      !(await isConfirmed(io, await questionFor(session, reading.view, options.verb, wait)))
    )
      return exitCodes.ok;
    const decision = decisionEnvelope({
      run,
      verb: options.verb,
      by,
      reason,
      ...(wait ? { wait } : {}),
      // A rollback applies only to the undos that were shown.
      ...(aboutRun && options.verb === 'rollback'
        ? { digest: digestOf(reading.view.undos ?? []) }
        : {}),
      ...(options.inputs === undefined ? {} : { inputs: options.inputs }),
      ...(confirm === undefined ? {} : { confirm }),
      ...(outputs === undefined ? {} : { outputs }),
      ...(options.digest === undefined ? {} : { digest: options.digest }),
      ...(options.decisionId === undefined ? {} : { id: options.decisionId }),
    });
    const verdict = await sendDecision(session, decision, timeoutMs);
    if (verdict) return tell(verdict, nextOf, options, io);
    throw new CliError(
      'The decision was sent, and nobody has judged it yet: ' +
        'no worker answers. It is kept and will be judged.',
      `Ask again with: ${askAgain(session.command, decision)}`,
      exitCodes.timedOut,
    );
  });
}

/** Each changed input, as it was and as it will be. */
function changedInputs(options: DecideOptions, view: RunView): string[] {
  return Object.entries(options.inputs ?? {}).map(
    ([name, value]) =>
      `  ${name}: ${JSON.stringify(view.inputs[name] ?? null)} → ${JSON.stringify(value)}`,
  );
}

/**
 * Some gates require the name of what they act on: a person who types another one has the wrong
 * system in mind.
 */
function typedName(
  options: DecideOptions,
  wait: WaitView | undefined,
  io: Io,
  asks: boolean,
): Promise<string | undefined> {
  const isWanted =
    options.verb === 'approve' && wait?.confirm !== undefined && options.confirm === undefined;
  if (!isWanted || !asks) return Promise.resolve(options.confirm);
  return ask(io, 'Type the name of what this gate acts on: ');
}

/** What later steps need of a step that was done by hand. */
async function typedOutputs(
  options: DecideOptions,
  wait: WaitView | undefined,
  io: Io,
  asks: boolean,
): Promise<JsonObject | undefined> {
  const given = await readOutputs(options.outputs, wait?.fields);
  if (!asks || options.verb !== 'done') return given;
  const missing = (wait?.answers ?? []).filter((name) => given?.[name] === undefined);
  if (missing.length === 0) return given;
  const typed: JsonObject = {};
  for (const name of missing) typed[name] = await typedAnswer(name, wait?.fields?.[name], io);
  return { ...given, ...typed };
}

/** Asks until the answer is what is declared. */
async function typedAnswer(name: string, field: InputSpec | undefined, io: Io): Promise<Json> {
  const { answerText } = await import('../../language/cases.js');
  const { readAnswer } = await import('../../language/asked.js');
  const { valueOf } = await import('../typed-value.js');
  const question = field ? `${name}: ${answerText(field)}: ` : `Output ${name}: `;
  for (;;) {
    const typed = await ask(io, question);
    const read = field ? readAnswer(field, typed) : { value: valueOf(typed) };
    if ('value' in read) return read.value;
    remark(io, `${name} ${read.wrong}`);
  }
}

/**
 * Answers from the command line, read as what is declared, so that nothing wrong is sent.
 * @throws CliError that names each wrong one
 */
async function readOutputs(
  given: Readonly<Record<string, string>> | undefined,
  fields: WaitView['fields'],
): Promise<JsonObject | undefined> {
  if (!given) return undefined;
  const { readAnswer } = await import('../../language/asked.js');
  const { valueOf } = await import('../typed-value.js');
  const wrong: string[] = [];
  const outputs = Object.entries(given).map(([name, typed]): [string, Json] => {
    const field = fields?.[name];
    if (!field) return [name, valueOf(typed)];
    const read = readAnswer(field, typed);
    if ('value' in read) return [name, read.value];
    wrong.push(`${name} ${read.wrong}`);
    return [name, null];
  });
  if (wrong.length === 0) return Object.fromEntries(outputs);
  throw new CliError(wrong.join('\n'), 'Nothing was sent.', exitCodes.usage);
}

/** What to do next about a refusal. */
type NextSteps = Partial<Record<VerdictCode, string>>;

/** The command with which somebody else decides, for a screen that people share. */
function asOther(command: string, run: string, { verb, about, digest }: DecideOptions): string {
  const words = [verb, quoteArgument(run), ...(about === undefined ? [] : [quoteArgument(about)])];
  const shown = digest === undefined ? [] : ['--digest', quoteArgument(digest)];
  return (
    'On a screen that you share, they type: ' +
    `${[command, ...words, ...shown].join(' ')} --as NAME`
  );
}

function tell(verdict: Verdict, nextOf: NextSteps, options: DecideOptions, io: Io): number {
  const format = options.output ?? 'text';
  const code = verdict.accepted ? exitCodes.ok : exitCodes.denied;
  if (format !== 'text') {
    printValue(io, format, verdict);
    return code;
  }
  if (!verdict.accepted)
    throw new CliError(`Refused: ${verdict.message}`, nextOf[verdict.code] ?? '', exitCodes.denied);
  print(io, `Accepted: ${verdict.message}`);
  return code;
}
