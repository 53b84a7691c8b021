import type { Command } from 'commander';
import type { DeskVerb, Verdict } from '../../common/envelope.js';
import type { RunView, WaitView } from '../../common/view.js';
import { digestOf } from '../../language/digest.js';
import type { JsonObject } from '../../language/json.js';
import { ask, confirmed } from '../ask.js';
import { CliError } from '../errors.js';
import { exitCodes } from '../exit-codes.js';
import type { Io } from '../io.js';
import { asOption, examples, optionsOf, reasonOption, timeoutOption } from '../options.js';
import { painter, print, printValue, remark } from '../output.js';
import { withSession } from '../session.js';
import { operatorName, type GlobalFlags } from '../settings.js';

export interface DecideOptions extends GlobalFlags {
  verb: 'approve' | 'reject' | 'take-over' | DeskVerb;
  run: string;
  gate?: string;
  reason?: string;
  digest?: string;
  decisionId?: string;
  /** For `approve`: the name of what the gate acts on. */
  confirm?: string;
  /** For `done`. */
  outputs?: JsonObject;
  /** For `retry`. */
  inputs?: JsonObject;
  as?: string;
  yes?: boolean;
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
    'refuse what a waiting run asks; what was changed is taken back',
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
    .option('--yes', 'send without asking')
    .addOption(timeoutOption('how long to wait for the verdict (default 10s)'))
    .addHelpText('after', examples(`runbook ${verb} @latest --reason "checked with the data team"`))
    .action(async (id: string, gate: string | undefined, _own: unknown, command: Command) => {
      const options = {
        ...optionsOf<Omit<DecideOptions, 'run' | 'verb'>>(command),
        verb,
        run: id,
        ...(gate === undefined ? {} : { gate }),
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
    const { awaitVerdict, decisionEnvelope, gateToDecide, isAboutRun, sendDecision, askAgain } =
      await import('../decide.js');
    const { readRunSoon, resolveRun } = await import('../read-run.js');
    const run = await resolveRun(session, options.run);
    const timeoutMs = options.timeout ?? defaultTimeoutMs;
    if (options.decisionId !== undefined) {
      const known = await awaitVerdict(session, run, options.decisionId, 0);
      if (known) return tell(known, options, io);
    }
    const reason = await reasonOf(options, io);
    const reading = await readRunSoon(session, run);
    const aboutRun = isAboutRun(reading.view, options.verb, options.gate);
    let gate: WaitView | undefined;
    try {
      gate = aboutRun
        ? undefined
        : gateToDecide(reading, options.gate, options.verb, session.command);
    } catch (error) {
      // The same decision, sent a moment ago, may have decided the gate.
      const known =
        options.decisionId === undefined
          ? null
          : await awaitVerdict(session, run, options.decisionId, 0);
      if (known) return tell(known, options, io);
      throw error;
    }
    if (reading.note) remark(io, reading.note);
    for (const line of preview(options, reading.view, aboutRun)) remark(io, line);
    if (io.canAsk && !options.yes) {
      const { renderWait } = await import('../view.js');
      if (gate)
        remark(io, renderWait(gate, { paint: painter(io, options.color), columns: io.columns }));
      if (
        !(await confirmed(
          io,
          `${options.verb[0]?.toUpperCase()}${options.verb.slice(1)} ${gate?.id ?? run}?`,
        ))
      ) {
        remark(io, 'Nothing was sent.');
        return exitCodes.ok;
      }
    }
    const confirm = await typedName(options, gate, io);
    const decision = decisionEnvelope({
      run,
      verb: options.verb,
      by: operatorName(options.as, io.env),
      reason,
      ...(gate ? { gate } : {}),
      // A rollback applies only to the undos that were shown.
      ...(aboutRun && options.verb === 'rollback'
        ? { digest: digestOf(reading.view.undos ?? []) }
        : {}),
      ...(options.inputs === undefined ? {} : { inputs: options.inputs }),
      ...(confirm === undefined ? {} : { confirm }),
      ...(options.outputs === undefined ? {} : { outputs: options.outputs }),
      ...(options.digest === undefined ? {} : { digest: options.digest }),
      ...(options.decisionId === undefined ? {} : { id: options.decisionId }),
    });
    const verdict = await sendDecision(session, decision, timeoutMs);
    if (verdict) return tell(verdict, options, io);
    throw new CliError(
      'The decision was sent, and nobody has judged it yet: no worker answers. It is kept and will be judged.',
      `Ask again with: ${askAgain(session.command, decision)}`,
      exitCodes.timedOut,
    );
  });
}

/** What the decision will do, where the question does not show it. */
function preview(options: DecideOptions, view: RunView, aboutRun: boolean): string[] {
  if (aboutRun && options.verb === 'rollback') {
    const undos = (view.undos ?? []).map((path) => {
      const step = view.steps.find((each) => each.id === path);
      return `  ${path}: ${step?.undo ?? step?.title ?? ''}`;
    });
    return undos.length > 0 ? ['Taken back, in this order:', ...undos] : [];
  }
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
  gate: WaitView | undefined,
  io: Io,
): Promise<string | undefined> {
  const isWanted =
    options.verb === 'approve' && gate?.confirm !== undefined && options.confirm === undefined;
  if (!isWanted || !io.canAsk || options.yes) return Promise.resolve(options.confirm);
  return ask(io, 'Type the name of what this gate acts on: ');
}

/** Every decision carries a reason; without one nothing is sent. */
async function reasonOf(options: DecideOptions, io: Io): Promise<string> {
  if (options.reason?.trim()) return options.reason;
  if (io.canAsk && !options.yes) {
    const typed = await ask(io, 'Reason: ');
    if (typed) return typed;
  }
  throw new CliError(
    'A decision needs a reason; nothing was sent.',
    'Add --reason TEXT',
    exitCodes.usage,
  );
}

function tell(verdict: Verdict, options: DecideOptions, io: Io): number {
  const format = options.output ?? 'text';
  const code = verdict.accepted ? exitCodes.ok : exitCodes.denied;
  if (format !== 'text') {
    printValue(io, format, verdict);
    return code;
  }
  if (!verdict.accepted) throw new CliError(`Refused: ${verdict.message}`, '', exitCodes.denied);
  print(io, `Accepted: ${verdict.message}`);
  return code;
}
