import { takeOverText } from '../../common/take-overs.js';
import { outcomeOf } from '../../common/step-outcome.js';
import { isGroup } from '../../language/kinds/index.js';
import type { AttemptView, StepView } from '../../common/view.js';
import { html } from './escape.js';
import { foldNotNeeded } from './fold.js';
import {
  attemptSpan,
  isLive,
  runSpan,
  stepSpan,
  waitsOf,
  type Report,
  type Span,
} from './report.js';
import { Scale } from './scale.js';
import { clipTitle, stateWords } from './words.js';
import { duration, utc } from '../../common/times.js';
import { isPart } from '../../language/paths.js';

const laneHeight = 26;
const barHeight = 14;
const labelWidth = 280;
/** Room behind the axis for the last label and the durations. */
const marginRight = 76;
const width = 1180;
const headHeight = 40;
/** Least width: even an attempt of a millisecond has to be visible. */
const minBar = 3;
/** Pixels of one character of a bar's text, roughly: the fonts differ. */
const characterWidth = 6.2;

interface Bar extends Span {
  /** Class of its colour. */
  tone: string;
  /** It takes back what the bars before it did. */
  undoes?: boolean;
  title: string;
  text: string;
  open: boolean;
}

interface Lane {
  id: string;
  title: string;
  state: string;
  part: boolean;
  bars: Bar[];
  /** Drawn as a bracket: the group that holds the steps below it. */
  group: Span | null;
}

/**
 * The run as a picture: one lane for each step, attempts as bars coloured by outcome, lost attempts
 * hatched, waits for people with who decided, undos. Inline SVG that takes its colours from the
 * page; hovering a bar tells all about it. `shortened` says that a stretch without work is not
 * drawn to scale.
 */
export function renderTimeline(report: Report): { svg: string; shortened: boolean } {
  const lanes = lanesOf(report);
  const run = runSpan(report);
  const bars = lanes.flatMap((lane) => lane.bars);
  const work = bars.filter((bar) => !bar.tone.startsWith('wait'));
  const scale = new Scale(
    { from: run.from, to: Math.max(run.to, ...bars.map((bar) => bar.to)) },
    work,
    width - labelWidth - marginRight,
  );
  const height = headHeight + lanes.length * laneHeight + 6;
  const y = (index: number): number => headHeight + index * laneHeight;
  const stripes = lanes.flatMap((_, index) =>
    index % 2 === 0
      ? `<rect class="zebra" x="0" y="${y(index)}" width="${width}" height="${laneHeight}"/>`
      : [],
  );
  const svg = [
    `<svg class="timeline" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="Timeline of the run, in UTC">`,
    '<defs><pattern id="hatch" width="6" height="6" patternUnits="userSpaceOnUse" ' +
      'patternTransform="rotate(45)"><rect class="hatch-ground" width="6" height="6"/>' +
      '<rect class="hatch-line" width="2.5" height="6"/></pattern></defs>',
    ...stripes,
    axis(scale, height),
    ...lanes.map((lane, index) => drawLane(lane, y(index), scale)),
    '</svg>',
  ].join('\n');
  return { svg, shortened: scale.pieces.some((piece) => piece.shortened) };
}

function lanesOf(report: Report): Lane[] {
  const unlisted = report.attempts.filter(
    (attempt) => !report.view.steps.some((step) => step.id === attempt.step),
  );
  const known = foldNotNeeded(report.view.steps).map((step) => laneOf(step, report));
  const extra = [...new Set(unlisted.map((attempt) => attempt.step))].map((id): Lane => {
    const attempts = unlisted.filter((attempt) => attempt.step === id);
    return {
      id,
      title: attempts[0]?.title ?? id,
      state: attempts.at(-1)?.state ?? '',
      part: isPart(id),
      bars: attempts.map((attempt) => attemptBar(attempt, attempts.length, report)),
      group: null,
    };
  });
  return [...known, ...extra];
}

