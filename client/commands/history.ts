import type { Command } from 'commander';
import { exitCodes } from '../exit-codes.js';
import type { Io } from '../io.js';
import { examples, optionsOf } from '../options.js';
import { line, painter, print, printList, remark } from '../output.js';
import { flat, wrap } from '../../common/plain.js';
import { isAnswerVerb } from '../../common/questions.js';
import { withSession } from '../session.js';
import type { GlobalFlags } from '../settings.js';

/** Characters of what a step does, and of a fact that people were shown; on a terminal only. */
const shownOnTerminal = 400;

interface HistoryOptions extends GlobalFlags {
  run: string;
  all?: boolean;
}

export function registerHistory(program: Command, io: Io): void {
  program
    .command('history')
    .description('tell what happened in a run, in the order of time')
    .argument('<run>', 'id of the run, or @latest')
    .option('--all', "the engine's own events too, and all of long scripts and evidence")
    .addHelpText(
      'after',
      examples('runbook history @latest', 'runbook history @latest --output jsonl'),
    )
    .action(async (id: string, _own: unknown, command: Command) => {
      io.exitCode = await runHistory(
        { ...optionsOf<Omit<HistoryOptions, 'run'>>(command), run: id },
        io,
      );
    });
}

/** From Temporal's own history while it has it, else from the record. */
function runHistory(options: HistoryOptions, io: Io): Promise<number> {
  return withSession(options, io, async (session) => {
    const { readHistory } = await import('../read-history.js');
    const { resolveRun } = await import('../read-run.js');
    const { entries, note, source } = await readHistory(
      session,
      await resolveRun(session, options.run),
      options.all ?? false,
    );
    if (note) remark(io, note);
    if (options.output === 'json' || options.output === 'jsonl') {
      printList(
        io,
        options.output,
        entries.map((entry) => ({ source, ...entry })),
      );
      return exitCodes.ok;
    }
    const paint = painter(io, options.color);
    const hanging = ' '.repeat(22);
    let isCut = false;
    const room = options.all || !io.isTTY ? Infinity : shownOnTerminal;
    for (const { at, text, does = [], evidence = {} } of entries) {
      print(
        io,
        `${paint('dim', at.slice(0, 19).replace('T', ' '))}Z  ` +
          `${wrap(line(text), io.columns, hanging).trimStart()}`,
      );
      // What each answer would have done is told by the answer that came.
      const shown = Object.entries(evidence)
        .filter(([name]) => !isAnswerVerb(name))
        .map(([name, value]) => `${name}: ${flat(value)}`);
      for (const each of [...does, ...shown]) {
        const told = line(each, room);
        isCut ||= told !== line(each);
        print(io, paint('dim', wrap(told, io.columns, hanging)));
      }
    }
    if (isCut) remark(io, 'What ends in … is longer: see all of it with --all.');
    return exitCodes.ok;
  });
}
