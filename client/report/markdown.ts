import type { Json } from '../../language/json.js';
import { followingText, followingTitle } from '../../common/following.js';
import { codeSpan, fenced, markdown as md, tableRow } from '../../common/markdown.js';
import { link } from './escape.js';
import { stepSpan, waitsShown, type Report, type Wait } from './report.js';
import { recoveryRows, recoveryTimes, spentRows } from './recovery.js';
import {
  answerLines,
  brief,
  facts,
  heading,
  outputLines,
  prettyJson,
  stepWordsOf,
  summary,
  triesText,
  workOf,
  workTitle,
} from './words.js';
import { duration, utc } from '../../common/times.js';
import { leftBy, leftLine, leftTitle } from '../../common/left.js';
import { hasOwnTime } from '../../common/step-outcome.js';
import { oneAccountNote } from '../../common/one-account.js';
import { statedName } from '../../common/sender.js';
import { isPart } from '../../language/paths.js';

/**
 * The report as Markdown: readable in a terminal as it is, and rendered by whatever renders
 * Markdown.
 */
export function renderMarkdown(report: Report): string {
  const sections = [
    head(report),
    problem(report),
    left(report),
    recovery(report),
    waiting(report),
    steps(report),
    work(report),
    timeline(report),
    decisions(report),
    outputs(report),
    inputs(report),
    foot(report),
  ];
  return `${sections.filter(Boolean).join('\n\n')}\n`;
}

function head(report: Report): string {
  const address = link(report.view.uiUrl ?? report.uiUrl);
  const rows = facts(report).map(([name, value]) => `- ${name}: ${md(value)}`);
  if (address) rows.push(`- Temporal UI: <${address}>`);
  return `# ${md(heading(report.view))}\n\n${md(summary(report))}\n\n${rows.join('\n')}`;
}

function problem({ view }: Report): string {
  if (!view.problem) return '';
  return `## What went wrong\n\n${md(view.problem.message)}${view.problem.next ? `\n\nNext: ${md(view.problem.next)}` : ''}`;
}

function left({ view }: Report): string {
  const lines = leftBy(view).map((each) => `- ${md(leftLine(each))}`);
  return lines.length === 0 ? '' : `## ${leftTitle}\n\n${lines.join('\n')}`;
}

function recovery({ view }: Report): string {
  if (!view.recovery) return '';
  const reached = recoveryRows(view.recovery).map(({ name, verdict, reached }) => [
    md(name),
    verdict,
    reached,
  ]);
  const times = recoveryTimes(view.recovery).map(([name, value]) => `- ${name}: ${value}`);
  const spent = spentRows(view.recovery).map(({ name, ms }) => [name, duration(ms)]);
  return [
    '## Recovery',
    times.join('\n'),
    table(['What', 'Objective', 'Reached'], reached),
    table(['Time went to', 'Lasted'], spent),
  ].join('\n\n');
}

function waiting({ view }: Report): string {
  if (view.waitingFor.length === 0) return '';
  const parts = view.waitingFor.map((wait) => {
    const deadline = wait.deadline ? `, until ${utc(wait.deadline)} at the latest` : '';
    return `${md(wait.title)}: waits for ${md(wait.who)} since ${utc(wait.since)}${deadline}.\n\n${fenced(answerLines(view.id, wait), 'sh')}`;
  });
  return `## Waits for people\n\n${parts.join('\n\n')}`;
}

function steps(report: Report): string {
  const wordsOf = stepWordsOf(report.view);
  const rows = report.view.steps.map((step) => {
    const span = stepSpan(step, report);
    const name = `${isPart(step.id) ? '- ' : ''}${md(step.title)} (${md(step.id)})`;
    return [
      name,
      wordsOf(step),
      triesText(step, report),
      span && hasOwnTime(step) ? duration(span.to - span.from) : '',
      outputLines(step, report)
        .map((line) => md(line))
        .join('; '),
    ];
  });
  return `## Steps\n\n${table(['Step', 'State', 'Attempts', 'Duration', 'Result'], rows)}`;
}

