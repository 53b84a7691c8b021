import type { Command } from 'commander';
import type { Check } from '../../common/check.js';
import { exitCodes } from '../exit-codes.js';
import type { Io } from '../io.js';
import { examples, optionsOf } from '../options.js';
import { painter, print, printValue, type Style } from '../output.js';
import { wrap } from '../../common/plain.js';
import { withSession, type Session } from '../session.js';
import type { GlobalFlags } from '../settings.js';

export function registerDoctor(program: Command, io: Io): void {
  program
    .command('doctor')
    .description('check everything that a run depends on, with the fix for what is wrong')
    .argument('[pipeline]', 'a target: prove what it declares against its database and job API')
    .addHelpText(
      'after',
      examples('runbook doctor', 'runbook doctor orders', 'runbook doctor --output json'),
    )
    .action(async (pipeline: string | undefined, _own: unknown, command: Command) => {
      io.exitCode = await runDoctor(optionsOf(command), io, pipeline);
    });
}

/**
 * One line for each check; 1 when any has failed.
 * @param pipeline checked instead of what runs depend on
 */
export function runDoctor(options: GlobalFlags, io: Io, pipeline?: string): Promise<number> {
  return withSession(
    options,
    io,
    async (session) => {
      const checks = await checksOf(session, pipeline);
      const bad = checks.some((check) => check.state === 'failed');
      if (options.output === 'json' || options.output === 'jsonl')
        printValue(io, options.output, { ok: !bad, checks });
      else {
        const paint = painter(io, options.color);
        const styles: Record<string, Style> = {
          ok: 'green',
          warning: 'yellow',
          failed: 'red',
          skipped: 'dim',
        };
        for (const { name, state, found, fix } of checks) {
          const hanging = ' '.repeat(28);
          print(
            io,
            `${paint(styles[state] ?? 'dim', state.padEnd(7))}  ${name.padEnd(17)}  ` +
              `${wrap(found, io.columns, hanging).trimStart()}`,
          );
          if (fix) print(io, wrap(`fix: ${fix}`, io.columns, hanging));
        }
      }
      return bad ? exitCodes.failed : exitCodes.ok;
    },
    { mayMix: pipeline === undefined },
  );
}

async function checksOf(session: Session, pipeline: string | undefined): Promise<Check[]> {
  if (pipeline === undefined) {
    const { runChecks } = await import('../doctor-checks.js');
    return runChecks(session);
  }
  const { checkPipeline } = await import('../doctor-pipeline.js');
  return checkPipeline(session, pipeline);
}
