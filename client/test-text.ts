import { wrap } from '../common/plain.js';
import { problemText } from '../language/document/show-problems.js';
import type { FileReport } from '../testing/run-tests.js';
import { line, type Paint } from './output.js';

/* What came of tests, for people. */

/** Ways that no case goes are listed up to this many. */
const mostWays = 20;

/** One file: its cases, what no case has tested, and what generated runs have found. */
export function reportText(report: FileReport, paint: Paint, columns: number): string {
  return [
    paint('bold', `${report.runbook ?? '?'}  ${paint('dim', report.file)}`),
    ...report.problems.map((problem) => problemText(problem, paint)),
    ...report.cases.flatMap(({ name, ok, ms, problems }) => [
      `  ${ok ? paint('green', 'ok  ') : paint('red', 'FAIL')} ` +
        `${line(name)}  ${paint('dim', `${ms} ms`)}`,
      ...problems.map((problem) => indented(problemText(problem, paint))),
    ]),
    ...waysText(report, paint),
    ...generatedText(report, paint, columns),
  ].join('\n');
}

function waysText({ ways }: FileReport, paint: Paint): string[] {
  if (ways.length === 0) return [];
  const open = ways.filter(({ taken }) => !taken);
  const share = `  ${ways.length - open.length} of ${ways.length} ways are tested`;
  const rest = open.length - mostWays;
  return [
    open.length === 0 ? paint('dim', share) : `${share}; no case shows:`,
    ...open
      .slice(0, mostWays)
      .map(({ path, way }) => `    ${path}${way === 'done' ? '' : `: its ${way}`}`),
    ...(rest > 0 ? [`    and ${rest} more`] : []),
  ];
}

function generatedText({ generated }: FileReport, paint: Paint, columns: number): string[] {
  if (!generated) return [];
  const { runs, findings, stays, ms } = generated;
  const [first, ...more] = Object.entries(stays);
  const what = 'each step fails in turn, each gate is decided wrongly and twice';
  const fine = 'each run ends or waits for people, and undoes in the right order';
  return [
    findings.length === 0
      ? paint('dim', `  ${runs} runs generated (${what}): ${fine}  ${ms} ms`)
      : paint('red', `  ${runs} runs generated (${what}); wrong are:`),
    ...findings.map((each) => wrap(each, columns, '    ')),
    ...(first
      ? [
          wrap(
            `a rollback leaves as they are: ${[first, ...more].map(([path]) => path).join(', ')}`,
            columns,
            '  ',
          ),
        ]
      : []),
  ];
}

/** All files in one sentence. */
export function summaryText(reports: readonly FileReport[]): string {
  const cases = reports.flatMap((report) => report.cases);
  const failed = cases.filter(({ ok }) => !ok).length;
  const unread = reports.filter(({ problems }) => problems.length > 0).length;
  const ms = cases.reduce((sum, each) => sum + each.ms, 0);
  const all =
    `${cases.length} ${cases.length === 1 ? 'case' : 'cases'} in ${reports.length} ` +
    `${reports.length === 1 ? 'file' : 'files'}`;
  const wrong = [
    ...(failed > 0 ? [`${failed} failed`] : []),
    ...(unread > 0 ? [`${unread} ${unread === 1 ? 'file' : 'files'} cannot be read`] : []),
    ...(reports.some(({ generated }) => (generated?.findings.length ?? 0) > 0)
      ? ['generated runs found something']
      : []),
  ];
  return `${all}: ${wrong.join(', ') || 'all as expected'}, ${Math.round(ms)} ms.`;
}

function indented(text: string): string {
  return text.replaceAll(/^/gm, '       ');
}
