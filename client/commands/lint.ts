import type { Command } from 'commander';
import type { Linted } from '../lint-files.js';
import { exitCodes } from '../exit-codes.js';
import type { Io } from '../io.js';
import { examples, optionsOf } from '../options.js';
import { painter, print, printValue, remark } from '../output.js';
import type { GlobalFlags } from '../settings.js';
import { expectShortLife } from '../short-lived.js';

interface LintOptions extends GlobalFlags {
  files: string[];
  fix?: boolean;
  annotations?: boolean;
}

export function registerLint(program: Command, io: Io): void {
  program
    .command('lint')
    .description('say what is wrong with runbook files; asks no server')
    .argument('[files...]', 'runbooks, actions, or folders (default: RUNBOOK_LIBRARY, or runbooks)')
    .option('--fix', 'mend what has only one answer')
    .option('--annotations', 'print what code hosts show beside the lines; as --output annotations')
    .addHelpText(
      'after',
      examples(
        'runbook lint',
        'runbook lint runbooks/incident/disk-space.runbook.yaml',
        'runbook lint --output annotations runbooks',
      ),
    )
    .action(async (files: string[], _own: unknown, command: Command) => {
      io.exitCode = await runLint({ ...optionsOf<Omit<LintOptions, 'files'>>(command), files }, io);
    });
}

/** @returns exit code 1 when there is an error; warnings and notes are no errors */
async function runLint(options: LintOptions, io: Io): Promise<number> {
  expectShortLife();
  const { lintFiles } = await import('../lint-files.js');
  const linted = await lintFiles(options.files, io.env, options.fix ?? false);
  const { problems } = linted;
  const failed = problems.some(({ severity }) => severity === 'error');
  if (options.output === 'json' || options.output === 'jsonl')
    printValue(io, options.output, { ok: !failed, files: linted.files, problems });
  else {
    const { annotation, problemText } = await import('../../language/document/show-problems.js');
    const paint = painter(io, options.color);
    for (const problem of problems)
      print(io, options.annotations ? annotation(problem) : `${problemText(problem, paint)}\n`);
    remark(io, summary(linted));
  }
  return failed ? exitCodes.failed : exitCodes.ok;
}

function summary({ files, problems, fixed }: Linted): string {
  const count = (what: string): string[] => {
    const number = problems.filter(({ severity }) => severity === what).length;
    return number === 0 ? [] : [`${number} ${what}${number === 1 ? '' : 's'}`];
  };
  const found = [...count('error'), ...count('warning'), ...count('note')].join(', ');
  const mended = fixed.length > 0 ? ` Mended: ${fixed.join(', ')}.` : '';
  const waits = count('note').length > 0 ? ' What a note is about cannot be started yet.' : '';
  const what = files === 1 ? '1 file' : `${files} files`;
  return `${what}: ${found || 'nothing is wrong'}.${waits}${mended}`;
}
