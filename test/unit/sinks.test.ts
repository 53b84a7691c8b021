import { readFileSync, readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { PassThrough } from 'node:stream';
import { expect, jest, test } from '@jest/globals';
import type { Io } from '../../client/io.js';
import type { StartEnvelope } from '../../common/envelope.js';
import type { RunView } from '../../common/view.js';
import type { Drawn } from '../../client/graph/picture.js';
import type { Plan } from '../../language/plan.js';
import type { StepSpec } from '../../language/runbook.js';
import { hostileTexts, withoutCode, withText } from '../helpers/hostile.js';
import { messageWith } from '../helpers/message.js';
import { waitingReport } from './report-fixture.js';

/*
 * Hostile text stays text, everywhere. Each sink that text from outside reaches is listed here with
 * where it is written in the sources, and gets the same texts. A place that is not listed fails.
 */

const root = resolve(import.meta.dirname, '../..');

/** With its escaping as it is, or switched off. */
async function load(guarded: boolean) {
  jest.resetModules();
  const same = (text: string): string => text;
  if (!guarded) {
    // What escapes nothing stays as it is.
    const visible = await import('../../common/visible.js');
    const inMarkdown = await import('../../common/markdown.js');
    jest.resetModules();
    jest.unstable_mockModule('../../common/visible.js', () => ({
      ...visible,
      ...{ visible: same, visibleLine: same },
      visibleJson: (value: unknown, indent?: number) => JSON.stringify(value, null, indent),
    }));
    jest.unstable_mockModule('../../common/markdown.js', () => ({
      ...inMarkdown,
      ...{ markdown: same, codeSpan: same, fenced: same },
      tableRow: (cells: string[]) => `| ${cells.join(' | ')} |`,
    }));
    jest.unstable_mockModule('../../client/report/escape.js', () => ({
      ...{ html: same, link: same, mermaid: same },
    }));
  }
  return {
    output: await import('../../client/output.js'),
    screen: await import('../../client/screen.js'),
    html: await import('../../client/report/html.js'),
    picture: await import('../../client/graph/picture.js'),
    mermaid: await import('../../client/graph/mermaid.js'),
    markdown: await import('../../client/report/markdown.js'),
    timeline: await import('../../client/report/timeline.js'),
    log: await import('../../worker/log.js'),
    details: await import('../../workflows/engine/details.js'),
    activities: await import('../../workflows/engine/activities.js'),
    start: await import('../../common/start-options.js'),
    text: await import('../../worker/teller/text.js'),
    sections: await import('../../worker/teller/sections.js'),
    slack: await import('../../worker/teller/slack.js'),
  };
}
type Loaded = Awaited<ReturnType<typeof load>>;

/** What a command writes, to a terminal. */
function written(write: (io: Io) => void): string {
  const stream = new PassThrough();
  write({ stdout: stream, stderr: stream, isTTY: true, env: {}, columns: 80 } as unknown as Io);
  return String(stream.read());
}

const hostileView = (text: string): RunView => {
  const { view } = withText(waitingReport(), () => text);
  const [wait] = view.waitingFor;
  const who = { ...wait, who: text, command: text } as NonNullable<typeof wait>;
  const steps = view.steps.map((step) => ({ ...step, id: text }));
  return {
    ...view,
    steps,
    waitingFor: [who],
    problem: { type: 'Error', message: text, next: text },
  };
};
const envelope = (text: string) => ({ run: 'run', by: text, reason: text }) as StartEnvelope;
const plan = (text: string) =>
  ({
    ...{ digest: text, targets: [], inputs: { [text]: text } },
    runbook: { id: text, version: text, title: text, priority: 'LOW' },
  }) as unknown as Plan;
const attempt = (title: string) => ({ step: { path: 'a', title }, timeoutMs: 1 }) as never;
const retry = { initialMs: 1, factor: 1, maxMs: 1, attempts: 1 };

/** A plan with the text in every place that is drawn. */
const drawn = (text: string): Drawn => {
  const action = { kind: 'command', argv: [text] };
  const when = { $: text, ast: { is: 'name', name: text, at: [0, 1] } } as StepSpec['when'];
  const leaf: StepSpec = {
    ...{ id: text, title: text, kind: 'command', effect: 'destroy', undo: text },
    work: { action },
  };
  return {
    ...{ id: text, version: text, title: text, digest: text, inputs: { [text]: text } },
    steps: [
      { ...leaf, ...(when ? { when } : {}) },
      { id: 'gate', title: text, kind: 'approval', effect: 'read' },
      { id: text, title: text, kind: 'runbook', effect: 'read', runbook: text, steps: [leaf] },
      { id: text, title: text, kind: 'parallel', effect: 'read', steps: [leaf, leaf] },
    ],
  };
};

/** What a terminal acts on, or what turns or hides text. */
const unseen =
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200b\u200e\u200f\u202a-\u202e\u2066-\u2069]/;
const acts = (shown: string): boolean => unseen.test(shown);
const actsOrBreaks = (shown: string): boolean => acts(shown) || shown.includes('\n');
/** All that makes HTML of text. */
const htmlShape = (page: string): string => page.replace(/[^<>"']/g, '');
/** All that Mermaid reads as markup, and ends of lines. */
const mermaidShape = (text: string): string =>
  text.replace(/#\d+;/g, '').replace(/[^"<>[\]{}()|;`&\n]/g, '');
/** The tags that a picture is made of; a longer text has more lines, and so more tags. */
const ownTags =
  /<style>[^<]*<\/style>|<!doctype html>|<\/?(?:svg|g|rect|path|circle|text|html|head|meta|title|body|div)(?: [a-zA-Z-]+="[^"<>']*")*\/?>/g;
const pictureLives = (shown: string): boolean =>
  acts(shown) || /[<>"']|&(?!(?:amp|lt|gt|quot|#39);)/.test(shown.replace(ownTags, ''));
/** Markdown without what is text for certain. */
const markdownShape = (text: string): string => withoutCode(text).replace(/ +|-{2,}/g, ' ');
/** Harmless everywhere, and a span of code in Markdown, as hostile texts are. */
const harmless = 'plain_text';
/** It has lines of its own where the hostile one has: such texts are shown as blocks. */
const likeIt = (text: string): string =>
  text.trim().includes('\n') ? `${harmless}\n${harmless}` : harmless;

interface Sink {
  /** Text that is harmless everywhere, and the hostile one: true when the latter acts. */
  lives: (shown: string, asPlain: string, text: string) => boolean;
  show: (modules: Loaded, text: string) => string;
}

const terminal = (show: Sink['show']): Sink => ({ show, lives: acts });
const line = (show: Sink['show']): Sink => ({ show, lives: actsOrBreaks });
const html = (show: Sink['show']): Sink => ({
  show,
  lives: (shown, asPlain) => acts(shown) || htmlShape(shown) !== htmlShape(asPlain),
});
const inMarkdown = (show: Sink['show']): Sink => ({
  show,
  lives: (shown, asPlain) => acts(shown) || markdownShape(shown) !== markdownShape(asPlain),
});

const sinks: Record<string, Sink> = {
  'stdout of a command': terminal(({ output }, text) => written((io) => output.print(io, text))),
  'stderr of a command': terminal(({ output }, text) => written((io) => output.remark(io, text))),
  'error of a command': terminal(({ output }, text) => {
    const error = { message: text, next: text, exitCode: 1 } as never;
    return written((io) => output.printError(io, error, 'text', false));
  }),
  'JSON of a command on a terminal': {
    show: ({ output }, text) => written((io) => output.printJson(io, { [text]: text })),
    lives: (shown, _, text) =>
      acts(shown) || (JSON.parse(shown) as Record<string, string>)[text] !== text,
  },
  'JSON lines': line(({ output }, text) =>
    written((io) => output.printList(io, 'jsonl', [{ [text]: text }])).trimEnd(),
  ),
  'live screen': terminal(({ screen }, text) =>
    written((io) => new screen.Screen(io).finish(text)),
  ),
  'log of a worker': line(({ log }, text) =>
    log.lineOf({ level: 'WARN', timestampNanos: 0n, message: text, meta: { activityId: text } }),
  ),
  'report as HTML': html((m, text) => m.html.renderHtml(withText(waitingReport(), () => text))),
  'timeline as SVG': html(
    (m, text) => m.timeline.renderTimeline(withText(waitingReport(), () => text)).svg,
  ),
  'plan as SVG': {
    show: ({ picture }, text) => picture.svgPicture(drawn(text)),
    lives: pictureLives,
  },
  'plan as a page': {
    show: ({ picture }, text) => picture.htmlPicture(drawn(text)),
    lives: pictureLives,
  },
  'plan for Mermaid': {
    show: ({ mermaid }, text) => mermaid.mermaidText(drawn(text)),
    lives: (shown, asPlain) => acts(shown) || mermaidShape(shown) !== mermaidShape(asPlain),
  },
  'report as Markdown': inMarkdown((m, text) =>
    m.markdown.renderMarkdown(withText(waitingReport(), () => text)),
  ),
  'current details in the Temporal UI': inMarkdown(({ details }, text) =>
    details.renderDetails(hostileView(text), 'runbook'),
  ),
  'static summary in the Temporal UI': inMarkdown(
    ({ start }, text) => start.startOptions(envelope(text), plan(text)).staticSummary,
  ),
  'static details in the Temporal UI': inMarkdown(
    ({ start }, text) => start.startOptions(envelope(text), plan(text)).staticDetails,
  ),
  'message as plain text': terminal(({ text: words }, text) => words.textOf(messageWith(text))),
  'message that it is over': terminal(({ text: words }, text) => {
    const at = '2026-03-01T02:30:00.000Z';
    const over = { ...{ how: text, by: text, reason: text, then: text }, at };
    return words.textOf(messageWith(text, { what: 'over', over }));
  }),
  'message of what an ended run has left': terminal(({ text: words }, text) => {
    const end = { state: 'failed' as const, why: text, at: '2026-03-01T02:30:00.000Z' };
    return words.textOf(messageWith(text, { what: 'left', end }));
  }),
  'subject of a mail': line(({ sections }, text) => sections.headline(messageWith(text))),
  'message in Slack': {
    show: ({ slack }, text) => JSON.stringify(slack.slackBody(messageWith(text))),
    // Only the notification's text is read for markup there; all else is rich or plain text.
    lives: (shown) => {
      const body = JSON.parse(shown) as { text: string; blocks: unknown[] };
      return [body.text, ...textsIn(body.blocks)].some(acts) || slackActsOn(body.text);
    },
  },
  'summary of a step in the Temporal UI': line(
    ({ activities }, text) => activities.stepOptions(attempt(text), retry, 1).summary ?? '',
  ),
  'summary of a wait for a target in the Temporal UI': line(
    ({ activities }, text) => activities.leaseOptions(text, 1).summary ?? '',
  ),
};

/** Slack makes links, mentions and entities of these. */
const slackActsOn = (text: string): boolean => /[<>]|&(?!(amp|lt|gt);)/.test(text);

function textsIn(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  return value !== null && typeof value === 'object' ? Object.values(value).flatMap(textsIn) : [];
}

async function alive(guarded: boolean): Promise<Record<string, string[]>> {
  const modules = await load(guarded);
  return Object.fromEntries(
    Object.entries(sinks).map(([name, { show, lives }]) => [
      name,
      hostileTexts.filter((text) => lives(show(modules, text), show(modules, likeIt(text)), text)),
    ]),
  );
}

test('hostile text lives in no sink; with its escaping off, in every one', async () => {
  const guarded = await alive(true);
  const open = await alive(false);
  const count = (found: Record<string, string[]>): number => Object.values(found).flat().length;
  process.stderr.write(
    `${Object.keys(sinks).length} sinks, ${hostileTexts.length} hostile texts: ${count(guarded)} alive; escaping off: ${count(open)}\n`,
  );
  for (const texts of Object.values(guarded)) expect(texts).toEqual([]);
  for (const [name, texts] of Object.entries(open))
    expect([name, texts.length > 0]).toEqual([name, true]);
});

/**
 * Every place of the sources that writes for people, by what it writes with. A new one comes here,
 * and as a sink above when text from outside reaches it.
 */
const places: [what: RegExp, allowed: Record<string, number>][] = [
  [
    /\bstd(?:out|err)\.write\(|\bconsole\.\w+\(/g,
    {
      'client/output.ts': 2,
      'client/screen.ts': 1,
      // Help texts, the script and its words, which go through `line`; nothing at all.
      ...{ 'client/program.ts': 1, 'client/commands/completion.ts': 2, 'client/main.ts': 1 },
      'worker/log.ts': 1,
      // That it is ready; why it cannot start.
      ...{ 'worker/serve.ts': 1, 'worker/main.ts': 1 },
      'embedded/dev.ts': 2,
    },
  ],
  [
    /\bsetCurrentDetails\(|\bstatic(?:Summary|Details):/g,
    {
      'workflows/engine/board.ts': 1,
      'common/start-options.ts': 2,
      ...{ 'client/preview-plan.ts': 1, 'client/schedules.ts': 1 },
    },
  ],
  // Summaries of activities and timers, which the Temporal UI shows as they are.
  [
    /\bsummary: (?!string)/g,
    // What steps.ts says goes through turn.ts.
    {
      ...{ 'workflows/engine/activities.ts': 2, 'workflows/engine/steps.ts': 1 },
      ...{ 'workflows/engine/turn.ts': 2 },
    },
  ],
  // What is sent to people elsewhere.
  [/\bdeliver\(/g, { 'worker/teller/deliver.ts': 1, 'worker/teller/teller.ts': 1 }],
  // JSON, which the Temporal UI shows as it is, and which code reads.
  [
    /\bmemo: \{|\bupsertMemo\(/g,
    {
      ...{ 'common/start-options.ts': 1, 'client/schedules.ts': 1 },
      ...{ 'workflows/engine/runbook.ts': 1, 'workflows/engine/board.ts': 1 },
    },
  ],
];

test('every place that writes for people is known', () => {
  const folders = ['activities', 'client', 'common', 'embedded', 'store', 'worker', 'workflows'];
  const files = folders.flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts'))
      .map((name) => `${folder}/${name}`),
  );
  for (const [what, allowed] of places) {
    const found = files.flatMap((file) => {
      const count = [...readFileSync(join(root, file), 'utf8').matchAll(what)].length;
      return count === 0 ? [] : [[file, count] as const];
    });
    expect(Object.fromEntries(found)).toEqual(allowed);
  }
});
