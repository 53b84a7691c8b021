import type { Command } from 'commander';
import type { StartEnvelope } from '../../common/envelope.js';
import { nextStep } from '../../common/next-step.js';
import { heldText } from '../../common/lease.js';
import type { Admission } from '../../common/admission.js';
import { libraryDigests, type LibraryDigests } from '../../language/library-digests.js';
import { CliError } from '../errors.js';
import { exitCodes } from '../exit-codes.js';
import { readInputs } from '../inputs.js';
import type { Io } from '../io.js';
import { nearestHint } from '../nearest.js';
import { drillOption, examples, input, optionsOf } from '../options.js';
import { painter, print, printValue, remark } from '../output.js';
import { thisSender } from '../sender.js';
import { withSession, type Session } from '../session.js';
import { operatorName, type GlobalFlags } from '../settings.js';

interface PlanOptions extends GlobalFlags {
  runbook: string;
  input?: Record<string, string>;
  inputsFile?: string;
  as?: string;
  drill?: boolean;
}

export function registerPlan(program: Command, io: Io): void {
  program
    .command('plan')
    .description('show what a run would do, without starting it')
    .argument('<runbook>', 'id of the runbook')
    .option('--input <name=value>', 'an input; may be repeated', input)
    .option('--inputs-file <file>', 'inputs from a YAML or JSON file')
    .addOption(drillOption())
    .addHelpText('after', examples('runbook plan pipeline-recovery --input pipeline=orders'))
    .action(async (runbook: string, _own: unknown, command: Command) => {
      io.exitCode = await runPlan(
        { ...optionsOf<Omit<PlanOptions, 'runbook'>>(command), runbook },
        io,
      );
    });
}

/** Prints the plan that a start would freeze. */
function runPlan(options: PlanOptions, io: Io): Promise<number> {
  return withSession(options, io, async (session) => {
    const inputs = await readInputs(options);
    const { plan, held = [] } = await admittedPlan(session, 'There is no plan', {
      version: 1,
      id: 'plan',
      verb: 'plan',
      run: 'plan',
      runbook: options.runbook,
      inputs,
      by: operatorName(options.as, io.env),
      sender: thisSender(),
      reason: '',
      ...(options.drill ? { drill: true } : {}),
    });
    if (options.output === 'json' || options.output === 'jsonl')
      printValue(io, options.output, { ...plan, held });
    else {
      const { renderPlan } = await import('../plan-text.js');
      print(io, renderPlan(plan, painter(io, options.color), io.columns));
      if (held.length > 0) remark(io, `A run would wait: ${held.map(heldText).join('; ')}.`);
    }
    return exitCodes.ok;
  });
}

/**
 * What to do about a runbook that the workers do not have: one that was meant, or a library that
 * only this machine has.
 */
async function hintFor(session: Session, name: string): Promise<string | undefined> {
  const { readCatalogue } = await import('../catalogue.js');
  // A library that cannot be read here must not hide why nothing was started.
  const catalogue = await readCatalogue(session.io.env).catch(() => null);
  if (!catalogue) return undefined;
  const known = [...catalogue.runbooks, ...catalogue.broken].map(({ id }) => id);
  if (!known.includes(name)) return nearestHint({ name, what: 'runbooks', known });
  const { taskQueue } = await session.temporal();
  return `This machine has it, the workers of task queue ${taskQueue} do not. Give them this release and this library (RUNBOOK_LIBRARY), and start them again.`;
}

/** Says when the plan was made from other runbooks than those of this machine. */
async function tellDifference(session: Session, theirs: LibraryDigests): Promise<void> {
  const { readCatalogue } = await import('../catalogue.js');
  const { differenceOf, differenceWords } = await import('../compare-library.js');
  const { runbooks, parts } = await readCatalogue(session.io.env);
  const here = libraryDigests([...runbooks, ...parts]);
  const words = differenceWords(differenceOf(theirs, here));
  if (words !== null) remark(session.io, words);
}

/**
 * The plan and who holds its targets now, or every reason why there is none.
 * @param nothing what is so then, to begin the error with: `Nothing was started`
 * @throws CliError with exit code 2, and 6 when no worker answers
 */
export async function admittedPlan(
  session: Session,
  nothing: string,
  envelope: StartEnvelope,
): Promise<Extract<Admission, { admitted: true }>> {
  const { NoWorker, previewPlan } = await import('../preview-plan.js');
  const admission = await previewPlan(session, envelope).catch((error: unknown) => {
    if (!(error instanceof NoWorker)) throw error;
    throw new CliError(`${error.message} ${nothing}.`, error.next, error.exitCode);
  });
  if (admission.admitted) {
    if (admission.library) await tellDifference(session, admission.library);
    return admission;
  }
  const problems = admission.problems?.length ? admission.problems : [admission.problem];
  const hint = admission.unknownRunbook ? await hintFor(session, envelope.runbook) : undefined;
  const lines = problems.map((problem) => {
    const next = problems.length > 1 ? nextStep(problem, session.command) : undefined;
    return `${problem.message}${next ? `: ${next}` : ''}`;
  });
  const message =
    lines.length === 1
      ? `${nothing}: ${lines[0]}.`
      : `${nothing}:\n${lines.map((each) => `  - ${each}`).join('\n')}`;
  const next =
    hint ??
    (problems.length === 1
      ? (nextStep(admission.problem, session.command) ?? '')
      : `See what it needs with: ${session.command} show ${envelope.runbook}`);
  throw new CliError(message, next, exitCodes.usage);
}