function laneOf(step: StepView, report: Report): Lane {
  const attempts = report.attempts.filter((attempt) => attempt.step === step.id);
  const tries = attempts.filter((attempt) => !attempt.undo).length;
  const span = stepSpan(step, report);
  const holdsSteps = isGroup(step.kind);
  const bars =
    step.kind === 'approval'
      ? waitBars(step, report)
      : attempts.map((attempt) => attemptBar(attempt, tries, report));
  // A step of pure code has no attempts, and no step has any when the record is away.
  if (bars.length === 0 && span && !holdsSteps && step.state !== 'not-needed')
    bars.push(stepBar(step, span));
  return {
    id: step.id,
    title: step.title,
    state: outcomeOf(step),
    part: isPart(step.id),
    bars,
    group: holdsSteps ? span : null,
  };
}

function attemptBar(attempt: AttemptView, tries: number, report: Report): Bar {
  const span = attemptSpan(attempt, report);
  const name = `${attempt.undo ? 'Undo of ' : ''}${attempt.title}, attempt ${attempt.attempt}: ${stateWords(attempt.state).toLowerCase()}`;
  const lines = [
    name,
    times(attempt.startedAt, attempt.endedAt, span),
    `on ${attempt.host} (${attempt.worker})`,
    takeOverText(attempt),
    attempt.error?.message ?? '',
  ];
  return {
    ...span,
    tone: attempt.undo && attempt.state === 'succeeded' ? 'undo' : attempt.state,
    undoes: attempt.undo,
    title: lines.filter(Boolean).join('\n'),
    text: attempt.undo ? 'undo' : tries > 1 ? String(attempt.attempt) : '',
    open: attempt.endedAt === null && isLive(report.view),
  };
}

function stepBar(step: StepView, span: Span): Bar {
  const tone = ['succeeded', 'failed', 'running', 'undoing', 'undone'].includes(step.state)
    ? step.state
    : 'cancelled';
  const title = [
    `${step.title}: ${stateWords(step.state).toLowerCase()}`,
    times(step.startedAt ?? '', step.endedAt, span),
    step.error?.message ?? '',
  ];
  return {
    ...span,
    tone: tone.startsWith('undo') ? 'undo' : tone,
    title: title.filter(Boolean).join('\n'),
    text: '',
    open: step.endedAt === null,
  };
}

function waitBars(step: StepView, report: Report): Bar[] {
  return waitsOf(report)
    .filter((wait) => wait.step === step.id)
    .map((wait) => {
      const how =
        wait.state === 'waiting' ? 'waiting' : `${wait.state}${wait.by ? ` by ${wait.by}` : ''}`;
      return {
        from: wait.from,
        to: wait.to,
        tone: `wait wait-${wait.state}`,
        title: `${step.title}: ${how}\n${duration(wait.to - wait.from)} from ${utc(new Date(wait.from).toISOString())}`,
        text: how,
        open: wait.open,
      };
    });
}

function times(from: string, until: string | null, span: Span): string {
  return `${utc(from)} to ${until === null ? 'now' : utc(until)}, ${duration(span.to - span.from)}`;
}

function axis(scale: Scale, height: number): string {
  const breaks = scale.pieces.filter((piece) => piece.shortened);
  const marks = breaks.map((piece) => {
    const x = labelWidth + piece.x;
    const middle = x + piece.width / 2;
    return (
      `<rect class="break" x="${fixed(x)}" y="${headHeight}" width="${fixed(piece.width)}" height="${height - headHeight - 6}">` +
      `<title>${html(`${duration(piece.to - piece.from)} without work, drawn shortened`)}</title></rect>` +
      `<path class="zigzag" d="M${fixed(middle - 7)} ${headHeight - 6} l3.5 -5 l3.5 10 l3.5 -10 l3.5 5"/>`
    );
  });
  const ticks = scale
    .ticks()
    .filter(
      (tick) => !breaks.some((piece) => tick.x > piece.x + 1 && tick.x < piece.x + piece.width - 1),
    );
  return [
    ...marks,
    ...ticks.map((tick) => {
      const x = fixed(labelWidth + tick.x);
      const first = tick.x === 0 ? ' first' : '';
      const date = tick.date
        ? `<text class="tick${first}" x="${x}" y="13">${tick.date}</text>`
        : '';
      return `<line class="grid" x1="${x}" y1="${headHeight - 6}" x2="${x}" y2="${height - 6}"/>${date}<text class="tick${first}" x="${x}" y="28">${tick.label}</text>`;
    }),
    `<text class="tick zone" x="14" y="28">Times in UTC</text>`,
  ].join('\n');
}

