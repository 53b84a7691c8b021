import type { Command } from 'commander';
import type { LeaseTerm, LeaseView } from '../../store/index.js';
import { exitCodes } from '../exit-codes.js';
import type { Io } from '../io.js';
import { examples, optionsOf } from '../options.js';
import { painter, print, printList, remark, table } from '../output.js';
import { withSession } from '../session.js';
import type { GlobalFlags } from '../settings.js';
import { age, bothTimes } from '../times.js';

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
    if (output === 'json' || output === 'jsonl') printList(io, output, leases);
    else if (leases.length === 0)
      remark(
        io,
        target === undefined
          ? 'No run holds a target.'
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
  const columns = [
    { name: 'TARGET' },
    { name: 'HELD BY' },
    { name: 'STARTED BY', shrinkTo: 8 },
    { name: 'FOR', align: 'right' as const },
    { name: 'WAITING', shrinkTo: 12 },
  ];
  return table(columns, rows, io.columns, painter(io, options.color));
}

function renderTerms(terms: readonly LeaseTerm[], options: LeasesOptions, io: Io): string {
  const rows = terms.map((term) => [
    term.run,
    term.requester,
    bothTimes(term.since),
    term.until === null ? 'now' : bothTimes(term.until),
    term.takenBy === null
      ? ''
      : `taken from ${term.takenFrom ?? 'a run'} by ${term.takenBy}: ${term.reason ?? ''}`,
  ]);
  const columns = [
    { name: 'RUN' },
    { name: 'STARTED BY', shrinkTo: 8 },
    { name: 'FROM' },
    { name: 'UNTIL' },
    { name: 'HOW', shrinkTo: 16 },
  ];
  return table(columns, rows, io.columns, painter(io, options.color));
}
