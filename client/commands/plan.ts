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
import {
  drillOption,
  examples,
  type GivenInputs,
  graphOption,
  input,
  optionsOf,
} from '../options.js';
import { painter, print, printValue, remark } from '../output.js';
import { thisSender } from '../sender.js';
import { withSession, type Session } from '../session.js';
import { operatorName, type GlobalFlags } from '../settings.js';

interface PlanOptions extends GlobalFlags {
  /** Absent with `verify`. */
  runbook?: string;
  /** File that the plan is written to. */
  out?: string;
  /** File that the steps are drawn into. */
  graph?: string;
  /** File of a plan whose digest is computed again. */
  verify?: string;
  input?: GivenInputs;
  inputsFile?: string;
  as?: string;
  drill?: boolean;
}

export function registerPlan(program: Command, io: Io): void {
  program
    .command('plan')
    .description('show what a run would do, without starting it')
    .argument('[runbook]', 'id of the runbook')
    .option('--input <name=value>', 'an input; may be repeated', input)
    .option('--inputs-file <file>', 'inputs from a YAML or JSON file')
    .addOption(drillOption())
    .option('-o, --out <file>', 'write the plan to a file, which start takes')
    .addOption(graphOption())
    .option('--verify <file>', 'compute the digest of a written plan again; asks no server')
    .addHelpText(
      'after',
      examples(
        'runbook plan pipeline-recovery --input pipeline=orders',
        'runbook plan pipeline-recovery --input pipeline=orders -o recovery.plan.json',
        'runbook plan --verify recovery.plan.json',
      ),
    )
    .action(async (runbook: string | undefined, _own: unknown, command: Command) => {
      const options = optionsOf<Omit<PlanOptions, 'runbook'>>(command);
      io.exitCode =
        options.verify === undefined
          ? await runPlan({ ...options, ...(runbook === undefined ? {} : { runbook }) }, io)
          : await runVerify({ ...options, verify: options.verify }, io);
    });
}

/** Says whether a plan is as it was written. */
async function runVerify({ verify, output }: PlanOptions & { verify: string }, io: Io) {
  const { readPlanFile } = await import('../plan-file.js');
  const { runbook, digest } = await readPlanFile(verify);
  if (output === 'json' || output === 'jsonl')
    printValue(io, output, { ok: true, runbook: runbook.id, version: runbook.version, digest });
  else print(io, `${verify} is whole: the plan of ${runbook.id} ${runbook.version}, ${digest}`);
  return exitCodes.ok;
}

/** Prints the plan that a start would freeze. */
function runPlan(options: PlanOptions, io: Io): Promise<number> {
  return withSession(options, io, async (session) => {
    if (options.runbook === undefined)
      throw new CliError(
        'Which runbook?',
        `See what there is with: ${session.command} list`,
        exitCodes.usage,
      );
    if (options.graph !== undefined) (await import('../graph/write.js')).graphForm(options.graph);
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
    if (options.out !== undefined) {
      const { writePlanFile } = await import('../plan-file.js');
      await writePlanFile(options.out, plan);
    }
    if (options.graph !== undefined) {
      const { writeGraph } = await import('../graph/write.js');
      await writeGraph(options.graph, { ...plan, ...plan.runbook });
    }
    if (options.output === 'json' || options.output === 'jsonl')
      printValue(io, options.output, { ...plan, held });
    else {
      const { renderPlan } = await import('../plan-text.js');
      print(io, renderPlan(plan, painter(io, options.color), io.columns));
      if (held.length > 0) remark(io, `A run would wait: ${held.map(heldText).join('; ')}.`);
      if (options.out !== undefined)
        remark(io, `Start exactly this with: ${session.command} start ${options.out}`);
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
