import type { Command } from 'commander';
import type { LeaseTerm, LeaseView } from '../../store/index.js';
import { exitCodes } from '../exit-codes.js';
import type { Io } from '../io.js';
import { examples, optionsOf } from '../options.js';
import { painter, print, printList, remark } from '../output.js';
import { withSession } from '../session.js';
import type { GlobalFlags } from '../settings.js';
import { table, type TableForm } from '../table.js';
import { age } from '../times.js';
import { bothTimes } from '../../common/times.js';

interface LeasesOptions extends GlobalFlags {
  target?: string;
}

export function registerLeases(program: Command, io: Io): void {
  program
    .command('leases')
    .description('list which run holds which target, and who waits')
    .argument('[target]', 'who has held this target, newest first, and who took it from whom')
    .addHelpText('after', examples('runbook leases', 'runbook leases orders --output json'))
    .action(async (target: string | undefined, _own: unknown, command: Command) => {
      io.exitCode = await runLeases(
        { ...optionsOf<LeasesOptions>(command), ...(target === undefined ? {} : { target }) },
        io,
      );
    });
}

function runLeases(options: LeasesOptions, io: Io): Promise<number> {
  return withSession(options, io, async (session) => {
    const { leaseHistory, listLeases } = await import('../../store/index.js');
    const pool = await session.needRecord();
    const { target, output } = options;
    const leases = target === undefined ? await listLeases(pool) : await leaseHistory(pool, target);
    if (target !== undefined && leases.length === 0) {
      const { refuseUnknown } = await import('../filter-names.js');
      await refuseUnknown(session, { target });
    }
    if (output === 'json' || output === 'jsonl') printList(io, output, leases);
    else if (leases.length === 0)
      remark(
        io,
        target === undefined
          ? 'No run holds a target now.'
          : `No run has held a target ${JSON.stringify(target)} yet.`,
      );
    else if (target === undefined) print(io, renderLeases(leases as LeaseView[], options, io));
    else print(io, renderTerms(leases as LeaseTerm[], options, io));
    return exitCodes.ok;
  });
}

function renderLeases(leases: readonly LeaseView[], options: LeasesOptions, io: Io): string {
  const rows = leases.map((lease) => [
    lease.target,
    lease.run,
    lease.requester,
    age(lease.since),
    lease.waiting.map(({ run, since }) => `${run} ${age(since)}`).join(', '),
  ]);
  return table(holders, rows, io.columns, painter(io, options.color));
}

const holders: TableForm = {
  columns: [
    { name: 'TARGET' },
    { name: 'HELD BY' },
    { name: 'STARTED BY' },
    { name: 'FOR', align: 'right' },
    { name: 'WAITING' },
  ],
  narrow: [
    ['WAITING', 'below'],
    ['STARTED BY', 'below'],
    ['FOR', 'below'],
    ['HELD BY', 'below'],
  ],
};

function renderTerms(history: readonly LeaseTerm[], options: LeasesOptions, io: Io): string {
  const rows = history.map((term) => [
    term.run,
    term.requester,
    bothTimes(term.since),
    term.until === null ? 'now' : bothTimes(term.until),
    term.takenBy === null
      ? ''
      : `taken from ${term.takenFrom ?? 'a run'} by ${term.takenBy}: ${term.reason ?? ''}`,
  ]);
  return table(terms, rows, io.columns, painter(io, options.color));
}

const terms: TableForm = {
  columns: [
    { name: 'RUN' },
    { name: 'STARTED BY' },
    { name: 'FROM' },
    { name: 'UNTIL' },
    { name: 'HOW' },
  ],
  narrow: [
    ['HOW', 24],
    ['HOW', 'below'],
    ['STARTED BY', 'below'],
    ['UNTIL', 'below'],
    ['FROM', 'below'],
  ],
};