function drawLane(lane: Lane, y: number, scale: Scale): string {
  const middle = y + laneHeight / 2;
  const indent = lane.part ? 30 : 14;
  const label = clipTitle(lane.title, Math.floor((labelWidth - indent - 8) / (characterWidth + 1)));
  const name = `<g><title>${html(`${lane.title}\n${lane.id}: ${stateWords(lane.state).toLowerCase()}`)}</title><text class="label${lane.bars.length || lane.group ? '' : ' idle'}" x="${indent}" y="${middle + 4}">${html(label)}</text></g>`;
  const bars = lane.bars.map((bar) => drawBar(bar, y, scale)).join('');
  return `<g>${name}${lane.group ? bracket(lane.group, middle, scale) : ''}${bars}${lane.bars.length || lane.group ? beside(lane, middle, scale) : aside(lane, middle)}</g>`;
}

function drawBar(bar: Bar, y: number, scale: Scale): string {
  const [x, right] = edges(bar, scale);
  const top = y + (laneHeight - barHeight) / 2;
  const fits = bar.text.length * characterWidth + 8 <= right - x;
  const text =
    fits && bar.text
      ? `<text class="in-bar on-${bar.tone.split(' ', 1)[0]}" x="${fixed((x + right) / 2)}" y="${top + barHeight - 3.5}">${html(bar.text)}</text>`
      : '';
  return (
    `<g><title>${html(bar.title)}</title>` +
    `<rect class="bar ${bar.tone}${bar.open ? ' open' : ''}" x="${fixed(x)}" y="${top}" width="${fixed(right - x)}" height="${barHeight}" rx="2"/>${text}</g>`
  );
}

/**
 * The label after a lane's last bar: how long it took, and who decided, where the bar is too short
 * to show it.
 */
function beside(lane: Lane, middle: number, scale: Scale): string {
  const last = lane.bars.at(-1);
  const undos = lane.bars.filter((bar) => bar.undoes);
  const all = lane.group ?? around(lane.bars);
  const own = undos.length > 0 ? around(lane.bars.filter((bar) => !bar.undoes)) : all;
  const [, right] = edges(all, scale);
  const [x, end] = last ? edges(last, scale) : [0, 0];
  const decider =
    last?.tone.startsWith('wait') && last.text.length * characterWidth + 8 > end - x
      ? `, ${last.text}`
      : '';
  const undone = undos.length > 0 ? `, undo ${lasted(around(undos))}` : '';
  const text = `${lasted(own)}${undone}${decider}`;
  const room = width - right - 12;
  // No room after it: put it before the first bar, where the lane is empty.
  if (text.length * characterWidth > room) {
    const [left] = edges(all, scale);
    return `<text class="took before" x="${fixed(left - 6)}" y="${middle + 4}">${html(text)}</text>`;
  }
  return `<text class="took" x="${fixed(right + 6)}" y="${middle + 4}">${html(text)}</text>`;
}

/** From the first of them to the end of the last. */
function around(bars: readonly Bar[]): Span {
  return {
    from: Math.min(...bars.map((bar) => bar.from)),
    to: Math.max(...bars.map((bar) => bar.to)),
  };
}

function lasted({ from, to }: Span): string {
  return duration(Math.max(0, to - from));
}

function aside(lane: Lane, middle: number): string {
  const text = lane.state === 'pending' ? 'not begun' : stateWords(lane.state).toLowerCase();
  return `<text class="took idle" x="${labelWidth + 6}" y="${middle + 4}">${html(text)}</text>`;
}

function bracket(span: Span, middle: number, scale: Scale): string {
  const [x, right] = edges(span, scale);
  return `<path class="group" d="M${fixed(x)} ${middle + 6} v-8 H${fixed(right)} v8"/>`;
}

function edges(span: Span, scale: Scale): [left: number, right: number] {
  const x = labelWidth + scale.x(span.from);
  return [x, Math.max(x + minBar, labelWidth + scale.x(span.to))];
}

function fixed(value: number): string {
  return String(Math.round(value * 10) / 10);
}
