import { Option, type Command } from 'commander';
import { refusesRequester } from '../../common/deciders.js';
import { runStates, type RunState, type RunSummary } from '../../common/view.js';
import { exitCodes } from '../exit-codes.js';
import type { Io } from '../io.js';
import { asOption, count, examples, optionsOf } from '../options.js';
import { painter, print, printList, remark, table } from '../output.js';
import { withSession } from '../session.js';
import { operatorName, operatorNamed, type GlobalFlags } from '../settings.js';
import { age } from '../times.js';

interface RunsOptions extends GlobalFlags {
  state?: RunState;
  runbook?: string;
  target?: string;
  requester?: string;
  waiting?: boolean;
  waitingFor?: string;
  as?: string;
  limit?: number;
}

export function registerRuns(program: Command, io: Io): void {
  program
    .command('runs')
    .description('list runs, newest first')
    .addOption(new Option('--state <state>', 'only in this state').choices(runStates))
    .option('--runbook <id>', 'only of this runbook')
    .option('--target <name>', 'only on this target')
    .option('--requester <name>', 'only started by this operator')
    .option('--waiting', 'only those that wait for people')
    .option('--waiting-for <name>', 'only those that this operator may decide; me is you')
    .addOption(asOption())
    .option('--limit <number>', 'how many at most (default 20)', count)
    .addHelpText(
      'after',
      examples('runbook runs --waiting-for me', 'runbook runs --state failed --output json'),
    )
    .action(async (_own: unknown, command: Command) => {
      io.exitCode = await runRuns(optionsOf<RunsOptions>(command), io);
    });
}

const defaultLimit = 20;

function runRuns(options: RunsOptions, io: Io): Promise<number> {
  return withSession(options, io, async (session) => {
    const { listAllRuns } = await import('../list-runs.js');
    const { waitingFor, limit = defaultLimit } = options;
    const who = nameOf(waitingFor, options, io);
    const filter = {
      ...(options.state ? { state: options.state } : {}),
      ...(options.runbook ? { runbook: options.runbook } : {}),
      ...(options.target ? { target: options.target } : {}),
      ...(options.requester ? { requester: operatorNamed(options.requester, '--requester') } : {}),
      ...(options.waiting || waitingFor ? { waiting: true } : {}),
      limit,
    };
    const { runs, source, notes } = await listAllRuns(session, filter);
    for (const note of notes) remark(io, note);
    const listed = who === undefined ? runs : runs.filter((each) => mayDecide(each, who));
    if (options.output === 'json' || options.output === 'jsonl') {
      printList(
        io,
        options.output,
        listed.map((each) => ({ ...each, source })),
      );
      return exitCodes.ok;
    }
    if (listed.length === 0) {
      remark(io, 'There are no such runs.');
      return exitCodes.ok;
    }
    print(io, render(listed, options, io));
    return exitCodes.ok;
  });
}

function render(runs: readonly RunSummary[], options: RunsOptions, io: Io): string {
  const rows = runs.map((each) => [
    each.id,
    each.drill ? `${each.state} (drill)` : each.state,
    age(each.startedAt),
    each.requester,
    each.waitingFor.length > 0
      ? each.waitingFor.map((wait) => `${wait.id} ${age(wait.since)}`).join(', ')
      : (each.step ?? ''),
  ]);
  const columns = [
    { name: 'RUN' },
    { name: 'STATE', shrinkTo: 9 },
    { name: 'AGE', align: 'right' as const },
    { name: 'BY', shrinkTo: 8 },
    { name: 'AT', shrinkTo: 12 },
  ];
  return table(columns, rows, io.columns, painter(io, options.color));
}

function nameOf(waitingFor: string | undefined, options: RunsOptions, io: Io): string | undefined {
  if (waitingFor === undefined) return undefined;
  return waitingFor === 'me'
    ? operatorName(options.as, io.env)
    : operatorNamed(waitingFor, '--waiting-for');
}

/** Whether the run waits for something that the operator may decide. */
function mayDecide({ waitingFor, requester }: RunSummary, name: string): boolean {
  return waitingFor.some(({ who }) => name !== requester || !refusesRequester(who));
}
