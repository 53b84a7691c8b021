import { hasOwnTime, outcomeOf } from '../../common/step-outcome.js';
import { followingText, followingTitle } from '../../common/following.js';
import type {
  DecisionView,
  FollowingStep,
  RunState,
  StepView,
  TimelineEntry,
} from '../../common/view.js';
import type { Json } from '../../language/json.js';
import { html, link } from './escape.js';
import {
  isLive,
  runSpan,
  stepSpan,
  timeSpent,
  waitsOf,
  waitsShown,
  type Report,
  type Wait,
} from './report.js';
import { hasLines, linesOf } from '../../common/plain.js';
import { recoveryRows, recoveryTimes, spentRows } from './recovery.js';
import { style } from './style.js';
import { renderTimeline } from './timeline.js';
import {
  answerLines,
  brief,
  clip,
  facts,
  outputLines,
  prettyJson,
  stateWords,
  stepWordsOf,
  summary,
  triesText,
  workOf,
  workTitle,
} from './words.js';
import { duration, utc } from '../../common/times.js';
import { leftBy, leftLine, leftTitle } from '../../common/left.js';
import { statedName } from '../../common/sender.js';
import { isPart } from '../../language/paths.js';

/**
 * The report as one HTML page: no script, nothing loaded from anywhere, readable offline, in light
 * and dark, on paper. Everything that came from outside is escaped, and the page's own policy
 * forbids scripts besides.
 */
