import type { Command } from 'commander';
import type { FileReport } from '../../testing/run-tests.js';
import { exitCodes } from '../exit-codes.js';
import type { Io } from '../io.js';
import { examples, optionsOf } from '../options.js';
import { painter, print, printValue, remark } from '../output.js';
import type { GlobalFlags } from '../settings.js';

interface TestOptions extends GlobalFlags {
  files: string[];
  annotations?: boolean;
  faults: boolean;
}

export function registerTest(program: Command, io: Io): void {
  program
    .command('test')
    .description('run the tests of runbooks on the engine, without server and effects')
    .argument('[files...]', 'tests, runbooks, or folders (default: RUNBOOK_LIBRARY, or runbooks)')
    .option('--no-faults', 'do not let each step fail in turn, and each gate be decided wrongly')
    .option('--annotations', 'print what code hosts show beside the lines; as --output annotations')
    .addHelpText(
      'after',
      examples('runbook test', 'runbook test examples/runbooks/service-restart.runbook.yaml'),
    )
    .action(async (files: string[], _own: unknown, command: Command) => {
      io.exitCode = await runTest({ ...optionsOf<Omit<TestOptions, 'files'>>(command), files }, io);
    });
}

/** @returns exit code 1 when a case comes to something else than it expects */
async function runTest(options: TestOptions, io: Io): Promise<number> {
  const { chosenTests, given } = await import('../lint-files.js');
  const { files, library } = chosenTests(options.files, io.env);
  const { Tests } = await import('../../testing/run-tests.js');
  const tests = await Tests.open();
  const reports: FileReport[] = [];
  const isText = options.output === undefined || options.output === 'text';
  const { annotation } = await import('../../language/document/show-problems.js');
  const { reportText, summaryText } = await import('../test-text.js');
  try {
    for (const file of files) {
      const report = await tests.run(given(file), file, library, options.faults);
      reports.push(report);
      if (options.annotations)
        for (const problem of [
          ...report.problems,
          ...report.cases.flatMap((each) => each.problems),
        ])
          print(io, annotation(problem));
      else if (isText) print(io, reportText(report, painter(io, options.color), io.columns));
    }
  } finally {
    await tests.close();
  }
  const ok = reports.every((report) => report.ok);
  if (isText) remark(io, summaryText(reports));
  else printValue(io, options.output === 'jsonl' ? 'jsonl' : 'json', { ok, files: reports });
  return ok ? exitCodes.ok : exitCodes.failed;
}
