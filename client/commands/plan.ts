import type { Command } from 'commander';
import { CliError } from '../errors.js';
import { exitCodes } from '../exit-codes.js';
import type { Io } from '../io.js';
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
import { withSession } from '../session.js';
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
    const { readInputs } = await import('../inputs.js');
    const { admittedPlan } = await import('../admitted-plan.js');
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
      const { heldText } = await import('../../common/lease.js');
      print(io, renderPlan(plan, painter(io, options.color), io.columns));
      if (held.length > 0) remark(io, `A run would wait: ${held.map(heldText).join('; ')}.`);
      if (options.out !== undefined)
        remark(io, `Start exactly this with: ${session.command} start ${options.out}`);
    }
    return exitCodes.ok;
  });
}