export function renderHtml(report: Report): string {
  const { view } = report;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${html(`${view.id}: ${stateWords(view.state).toLowerCase()}`)}</title>
<style>
${style}
</style>
</head>
<body>
<main>
${[head(report), problem(report), left(report), waiting(report), factList(report), recovery(report), timeline(report), decisions(report), steps(view.steps, report), work(report), outputs(report), inputs(report), foot(report)].filter(Boolean).join('\n')}
</main>
</body>
</html>
`;
}

function head(report: Report): string {
  const { view } = report;
  return `<header>
<div class="top"><div><h1>${html(view.title)}</h1><div class="mono muted">${html(view.id)}</div></div><span class="pill ${toneOfRun(view.state)}">${html(stateWords(view.state))}</span></div>
<p class="lead">${html(summary(report))}</p>
</header>`;
}

function problem({ view }: Report): string {
  if (!view.problem) return '';
  const next = view.problem.next ? `<p>Next: ${html(view.problem.next)}</p>` : '';
  return `<section class="note bad"><p><strong>${html(stateWords(view.state))}:</strong> ${html(view.problem.message)}</p>${next}</section>`;
}

function left({ view }: Report): string {
  const lines = leftBy(view).map((each) => `<li>${html(leftLine(each))}</li>`);
  if (lines.length === 0) return '';
  return `<section class="note warn"><p><strong>${leftTitle}:</strong></p><ul>${lines.join('')}</ul></section>`;
}

function waiting({ view }: Report): string {
  return view.waitingFor
    .map((wait) => {
      const deadline = wait.deadline ? `, until ${html(utc(wait.deadline))} at the latest` : '';
      const evidence = Object.entries(wait.evidence).map(([name, value]) =>
        hasLines(value)
          ? `<div><dt>${html(name)}</dt><dd><pre>${html(linesOf(value).join('\n'))}</pre></dd></div>`
          : `<div><dt>${html(name)}</dt><dd>${html(clip(brief(value), 400))}</dd></div>`,
      );
      return `<section class="note warn"><p><strong>${html(wait.title)}</strong> waits for ${html(wait.who)} since ${html(utc(wait.since))}${deadline}.</p>
<dl class="evidence">${evidence.join('')}</dl>
${following(wait.follows)}<pre>${html(answerLines(view.id, wait))}</pre></section>`;
    })
    .join('\n');
}

function following(follows: readonly FollowingStep[] = []): string {
  if (follows.length === 0) return '';
  const steps = follows.map((step) => {
    const { title, facts, lines } = followingText(step);
    return `<li><strong>${html(title)}</strong> <span class="muted">${html(facts)}</span>${lines.map((line) => `<code>${html(clip(line, 1_000))}</code>`).join('')}</li>`;
  });
  return `<p>${html(followingTitle)}:</p>\n<ol class="follows">${steps.join('')}</ol>\n`;
}

function factList(report: Report): string {
  const wide = new Set(['Reason', 'First end', 'Went on', 'Plan']);
  const address = link(report.view.uiUrl ?? report.uiUrl);
  // The run's id is under the heading already, and the division of time above the timeline.
  const elsewhere = [
    'Run',
    'Waiting for people',
    'Waiting for other runs',
    'Executing',
    'Between attempts',
  ];
  const shown = facts(report).filter(([name]) => !elsewhere.includes(name));
  const rows = shown.map(([name, value]) => {
    const mono = name === 'Plan' ? ' class="mono"' : '';
    return `<div${wide.has(name) ? ' class="wide"' : ''}><dt>${html(name)}</dt><dd${mono}>${html(value)}</dd></div>`;
  });
  if (address)
    rows.push(
      `<div class="whole"><dt>Temporal UI</dt><dd><a href="${html(address)}" rel="noreferrer">${html(address)}</a></dd></div>`,
    );
  return `<dl class="facts">\n${rows.join('\n')}\n</dl>`;
}

/** The colours of a recovery's time, in its order. */
const clockColours = ['var(--off)', 'var(--undo)', 'var(--warn)', 'var(--live)', 'var(--ok)'];

function recovery({ view }: Report): string {
  if (!view.recovery) return '';
  const spent = spentRows(view.recovery).map((row, index) => ({
    ...row,
    colour: clockColours[index] ?? 'var(--line)',
  }));
  const total = Math.max(1, view.recovery.rtoMs);
  const bar = spent.map(
    ({ ms, colour }) =>
      `<span style="width:${((ms / total) * 100).toFixed(2)}%;background:${colour}"></span>`,
  );
  const names = spent.map(
    ({ name, ms, colour }) =>
      `<span><i style="background:${colour}"></i>${html(name)} ${html(duration(ms))}</span>`,
  );
  const rows = recoveryRows(view.recovery).map(({ name, met, verdict, reached }) => {
    const tone = met === null ? '' : met ? 'ok' : 'bad';
    return `<tr><td class="name">${html(name)}</td><td><span class="state ${tone}">${html(verdict)}</span></td><td>${html(reached)}</td></tr>`;
  });
  const times = recoveryTimes(view.recovery).map(
    ([name, value]) => `<div><dt>${html(name)}</dt><dd>${html(value)}</dd></div>`,
  );
  return `<section>
<h2>Recovery</h2>
<div class="spent" role="img" aria-label="Where the time between failure and health went">${bar.join('')}</div>
<div class="legend">${names.join('')}</div>
<dl class="facts">${times.join('')}</dl>
<table><thead><tr><th>What</th><th>Objective</th><th>Reached</th></tr></thead>
<tbody>
${rows.join('\n')}
</tbody></table>
</section>`;
}

function timeline(report: Report): string {
  const spent = timeSpent(report);
  const { svg, shortened } = renderTimeline(report);
  const queued =
    spent.queued > 0
      ? `<span><i style="background:var(--off)"></i>waiting for other runs ${html(duration(spent.queued))}</span>`
      : '';
  const share = (ms: number): string =>
    spent.total === 0 ? '0' : ((ms / spent.total) * 100).toFixed(2);
  return `<section>
<h2>Timeline</h2>
<div class="spent" role="img" aria-label="Share of time executing and waiting for people"><span class="executing" style="width:${share(spent.executing)}%"></span><span class="waiting" style="width:${share(spent.waiting)}%"></span><span class="queued" style="width:${share(spent.queued)}%"></span></div>
<div class="legend"><span><i style="background:var(--live)"></i>executing ${html(duration(spent.executing))}</span><span><i style="background:var(--warn)"></i>waiting for people ${html(duration(spent.waiting))}</span>${queued}<span><i style="background:var(--line)"></i>between attempts ${html(duration(spent.between))}</span></div>
<div class="scroll" style="margin-top:18px">
${svg}
</div>
<div class="legend">${legend(report)}${shortened ? '<span><i style="background:var(--line)"></i>drawn shorter than it was</span>' : ''}</div>
</section>`;
}

/** Names the colours that the picture uses, and no other. */
function legend(report: Report): string {
  const states = new Set<string>([
    ...report.attempts.map((attempt) =>
      attempt.undo && attempt.state === 'succeeded' ? 'undo' : attempt.state,
    ),
    ...report.view.steps.map((step) => step.state),
  ]);
  const swatches: [shown: boolean, look: string, name: string][] = [
    [states.has('succeeded'), 'background:var(--ok)', 'succeeded'],
    [
      states.has('failed') || states.has('timed-out'),
      'background:var(--bad)',
      'failed or timed out',
    ],
    [
      states.has('lost'),
      'background:repeating-linear-gradient(45deg,var(--bad) 0 2px,var(--ground) 2px 5px);' +
        'border:1px solid var(--bad)',
      'worker lost',
    ],
    [
      waitsOf(report).length > 0,
      'background:var(--wait-ground);border:1px solid var(--wait-line)',
      'waiting for people',
    ],
    [states.has('running'), 'background:var(--live)', 'running'],
    [states.has('cancelled'), 'background:var(--off)', 'cancelled'],
    [
      states.has('undo') || states.has('undone') || states.has('undoing'),
      'background:var(--undo)',
      'undo',
    ],
  ];
  return swatches
    .filter(([shown]) => shown)
    .map(([, look, name]) => `<span><i style="${look}"></i>${name}</span>`)
    .join('');
}

function decisions(report: Report): string {
  const waits = waitsShown(report);
  const taken = report.history.filter(({ kind }) => kind === 'ack');
  if (report.view.decisions.length + taken.length + waits.length === 0) return '';
  const rows = [
    ...report.view.decisions.map((each) => ({ at: each.at, row: decisionRow(each) })),
    ...taken.map((each) => ({ at: each.at, row: ackRow(each) })),
  ]
    .sort((a, b) => a.at.localeCompare(b.at))
    .map(({ row }) => row)
    .join('\n');
  const table = rows
    ? `<div class="scroll"><table class="rows"><thead><tr><th>When (UTC)</th><th>Who</th><th>Decision</th><th>Verdict</th><th>Reason given, and answer</th></tr></thead>
<tbody>
${rows}
</tbody></table></div>`
    : '<p class="muted">Nobody has decided yet.</p>';
  return `<section>\n<h2>Decisions</h2>\n${table}\n${waits.map(shown).join('\n')}\n</section>`;
}

function decisionRow(decision: DecisionView): string {
  const verdict = decision.accepted
    ? '<span class="state ok">accepted</span>'
    : `<span class="state warn">refused: ${html(decision.code)}</span>`;
  const what = decision.code === 'malformed' ? 'not a decision' : html(decision.verb);
  const { about } = decision;
  const gate = about ? `<span class="id">${about.kind} ${html(about.id)}</span>` : '';
  const reason = decision.reason ? html(decision.reason) : '<span class="muted">none</span>';
  return `<tr><td class="time">${html(utc(decision.at).replace(' UTC', ''))}</td><td data-name="Who">${html(statedName(decision.by, decision.sender))}</td><td data-name="Decision">${what}${gate}</td><td data-name="Verdict">${verdict}</td><td data-name="Reason">${reason}<span class="id muted">${html(decision.message)}</span></td></tr>`;
}

function ackRow({ at, by, sender, step }: TimelineEntry): string {
  return `<tr><td class="time">${html(utc(at).replace(' UTC', ''))}</td><td data-name="Who">${html(statedName(by ?? '', sender))}</td><td data-name="Decision">is at it<span class="id">${html(step ?? '')}</span></td><td></td><td></td></tr>`;
}

function shown(wait: Wait): string {
  const evidence = details(
    `What the approver was shown at ${wait.step}`,
    wait.digest ?? '',
    wait.evidence ?? null,
  );
  const follows = following(wait.follows);
  return follows === ''
    ? evidence
    : `${evidence}\n<details><summary>What could follow at ${html(wait.step)}</summary>${follows}</details>`;
}

function steps(rows: readonly StepView[], report: Report): string {
  const wordsOf = stepWordsOf(report.view);
  const body = rows.map((step) => {
    const span = stepSpan(step, report);
    return [
      `<tr${isPart(step.id) ? ' class="part"' : ''}><td class="name">${html(step.title)}<span class="id">${html(step.id)} · ${html(step.kind)} · ${html(step.effect)}</span></td>`,
      `<td data-name="State"><span class="state ${toneOfStep(outcomeOf(step))}">${html(wordsOf(step))}</span></td>`,
      `<td class="number" data-name="Attempts">${html(triesText(step, report))}</td>`,
      `<td class="number" data-name="Duration">${span && hasOwnTime(step) ? html(duration(span.to - span.from)) : ''}</td>`,
      `<td data-name="Result">${outputLines(step, report)
        .map((each) => `<div>${html(each)}</div>`)
        .join('')}</td></tr>`,
    ].join('');
  });
  return `<section>
<h2>Steps</h2>
<div class="scroll"><table class="rows"><thead><tr><th>Step</th><th>State</th><th class="number">Attempts</th><th class="number">Duration</th><th>Result</th></tr></thead>
<tbody>
${body.join('\n')}
</tbody></table></div>
</section>`;
}

function work(report: Report): string {
  const items = workOf(report).map(
    ({ title, facts, lines }) =>
      `<li><strong>${html(title)}</strong> <span class="muted">${html(facts)}</span>${lines.map((line) => `<code>${html(line)}</code>`).join('')}</li>`,
  );
  if (items.length === 0) return '';
  return `<section>\n<h2>${workTitle}</h2>\n<ol class="follows">${items.join('\n')}</ol>\n</section>`;
}

function outputs(report: Report): string {
  const { view, attempts } = report;
  const blocks = [
    Object.keys(view.outputs).length > 0
      ? details('Outputs of the run', clip(brief(view.outputs), 120), view.outputs, true)
      : '',
    ...view.steps
      .filter((step) => step.output !== null)
      .map((step) =>
        details(`${step.state === 'undone' ? 'Undo of ' : ''}${step.title}`, step.id, step.output),
      ),
    ...attempts
      .filter((attempt) => attempt.error)
      .map((attempt) =>
        details(
          `${attempt.title}, attempt ${attempt.attempt}`,
          `${attempt.undo ? 'undo ' : ''}${attempt.state}`,
          attempt.error as unknown as Json,
        ),
      ),
    ...attempts
      .filter((attempt) => attempt.written)
      .map((attempt) =>
        details(
          `${attempt.title}, attempt ${attempt.attempt}: what it wrote`,
          `${attempt.written?.bytes.toLocaleString('en')} bytes`,
          attempt.written as unknown as Json,
        ),
      ),
  ].filter(Boolean);
  return blocks.length === 0 ? '' : `<section>\n<h2>Outputs</h2>\n${blocks.join('\n')}\n</section>`;
}

function inputs({ view }: Report): string {
  const rows = Object.entries(view.inputs).map(([name, value]) => {
    const text =
      value !== null && typeof value === 'object' ? JSON.stringify(value) : String(value ?? '');
    return `<tr><td class="name">${html(name)}</td><td class="mono">${html(clip(text, 2_000))}</td></tr>`;
  });
  if (rows.length === 0) return '';
  return `<section>\n<h2>Inputs</h2>\n<table><thead><tr><th>Input</th><th>Value</th></tr></thead>\n<tbody>\n${rows.join('\n')}\n</tbody></table>\n</section>`;
}

function details(title: string, aside: string, value: Json, open = false): string {
  const body = typeof value === 'string' ? value : prettyJson(value);
  return `<details${open ? ' open' : ''}><summary>${html(title)} <span class="muted">${html(aside)}</span></summary><pre>${html(body.slice(0, 21_000))}</pre></details>`;
}

function foot(report: Report): string {
  const until = new Date(runSpan(report).to).toISOString();
  const state = isLive(report.view)
    ? `The run still goes on; this is how it stood at ${utc(until)}. `
    : '';
  return `<footer>${html(`${state}Report made ${utc(report.generatedAt)}.`)}</footer>`;
}

function toneOfRun(state: RunState): string {
  if (state === 'succeeded') return 'ok';
  if (['failed', 'rejected', 'terminated'].includes(state)) return 'bad';
  if (
    [
      'waiting',
      'needs-operator',
      'succeeded-with-exceptions',
      'rolled-back',
      'rolling-back',
      'paused',
    ].includes(state)
  )
    return 'warn';
  return state === 'running' ? 'live' : '';
}

function toneOfStep(state: ReturnType<typeof outcomeOf>): string {
  if (['succeeded', 'done-by-hand'].includes(state)) return 'ok';
  if (['failed', 'unknown'].includes(state)) return 'bad';
  if (['waiting', 'needs-operator', 'rejected', 'expired'].includes(state)) return 'warn';
  if (state === 'running') return 'live';
  return ['undone', 'undoing'].includes(state) ? 'undo' : '';
}