function work(report: Report): string {
  const items = workOf(report).flatMap(({ title, facts, lines }) => [
    `- ${md(title)}, ${md(facts)}`,
    ...lines.map((line) => `  - ${codeSpan(line)}`),
  ]);
  return items.length === 0 ? '' : `## ${workTitle}\n\n${items.join('\n')}`;
}

function timeline(report: Report): string {
  if (report.history.length === 0) return '';
  const rows = report.history.map((entry) => {
    const lasted =
      entry.until === null
        ? ''
        : duration(Math.max(0, Date.parse(entry.until) - Date.parse(entry.at)));
    return [utc(entry.at).replace(' UTC', ''), lasted, md(entry.text)];
  });
  return `## Timeline\n\n${table(['When (UTC)', 'Lasted', 'What'], rows)}`;
}

function decisions(report: Report): string {
  const rows = report.view.decisions.map((decision) => [
    utc(decision.at).replace(' UTC', ''),
    md(statedName(decision.by, decision.sender)),
    decision.code === 'malformed' ? 'not a decision' : md(decision.verb),
    md(decision.about?.id ?? ''),
    decision.accepted
      ? ['accepted', oneAccountNote(decision)].filter(Boolean).join(', ')
      : `refused: ${md(decision.message)}`,
    md(decision.reason || 'none given'),
  ]);
  const evidence = waitsShown(report).map(
    (wait) =>
      `What the approver was shown at ${md(wait.step)}${wait.digest === undefined ? '' : ` (${md(wait.digest)})`}:\n\n${fenced(prettyJson(wait.evidence ?? null, 8_000), 'json')}${following(wait)}`,
  );
  if (rows.length === 0 && evidence.length === 0) return '';
  const list =
    rows.length === 0
      ? 'Nobody has decided yet.'
      : table(['When (UTC)', 'Who', 'Decision', 'About', 'Verdict', 'Reason'], rows);
  return `## Decisions\n\n${[list, ...evidence].join('\n\n')}`;
}

function following({ step, follows = [] }: Wait): string {
  if (follows.length === 0) return '';
  const items = follows.map((each) => {
    const { title, facts, lines } = followingText(each);
    return [`- ${md(title)}: ${md(facts)}`, ...lines.map((line) => `  - ${codeSpan(line)}`)];
  });
  return `\n\n${followingTitle}, at ${md(step)}:\n\n${items.flat().join('\n')}`;
}

function outputs({ view }: Report): string {
  if (Object.keys(view.outputs).length === 0) return '';
  return `## Outputs\n\n${fenced(prettyJson(view.outputs, 8_000), 'json')}`;
}

function inputs({ view }: Report): string {
  const rows = Object.entries(view.inputs).map(([name, value]) => [md(name), md(scalar(value))]);
  return rows.length === 0 ? '' : `## Inputs\n\n${table(['Input', 'Value'], rows)}`;
}

function foot(report: Report): string {
  return `Report made ${utc(report.generatedAt)}.`;
}

function scalar(value: Json): string {
  return value !== null && typeof value === 'object'
    ? JSON.stringify(value).slice(0, 2_000)
    : brief(value).slice(0, 2_000);
}

/** A table whose columns line up in a terminal too, as far as that is possible. */
function table(head: string[], rows: string[][]): string {
  const widths = head.map((name, column) =>
    Math.min(60, Math.max(3, name.length, ...rows.map((row) => (row[column] ?? '').length))),
  );
  const last = head.length - 1;
  const line = (cells: string[]): string =>
    tableRow(
      cells.map((cell, column) => (column === last ? cell : cell.padEnd(widths[column] ?? 0))),
    );
  const rule = `| ${widths.map((width, column) => '-'.repeat(column === last ? 6 : width)).join(' | ')} |`;
  return [line(head), rule, ...rows.map(line)].join('\n');
}
