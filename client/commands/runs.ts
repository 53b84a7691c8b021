import { Option, type Command } from 'commander';
import { runStates, type RunState, type RunSummary } from '../../common/view.js';
import { exitCodes } from '../exit-codes.js';
import type { Io } from '../io.js';
import { asOption, count, examples, optionsOf } from '../options.js';
import { painter, print, printList, remark } from '../output.js';
import { withSession } from '../session.js';
import { operatorName, operatorNamed, type GlobalFlags } from '../settings.js';
import { table, type TableForm } from '../table.js';
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
    const { refuseUnknown } = await import('../filter-names.js');
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
    const listed = who === undefined ? runs : await decidedBy(who, runs);
    if (runs.length === 0) await refuseUnknown(session, options);
    if (options.output === 'json' || options.output === 'jsonl') {
      printList(
        io,
        options.output,
        listed.map((each) => ({ ...each, source })),
      );
      return exitCodes.ok;
    }
    if (listed.length === 0) {
      remark(io, noneOf(options, session.command));
      return exitCodes.ok;
    }
    print(io, render(listed, options, io));
    return exitCodes.ok;
  });
}

/** Why the list is empty, so that nobody takes a filter for a fault. */
function noneOf(options: RunsOptions, command: string): string {
  const { state, runbook, target, requester, waiting, waitingFor } = options;
  const filters = [
    state && `in state ${state}`,
    runbook && `of runbook ${runbook}`,
    target && `on target ${target}`,
    requester && `started by ${requester}`,
    waiting && 'that waits for people',
    waitingFor && `that ${waitingFor === 'me' ? 'you' : waitingFor} may decide`,
  ].filter(Boolean);
  return filters.length === 0
    ? `No runs yet. Start one with: ${command} start ` +
        `RUNBOOK. See the runbooks with: ${command} list`
    : `There is no run ${filters.join(' and ')} now.`;
}

function render(runs: readonly RunSummary[], options: RunsOptions, io: Io): string {
  const rows = runs.map((each) => [
    each.id,
    each.runbook,
    each.targets.join(', '),
    `${each.state}${each.drill ? ' (drill)' : ''}${each.left ? ` (${each.left} left)` : ''}`,
    age(sinceOf(each)),
    each.requester,
    each.waitingFor.length > 0
      ? each.waitingFor
          .map(({ id, takenBy }) => `${id}${takenBy ? ` (${takenBy})` : ''}`)
          .join(', ')
      : (each.step ?? ''),
    each.reason,
  ]);
  return table(ofRuns, rows, io.columns, painter(io, options.color));
}

const ofRuns: TableForm = {
  columns: [
    { name: 'RUN' },
    { name: 'RUNBOOK' },
    { name: 'TARGET' },
    { name: 'STATE' },
    { name: 'SINCE', align: 'right' },
    { name: 'BY' },
    { name: 'AT' },
    { name: 'REASON' },
  ],
  // The id names the runbook in most cases.
  narrow: [
    ['REASON', 24],
    ['RUNBOOK', 'below'],
    ['AT', 16],
    ['REASON', 'below'],
    ['BY', 'below'],
    ['TARGET', 'below'],
    ['AT', 'below'],
    ['SINCE', 'below'],
    ['STATE', 'below'],
  ],
};

/** Since when the run has been as it is: its end, what it waits for, else its start. */
function sinceOf({ startedAt, endedAt, waitingFor }: RunSummary): string {
  const [longest] = waitingFor.map(({ since }) => since).sort();
  return endedAt ?? longest ?? startedAt;
}

function nameOf(waitingFor: string | undefined, options: RunsOptions, io: Io): string | undefined {
  if (waitingFor === undefined) return undefined;
  return waitingFor === 'me'
    ? operatorName(options.as, io.env)
    : operatorNamed(waitingFor, '--waiting-for');
}

/** The runs that wait for something that the operator may decide. */
async function decidedBy(name: string, runs: readonly RunSummary[]): Promise<RunSummary[]> {
  const { mayRequesterAnswer } = await import('../../common/questions.js');
  return runs.filter(({ waitingFor, requester }) =>
    waitingFor.some((wait) => name !== requester || mayRequesterAnswer(wait)),
  );
}
