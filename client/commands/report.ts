import { writeFile } from 'node:fs/promises';
import { extname } from 'node:path';
import { Option, type Command } from 'commander';
import type { Report } from '../report/report.js';
import { CliError } from '../errors.js';
import { exitCodes } from '../exit-codes.js';
import type { Io } from '../io.js';
import { examples, optionsOf } from '../options.js';
import { print, remark } from '../output.js';
import { withSession } from '../session.js';
import type { GlobalFlags } from '../settings.js';

const formats = ['md', 'html', 'json'] as const;
type Format = (typeof formats)[number];

interface ReportOptions extends GlobalFlags {
  run: string;
  file?: string;
  format?: Format;
}

export function registerReport(program: Command, io: Io): void {
  program
    .command('report')
    .description('write the report of a run: what was done, decided and found')
    .argument('<run>', 'id of the run, or @latest')
    .option('-o, --file <file>', 'write into a file; its ending chooses the format')
    .addOption(new Option('--format <format>', 'form of the report (default md)').choices(formats))
    .addHelpText(
      'after',
      examples('runbook report @latest', 'runbook report @latest -o report.html'),
    )
    .action(async (id: string, _own: unknown, command: Command) => {
      io.exitCode = await runReport(
        { ...optionsOf<Omit<ReportOptions, 'run'>>(command), run: id },
        io,
      );
    });
}

function runReport(options: ReportOptions, io: Io): Promise<number> {
  const format = formatOf(options);
  return withSession(options, io, async (session) => {
    const { readRunSoon, resolveRun } = await import('../read-run.js');
    const { gatherReport } = await import('../gather-report.js');
    const reading = await readRunSoon(session, await resolveRun(session, options.run));
    const { report, note } = await gatherReport(session, reading);
    for (const each of [reading.note, note]) if (each) remark(io, each);
    const text = await render(report, format);
    if (options.file === undefined) print(io, text);
    else {
      await writeFile(options.file, text);
      remark(io, `Written: ${options.file}`);
    }
    return exitCodes.ok;
  });
}

/** The format that was asked for, else the one that the file's name or `--output` says. */
function formatOf({ format, file, output }: ReportOptions): Format {
  if (format) return format;
  if (file === undefined) return output === 'json' || output === 'jsonl' ? 'json' : 'md';
  const ending = {
    '.md': 'md',
    '.markdown': 'md',
    '.html': 'html',
    '.htm': 'html',
    '.json': 'json',
  }[extname(file).toLowerCase()];
  if (ending) return ending as Format;
  throw new CliError(
    `The ending of ${file} names no format.`,
    'Use .md, .html or .json, or add --format.',
    exitCodes.usage,
  );
}

async function render(report: Report, format: Format): Promise<string> {
  switch (format) {
    case 'md':
      return (await import('../report/markdown.js')).renderMarkdown(report);
    case 'html':
      return (await import('../report/html.js')).renderHtml(report);
    case 'json': {
      const { leftBy } = await import('../../common/left.js');
      return `${JSON.stringify({ ...report, left: leftBy(report.view) }, null, 2)}\n`;
    }
  }
}
