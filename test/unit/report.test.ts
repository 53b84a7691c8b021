import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { renderHtml } from '../../client/report/html.js';
import { renderMarkdown } from '../../client/report/markdown.js';
import { runSpan, timeSpent, type Report } from '../../client/report/report.js';
import { Scale } from '../../client/report/scale.js';
import { renderTimeline } from '../../client/report/timeline.js';
import { clip, clipTitle, summary, takenText } from '../../client/report/words.js';
import { duration } from '../../common/times.js';
import {
  hostileTexts as hostile,
  withoutBlocks,
  withoutCode,
  withText,
} from '../helpers/hostile.js';
import { rolledBackReport, succeededReport, waitingReport } from './report-fixture.js';

const reports: [name: string, report: Report][] = [
  ['a waiting run', waitingReport()],
  ['a run that succeeded', succeededReport()],
  ['a run that was rolled back', rolledBackReport()],
];

const tag = /<(\/?)([a-z!][a-z0-9]*)((?:\s[a-zA-Z][a-zA-Z0-9-]*(?:="[^"]*")?)*)(\/)?>/g;

/**
 * The page's tags in order, attribute names included; fails when they are not nested properly or
 * anything else looks like one.
 */
function skeleton(page: string): string[] {
  const body = page.replace(/<style>[\s\S]*?<\/style>/, '');
  expect(body.replace(tag, '')).not.toMatch(/[<>"']/);
  const open: string[] = [];
  const tags: string[] = [];
  for (const [, slash, name = '', rest = '', closed] of body.matchAll(tag)) {
    if (slash) {
      expect(open.pop()).toBe(name);
    } else {
      tags.push(`${name}${rest.replace(/="[^"]*"/g, '')}`);
      if (!closed && !['!doctype', 'meta'].includes(name)) open.push(name);
    }
  }
  expect(open).toEqual([]);
  return tags;
}

describe.each(reports)('the page of %s', (_, report) => {
  const page = renderHtml(report);

  test('is well-formed, loads nothing and runs nothing', () => {
    skeleton(page);
    expect(page).not.toMatch(/<script|<link|<img|<iframe|@import|\son\w+=|\ssrc=/i);
    expect([...page.matchAll(/url\(([^)]*)\)/g)].map(([, target]) => target)).toEqual(['#hatch']);
    expect([...page.matchAll(/href="([^"]*)"/g)].map(([, target]) => target)).toEqual([
      report.view.uiUrl,
    ]);
    expect(page).toContain(`default-src 'none'`);
  });

  test('has the same skeleton whatever hostile text it shows', () => {
    const plain = skeleton(renderHtml(withText(report, () => 'plain')));
    // Text of several lines is shown as a block.
    const plainLines = skeleton(renderHtml(withText(report, () => 'plain\nplain')));
    const asLong = (text: string): string[] => (text.trim().includes('\n') ? plainLines : plain);
    for (const text of hostile)
      expect(skeleton(renderHtml(withText(report, () => text)))).toEqual(asLong(text));
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary', minLength: 1 }).filter((text) => text.trim() !== ''),
        (text) => {
          const page = skeleton(renderHtml(withText(report, () => text)));
          expect(page).toHaveLength(asLong(text).length);
        },
      ),
      { numRuns: 25 },
    );
  });

  test('tells what each attempt was asked to do', () => {
    expect(report.attempts).not.toEqual([]);
    for (const { does = [] } of report.attempts) {
      expect(page).toContain(`<code>${does[0]}</code>`);
      expect(renderMarkdown(report)).toContain(`  - \`${does[0]}\``);
    }
  });

  test('tells when, who, why and the digest', () => {
    const asked = report.history.flatMap(({ digest = [] }) => digest);
    expect(asked).not.toEqual([]);
    for (const each of asked) {
      expect(page).toContain(`What the approver was shown at approve <span class="muted">${each}`);
      expect(renderMarkdown(report)).toContain(`shown at approve (\`${each}\`)`);
    }
    for (const text of [
      report.view.id,
      'pipeline-recovery 1.2.0',
      'alice',
      'Orders are four hours late',
      report.view.planDigest,
      '01:12:07 UTC',
    ]) {
      expect(page).toContain(text);
      expect(renderMarkdown(report)).toContain(text);
    }
  });
});

