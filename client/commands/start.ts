import { randomUUID } from 'node:crypto';
import { Option, type Command } from 'commander';
import { whenHeldChoices, type StartEnvelope, type WhenHeld } from '../../common/envelope.js';
import type { HeldTarget } from '../../common/lease.js';
import type { JsonObject } from '../../language/json.js';
import type { Plan } from '../../language/plan.js';
import { asksFirst, isConfirmed, reasonToStart, yesOption, type Consent } from '../consent.js';
import { CliError } from '../errors.js';
import { exitCodes } from '../exit-codes.js';
import type { Io } from '../io.js';
import {
  asOption,
  drillOption,
  examples,
  type GivenInputs,
  input,
  optionsOf,
  reasonOption,
} from '../options.js';
import { painter, print, printValue, remark } from '../output.js';
import { thisSender } from '../sender.js';
import { withSession, type Session } from '../session.js';
import { operatorName, type GlobalFlags } from '../settings.js';

export interface StartOptions extends GlobalFlags, Consent {
  /** May be left out with `from`: default is that run's. */
  runbook?: string;
  /** A run that has ended: its finished steps are reused. */
  from?: string;
  /** With `from`: the first step that is done again. */
  at?: string;
  unattended?: 'abort' | 'rollback' | 'continue';
  input?: GivenInputs;
  inputsFile?: string;
  id?: string;
  as?: string;
  confirm?: string;
  watch?: boolean;
  ifHeld?: WhenHeld;
  notify?: string[];
  drill?: boolean;
}

const nothingStarted = 'Nothing was started';

/** Workflow ids that every shell, link and log takes as they are. */
const idPattern = /^[A-Za-z0-9][A-Za-z0-9._-]{0,199}$/;

export function registerStart(program: Command, io: Io, run = runStart): void {
  program
    .command('start')
    .description('start a run of a runbook')
    .argument(
      '[runbook]',
      'id of the runbook, or a plan that was written to a file; not with --from',
    )
    .option('--input <name=value>', 'an input; may be repeated', input)
    .option('--inputs-file <file>', 'inputs from a YAML or JSON file')
    .addOption(reasonOption())
    .option('--id <id>', 'id of the run; the same id sent again starts nothing twice')
    .addOption(asOption())
    .addOption(yesOption())
    .option('--confirm <target>', 'name of the target that a destroying step acts on')
    .addOption(
      new Option(
        '--if-held <what>',
        'while another run holds a target that this one changes (default wait)',
      ).choices(whenHeldChoices),
    )
    .option(
      '--from <run>',
      'reuse the finished steps of a run that has ended, and its inputs unless given',
    )
    .option('--at <step>', 'with --from: do this step and all later ones again')
    .addOption(
      new Option(
        '--unattended <what>',
        'what to do when a step fails and nobody is there to be asked',
      ).choices(['abort', 'rollback', 'continue']),
    )
    .option(
      '--notify <channel>',
      'who is told when it needs people, instead of those that the runbook names; may be repeated',
      (name: string, before: string[] = []) => [...before, name],
    )
    .addOption(drillOption())
    .option('--watch', 'follow the run until it ends, or needs people where nobody looks')
    .addHelpText(
      'after',
      examples(
        'runbook start pipeline-recovery --input pipeline=orders --reason "nightly load is late"',
        'runbook start pipeline-recovery --inputs-file inputs.yaml --yes --watch',
        'runbook start --from pipeline-recovery-20261121-051230-ab12 --reason "its host is gone"',
      ),
    )
    .action(async (runbook: string | undefined, _own: unknown, command: Command) => {
      const options = optionsOf<Omit<StartOptions, 'runbook'>>(command);
      io.exitCode = await run({ ...options, ...(runbook === undefined ? {} : { runbook }) }, io);
    });
}

