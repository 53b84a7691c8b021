import type { Command } from 'commander';
import type { StartEnvelope } from '../../common/envelope.js';
import { heldText } from '../../common/lease.js';
import type { Admission } from '../../common/admission.js';
import { CliError } from '../errors.js';
import { exitCodes } from '../exit-codes.js';
import { readInputs } from '../inputs.js';
import type { Io } from '../io.js';
import { drillOption, examples, input, optionsOf } from '../options.js';
import { painter, print, printValue, remark } from '../output.js';
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
    const { plan, held = [] } = await admittedPlan(session, {
      version: 1,
      id: 'plan',
      verb: 'plan',
      run: 'plan',
      runbook: options.runbook,
      inputs,
      by: operatorName(options.as, io.env),
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
 * The plan and who holds its targets now, or every reason why there is none.
 * @throws CliError with exit code 2
 */
export async function admittedPlan(
  session: Session,
  envelope: StartEnvelope,
): Promise<Extract<Admission, { admitted: true }>> {
  const { previewPlan } = await import('../launch.js');
  const admission = await previewPlan(session, envelope);
  if (admission.admitted) return admission;
  const problems = admission.problems?.length ? admission.problems : [admission.problem];
  const [{ nearestHint }, { knownRunbooks }] = await Promise.all([
    import('../nearest.js'),
    import('../catalogue.js'),
  ]);
  // An unreadable library must not hide why nothing was started.
  const hint = await knownRunbooks(session.io.env).then(
    (known) => nearestHint(envelope.runbook, known),
    () => undefined,
  );
  const lines = problems.map(
    ({ message, next }) => `${message}${next && problems.length > 1 ? `: ${next}` : ''}`,
  );
  const message =
    lines.length === 1
      ? `Nothing was started: ${lines[0]}.`
      : `Nothing was started:\n${lines.map((each) => `  - ${each}`).join('\n')}`;
  const next =
    hint ??
    (problems.length === 1
      ? (problems[0]?.next ?? '')
      : `See what it needs with: ${session.command} show ${envelope.runbook}`);
  throw new CliError(message, next, exitCodes.usage);
}