test('the timeline has one lane for each step, and a bar for each attempt', () => {
  const report = rolledBackReport();
  const { svg } = renderTimeline(report);
  expect(svg.match(/class="label/g)).toHaveLength(report.view.steps.length);
  const gates = 1;
  const withoutAttempts = 1;
  expect(svg.match(/class="bar /g)).toHaveLength(report.attempts.length + gates + withoutAttempts);
  expect(svg.match(/class="bar undo"/g)).toHaveLength(2);
  expect(svg.match(/class="bar failed"/g)).toHaveLength(3);
  expect(svg.match(/class="bar timed-out"/g)).toHaveLength(1);
  expect(svg.match(/>not begun</g)).toHaveLength(2);
  expect(svg.match(/class="took[^"]*"[^>]*>[^<]* m?s, undo [^<]* m?s</g)).toHaveLength(2);
});

test('a lost attempt is hatched, and the wait says who decided', () => {
  const { svg, shortened } = renderTimeline(succeededReport());
  expect(svg.match(/class="bar lost"/g)).toHaveLength(1);
  expect(svg).toMatch(/class="bar wait wait-approved"/);
  expect(svg).toContain('approved by bob');
  expect(shortened).toBe(true);
});

test('no bar begins before the axis or ends behind it', () => {
  for (const [, report] of reports) {
    for (const [, x, width] of renderTimeline(report).svg.matchAll(
      /class="bar [^"]*" x="([\d.]+)" y="[\d.]+" width="([\d.]+)"/g,
    )) {
      expect(Number(x)).toBeGreaterThanOrEqual(280);
      expect(Number(width)).toBeGreaterThanOrEqual(3);
      expect(Number(x) + Number(width)).toBeLessThanOrEqual(1180);
    }
  }
});

test('without the record the page is drawn from the steps alone', () => {
  const report = { ...succeededReport(), attempts: [], history: [] };
  skeleton(renderHtml(report));
  const began = report.view.steps.filter(
    (step) => step.startedAt !== null && !['parallel', 'forEach'].includes(step.kind),
  );
  expect(renderTimeline(report).svg.match(/class="bar /g)).toHaveLength(began.length);
  expect(renderMarkdown(report)).not.toContain('## Timeline');
  expect(timeSpent(report).waiting).toBe(2_400_000);
});

test('a run of no length and no steps has a page too', () => {
  const report = waitingReport();
  const empty: Report = {
    ...report,
    view: {
      ...report.view,
      steps: [],
      waitingFor: [],
      decisions: [],
      inputs: {},
      state: 'cancelled',
      endedAt: report.view.startedAt,
    },
    attempts: [],
    history: [],
  };
  const page = renderHtml(empty);
  skeleton(page);
  expect(page).not.toMatch(/NaN|undefined|Infinity/);
});

test('refused decisions are shown with why', () => {
  for (const text of [renderHtml(succeededReport()), renderMarkdown(succeededReport())]) {
    expect(text).toMatch(/refused/);
    expect(text).toContain('alice started this run, so somebody else has to decide gate approve');
    expect(text).toContain('I know what I am doing');
    expect(text).toContain('accepted');
  }
});

test('a waiting run shows the evidence and the exact command that approves', () => {
  const { command } = waitingReport().view.waitingFor[0] ?? { command: '' };
  expect(renderMarkdown(waitingReport())).toContain(command);
  expect(renderHtml(waitingReport())).toContain(command.replaceAll("'", '&#39;'));
  expect(renderHtml(waitingReport())).toContain('the last checkpoint is corrupt');
});

test('text that would be read backwards or not at all is shown by its number', () => {
  const page = renderHtml(withText(succeededReport(), () => 'safe\u202Etxet\u0000\u200B'));
  expect(page).toContain('safe\\u202etxet\\u0000\\u200b');
  expect(page).not.toMatch(/[\u0000\u202E\u200B]/);
});

test('text that looks escaped already is shown as it is', () => {
  expect(renderHtml(withText(succeededReport(), () => '&lt;b&gt; &#60;'))).toContain(
    '&amp;lt;b&amp;gt; &amp;#60;',
  );
});

test('only http addresses become links', () => {
  const report = succeededReport();
  expect(
    renderHtml({ ...report, view: { ...report.view, uiUrl: 'javascript:alert(1)' } }),
  ).not.toContain('href=');
  expect(
    renderMarkdown({ ...report, view: { ...report.view, uiUrl: 'javascript:alert(1)' } }),
  ).not.toContain('Temporal UI');
  expect(
    renderHtml({ ...report, view: { ...report.view, uiUrl: null }, uiUrl: 'https://ui.example/x' }),
  ).toContain('href="https://ui.example/x"');
});

test('a large output is cut, and says where the rest is', () => {
  const report = succeededReport();
  const page = renderHtml({
    ...report,
    view: { ...report.view, outputs: { text: 'x'.repeat(300_000) } },
  });
  expect(page.length).toBeLessThan(80_000);
  expect(page).toContain('more characters are in the report as JSON');
});

test('in Markdown hostile text stays in its cell', () => {
  for (const [, report] of reports) {
    const shape = (text: string): (number | string)[] =>
      withoutBlocks(text)
        .split('\n')
        .map((line) =>
          line.startsWith('|')
            ? line.replace(/\\[|\\]/g, '').split('|').length
            : line.startsWith('#')
              ? '#'
              : line === ''
                ? ''
                : 'text',
        );
    const plain = shape(renderMarkdown(withText(report, () => 'plain')));
    for (const text of hostile)
      expect(shape(renderMarkdown(withText(report, () => text)))).toEqual(plain);
  }
  const shown = renderMarkdown(withText(succeededReport(), () => '<script>[a](b)'));
  expect(withoutCode(shown)).not.toMatch(/<script|\[a/);
});

test('a fence in an output does not end the block', () => {
  const report = succeededReport();
  const text = renderMarkdown({
    ...report,
    view: { ...report.view, outputs: { text: '````\n# out' } },
  });
  expect(text).toMatch(/\n`{5}json\n/);
});

test('executing, waiting for people, for other runs and neither add up to the whole', () => {
  for (const [, report] of reports) {
    const { total, executing, waiting, queued, between } = timeSpent(report);
    const run = runSpan(report);
    expect(executing + waiting + queued + between).toBe(total);
    expect(total).toBe(run.to - run.from);
    expect(Math.min(executing, waiting, queued, between)).toBeGreaterThanOrEqual(0);
  }
  expect(timeSpent(succeededReport()).waiting).toBe(2_400_000);
});

test('a wait for a target that another run has is not held against people', () => {
  const report = succeededReport();
  const { startedAt } = report.view;
  const until = new Date(Date.parse(startedAt) + 60_000).toISOString();
  const wait = {
    kind: 'wait' as const,
    at: startedAt,
    until,
    step: 'target:shop',
    attempt: 1,
    state: 'closed',
    by: null,
    text: '',
  };
  const alone = { ...report, attempts: [], history: [wait], view: { ...report.view, steps: [] } };
  expect(timeSpent(alone)).toMatchObject({ waiting: 0, queued: 60_000, executing: 0 });
  expect(renderMarkdown(alone)).toContain('were spent waiting for other runs.');
  expect(renderHtml(alone)).toContain('waiting for other runs 1 min');
});

test('three days at a gate leave three seconds of work visible', () => {
  const day = 86_400_000;
  const scale = new Scale(
    { from: 0, to: 3 * day + 3_000 },
    [
      { from: 0, to: 1_000 },
      { from: 3 * day, to: 3 * day + 2_000 },
    ],
    800,
  );
  expect(scale.pieces.map(({ shortened }) => shortened)).toEqual([false, true, false, false]);
  expect(scale.x(1_000)).toBeGreaterThan(100);
  expect(scale.x(3 * day + 3_000)).toBeCloseTo(800);
});

test('the axis never runs backwards, and its labels have room', () => {
  const moment = fc.integer({ min: 0, max: 10_000_000 });
  fc.assert(
    fc.property(
      fc.array(fc.tuple(moment, moment), { maxLength: 20 }),
      fc.array(moment, { maxLength: 30 }),
      (spans, moments) => {
        const work = spans.map(([a, b]) => ({ from: Math.min(a, b), to: Math.max(a, b) }));
        const scale = new Scale({ from: 0, to: 10_000_000 }, work, 800);
        const xs = [...moments].sort((a, b) => a - b).map((at) => scale.x(at));
        expect(
          xs.every((x, index) => x >= -1e-6 && x <= 800 + 1e-6 && x >= (xs[index - 1] ?? 0) - 1e-6),
        ).toBe(true);
        const ticks = scale.ticks().map(({ x }) => x);
        // The first label begins at its tick, the others are centred.
        const room = (before: number) => (before === 0 ? 99 : 66);
        expect(
          ticks.slice(1).every((x, index) => x - (ticks[index] ?? 0) >= room(ticks[index] ?? 0)),
        ).toBe(true);
      },
    ),
  );
});

test.each([
  [0, '0 ms'],
  [850, '850 ms'],
  [12_340, '12.3 s'],
  [59_960, '1 min 00 s'],
  [245_000, '4 min 05 s'],
  [3_599_600, '1 h 00 min'],
  [7_380_000, '2 h 03 min'],
  [273_600_000, '3 d 4 h'],
])('%d ms is said as %s', (ms, words) => {
  expect(duration(ms)).toBe(words);
});

test.each([
  ['Short: one', 'Short: one'],
  ['Prove the checkpoints of stage: transform', 'Prove the chec…: transform'],
  ['Prove the checkpoints of all stages', 'Prove the checkpoints of …'],
  ['Copy: the whole of it, with all that it holds', 'Copy: the whole of it, wi…'],
])('the title %s is shortened to %s', (title, shown) => {
  expect(clipTitle(title, 26)).toBe(shown);
});

test('the summary counts apart what was not needed', () => {
  const report = succeededReport();
  const [first, ...others] = report.view.steps;
  const spared = first ? [{ ...first, state: 'not-needed' as const }] : [];
  const steps = [...spared, ...others];
  expect(summary({ ...report, view: { ...report.view, steps } })).toContain(
    ' 9 of 10 steps done, 1 not needed.',
  );
});

test('the summary says what became of the run and where it stands', () => {
  expect(summary(waitingReport())).toMatch(
    /^Waits for an operator other than the requester since 2026-03-01 01:12:20 UTC: Approve the recovery\. 4 of 10 steps done\./,
  );
  expect(summary(succeededReport())).toMatch(
    /^Succeeded after 40 min 58 s\. 10 of 10 steps done\. 40 min 00 s were spent waiting for people\. 1 attempt lost the worker/,
  );
  expect(summary(rolledBackReport())).toMatch(
    /^Rolled back after 4 min 08 s at: Follow the job until it is done\./,
  );
});

test('a result that was taken over says so, and whether it was looked at again', () => {
  const report = succeededReport();
  const [step] = report.view.steps;
  const taken = { ...step!, takenFrom: 'orders-1' };
  const view = { ...report.view, steps: [taken, ...report.view.steps.slice(1)] };
  expect(takenText(step!, report.view)).toBeUndefined();
  expect(takenText(taken, view)).toBe('taken over from run orders-1');
  expect(takenText(taken, { ...view, probed: [taken.id] })).toBe(
    'taken over from run orders-1, and it still holds',
  );
  expect(takenText(step!, { ...view, drifted: [taken.id] })).toBe(
    'what was taken over no longer held: done anew',
  );
  for (const render of [renderMarkdown, renderHtml])
    expect(render({ ...report, view })).toContain('taken over from run orders-1');
});

test('programs that ran are named with what they held, and those that changed with both', () => {
  const report = succeededReport();
  const digest = `sha256:${'a'.repeat(64)}`;
  const program = { name: '/opt/<b>do', file: '/opt/<b>do', digest };
  const ofSystem = { name: 'true', file: '/bin/true', digest, system: true as const };
  for (const attempt of report.attempts) attempt.programs = [program, ofSystem];
  const change = { step: 'one', program: 'true', was: 'sha256 b', now: 'sha256 a' };
  report.view.programsChanged = [
    { ...change, allowed: 'system' },
    { ...change, program: '/opt/do', allowed: 'people' },
  ];
  const page = renderHtml(report);
  skeleton(page);
  expect(page.split('/opt/&lt;b&gt;do')).toHaveLength(3);
  expect(page).toContain(digest);
  expect(renderMarkdown(report)).toContain('Program changed: true: sha256 b → sha256 a, at one');
  expect(page).toContain('people let it run');
});

test('clipped text shows that it was cut', () => {
  expect(clip('a  b\nc', 10)).toBe('a b c');
  expect(clip('abcdef', 4)).toBe('abc…');
});