/** Admits, asks the person, starts; then prints the run's id and what to do with it. */
export function runStart(options: StartOptions, io: Io): Promise<number> {
  return withSession(options, io, async (session) => {
    const { admittedPlan } = await import('../admitted-plan.js');
    const { readInputs } = await import('../inputs.js');
    const { existingRun, newRunId, startRun } = await import('../start-run.js');
    if (options.id !== undefined && !idPattern.test(options.id)) {
      throw new CliError(
        'This --id cannot be used.',
        'Use letters, digits, ., _ and -, 200 characters at most.',
        exitCodes.usage,
      );
    }
    const asks = asksFirst(io, options, nothingStarted);
    const given = await readInputs(options);
    const written = await writtenPlan(options);
    const { runbook, inputs, from } = options.from
      ? await takenFrom(session, options.from, options, given)
      : {
          runbook: written?.runbook.id ?? options.runbook,
          inputs: written?.inputs ?? given,
          from: undefined,
        };
    if (runbook === undefined) {
      throw new CliError(
        'Which runbook?',
        `See what there is with: ${session.command} list`,
        exitCodes.usage,
      );
    }
    const envelope: StartEnvelope = {
      version: 1,
      id: randomUUID(),
      verb: 'start',
      run: options.id ?? newRunId(runbook),
      runbook,
      inputs,
      by: operatorName(options.as, io.env),
      sender: thisSender(),
      reason: options.reason ?? '',
      ...(options.ifHeld === undefined ? {} : { whenHeld: options.ifHeld }),
      ...(options.unattended === undefined ? {} : { unattended: options.unattended }),
      ...(from ? { from } : {}),
      ...(options.notify === undefined ? {} : { notify: options.notify }),
      ...(options.drill || written?.drill ? { drill: true } : {}),
    };
    const earlier = options.id === undefined ? null : await existingRun(session, envelope);
    const { plan, held = [] } = earlier
      ? { plan: null }
      : await admittedPlan(session, nothingStarted, envelope);
    if (plan && written) await assertSame(written, plan, options);
    if (held.length > 0) await tellHeld(held, options, io);
    if (plan && asks) await showPlan(plan, options, io);
    const reason = plan ? await reasonToStart(io, options, asks) : '';
    if (plan && !(await allowed(plan, options, io, asks))) return exitCodes.ok;
    const sent = { ...envelope, reason };
    const started =
      earlier ??
      (plan
        ? await startRun(session, written ? { ...sent, digest: plan.digest } : sent, plan)
        : null);
    if (!started) return exitCodes.failed;
    await tell(session, started, options, io);
    if (!options.watch) return exitCodes.ok;
    const { watchRun } = await import('./watch.js');
    return watchRun(session, { ...options, run: started.id }, io);
  });
}

/** Whether a word of the command line names a file, and no runbook. */
function isPlanFile(name: string): boolean {
  return /[\\/]|\.json$/.test(name);
}

/** The plan of the file that was named; undefined where a runbook was. */
async function writtenPlan(options: StartOptions): Promise<Plan | undefined> {
  const { runbook } = options;
  if (runbook === undefined || !isPlanFile(runbook)) return undefined;
  const other = (
    [
      ['input', '--input'],
      ['inputsFile', '--inputs-file'],
      ['drill', '--drill'],
      ['from', '--from'],
    ] as const
  ).find(([key]) => options[key] !== undefined);
  if (other)
    throw new CliError(
      `${nothingStarted}: ${other[1]} cannot go with a plan, which says everything that is done.`,
      'Make another plan, with: runbook plan ID -o FILE',
      exitCodes.usage,
    );
  const { readPlanFile } = await import('../plan-file.js');
  return readPlanFile(runbook).catch((error: unknown) => {
    if (!(error instanceof CliError)) throw error;
    throw new CliError(`${nothingStarted}: ${error.message}`, error.next, exitCodes.usage);
  });
}

/** @throws CliError with exit code 2 that says what has changed since the plan was written */
async function assertSame(written: Plan, plan: Plan, options: StartOptions): Promise<void> {
  if (written.digest === plan.digest) return;
  const { planDifferences } = await import('../plan-difference.js');
  const changed = planDifferences(written, plan).map((each) => `  - ${each}`);
  throw new CliError(
    `${nothingStarted}: what would be done now is not what ${options.runbook} ` +
      `says:\n${changed.join('\n')}`,
    'Look at the plan as it is now, and write it again ' +
      `with: runbook plan ${plan.runbook.id} -o FILE`,
    exitCodes.usage,
  );
}

/**
 * The runbook and inputs of a run whose finished steps are reused. Admission checks that they can
 * be.
 */
async function takenFrom(
  session: Session,
  name: string,
  options: StartOptions,
  given: JsonObject,
): Promise<{ runbook: string; inputs: JsonObject; from: StartEnvelope['from'] }> {
  const { readRun, resolveRun } = await import('../read-run.js');
  const { view } = await readRun(session, await resolveRun(session, name));
  if (options.runbook !== undefined && options.runbook !== view.runbook) {
    throw new CliError(
      `Run ${view.id} is one of ${view.runbook}, not of ${options.runbook}.`,
      '',
      exitCodes.usage,
    );
  }
  if (options.at !== undefined && !view.steps.some(({ id }) => id === options.at)) {
    const { unknownStep } = await import('../unknown-step.js');
    throw unknownStep(view, options.at);
  }
  return {
    runbook: view.runbook,
    inputs: { ...view.inputs, ...given },
    from: { run: view.id, ...(options.at === undefined ? {} : { at: options.at }) },
  };
}

/** @throws CliError with exit code 4 when the run would not wait */
async function tellHeld(held: readonly HeldTarget[], options: StartOptions, io: Io): Promise<void> {
  const { heldText } = await import('../../common/lease.js');
  const who = held.map(heldText).join('; ');
  if (options.ifHeld !== 'refuse') return remark(io, `The run will wait: ${who}.`);
  throw new CliError(
    `Nothing was started: ${who}.`,
    'Start it again when that run has ended, or let it wait with: --if-held wait',
    exitCodes.denied,
  );
}

async function showPlan(plan: Plan, options: StartOptions, io: Io): Promise<void> {
  const { renderPlan } = await import('../plan-text.js');
  remark(io, `${renderPlan(plan, painter(io, options.color), io.columns)}\n`);
}

/**
 * On a terminal the person, who has seen the plan, says yes; a plan that destroys always requires
 * the target's name.
 */
async function allowed(plan: Plan, options: StartOptions, io: Io, asks: boolean): Promise<boolean> {
  const { effectsOf } = await import('../plan-text.js');
  const { targetsText } = await import('../question-text.js');
  const effects = effectsOf(plan.steps);
  // A drill destroys nothing but what is isolated.
  if (effects.includes('destroy') && !plan.drill) return destroyConfirmed(plan, options, io);
  if (!asks) return true;
  const where = plan.targets.length === 0 ? '' : ` on ${targetsText(plan.targets)}`;
  const question = `Start ${plan.runbook.id}${where}? Effects: ${effects.join(', ')}.`;
  return isConfirmed(io, question, nothingStarted);
}

/**
 * Names of the targets that a plan changes; what it only observes is never what a step destroys.
 */
async function changedTargets(plan: Plan, io: Io): Promise<string[]> {
  const { knownRunbooks } = await import('../catalogue.js');
  const spec = (await knownRunbooks(io.env)).find(({ id }) => id === plan.runbook.id);
  const observed = Object.entries(spec?.inputs ?? {}).flatMap(([name, input]) =>
    input.type === 'target' && input.observed ? [plan.inputs[name]] : [],
  );
  return plan.targets.map(({ name }) => name).filter((name) => !observed.includes(name));
}

async function destroyConfirmed(plan: Plan, options: StartOptions, io: Io): Promise<boolean> {
  const names = await changedTargets(plan, io);
  if (options.confirm !== undefined) {
    if (names.includes(options.confirm)) return true;
    throw new CliError(
      `Nothing was started: --confirm ${options.confirm} is no target that this plan changes.`,
      `It changes: ${names.join(', ') || 'none'}.`,
      exitCodes.usage,
    );
  }
  if (!io.canAsk) {
    throw new CliError(
      `Nothing was started: ${plan.runbook.id} has a step ` +
        'that destroys, and its target was not confirmed.',
      `Add --confirm ${names[0] ?? 'TARGET'}`,
      exitCodes.usage,
    );
  }
  const { ask } = await import('../ask.js');
  const typed = await ask(
    io,
    `A step of this plan destroys. Type the target's name (${names.join(' or ')}) to go on: `,
  );
  const isName = names.includes(typed);
  if (!isName) remark(io, `${nothingStarted}.`);
  return isName;
}

async function tell(
  session: Session,
  started: { id: string; runId: string; started: boolean },
  options: StartOptions,
  io: Io,
): Promise<void> {
  const { uiLink } = await import('../../common/ui-link.js');
  const { readRunSoon } = await import('../read-run.js');
  const { namespace } = await session.temporal();
  // A worker admits it within milliseconds; if none does now, the run exists anyway and waits for
  // one.
  const view = await readRunSoon(session, started.id, 3_000).then(
    (reading) => reading.view,
    () => null,
  );
  const url = uiLink(session.uiUrl, namespace, started.id, started.runId);
  const format = options.output ?? 'text';
  if (format !== 'text') {
    if (options.watch) return;
    printValue(io, format, {
      id: started.id,
      runId: started.runId,
      started: started.started,
      state: view?.state ?? null,
      planDigest: view?.planDigest ?? null,
      uiUrl: url,
    });
    return;
  }
  const { command } = session;
  if (!started.started)
    print(
      io,
      `Run ${started.id} had been started ` +
        `before${view ? ` (${view.state})` : ''}; nothing new was started.`,
    );
  else print(io, `Started ${started.id}`);
  print(io, `  watch  ${command} watch ${started.id}\n  ui     ${url}`);
}
