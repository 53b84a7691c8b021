import { shortDigest } from '../../language/digest.js';
import { foldSteps } from '../../language/fold.js';
import type { JsonObject } from '../../language/json.js';
import type { Plan } from '../../language/plan.js';
import type { StepSpec } from '../../language/runbook.js';
import { flat } from '../../common/plain.js';
import { html } from '../report/escape.js';
import { mark, type Mark } from './boxes.js';
import { layout } from './layout.js';
import { tag, words } from './svg.js';
import { faces, heightOf, linesOf } from './text.js';

/** What is drawn: a plan, or a runbook whose inputs are not known. */
export interface Drawn {
  id: string;
  version: string;
  title: string;
  steps: readonly StepSpec[];
  /** Absent: they are not known. */
  inputs?: JsonObject;
  targets?: Plan['targets'];
  /** Of the plan. */
  digest?: string;
}

/** Widths in which a picture is laid out: one for files, and two between which a page chooses. */
const widths = { file: 600, narrow: 350, wide: 1_120 } as const;
const margin = 14;

const legend: readonly (readonly [Mark, string])[] = [
  ['read', 'read'],
  ['change', 'change'],
  ['destroy', 'destroy'],
  ['gate', 'gate: people decide'],
];

/** Plain colours on white, also where the surroundings are dark: it is printed and passed on. */
const style = `
.ground { fill: #fff; }
text {
  font-family: system-ui, -apple-system, "Segoe UI", "Liberation Sans", Arial, sans-serif;
  fill: #1b1f24;
}
.title { font-size: ${faces.title.size}px; font-weight: 650; }
.small { font-size: ${faces.small.size}px; }
.code {
  font-size: ${faces.code.size}px;
  font-family: ui-monospace, "SF Mono", "Liberation Mono", Menlo, Consolas, monospace;
}
text.muted { fill: #5b6470; } text.destroy { fill: #b3261e; font-weight: 650; }
text.gate { fill: #5f3a9e; }
.box { fill: #fff; stroke: #9aa3ae; stroke-width: 1.2; }
.box.read { fill: #f3f7fc; stroke: #7d9cc4; } .box.change { fill: #fff7e8; stroke: #b26a00; }
.box.destroy { fill: #fdeceb; stroke: #b3261e; stroke-width: 2.4; }
.box.gate { fill: #f3edfb; stroke: #5f3a9e; stroke-width: 1.6; }
.inner { fill: none; stroke: #b3261e; stroke-width: 1; }
.stripe.read, .mark.read { fill: #2563b8; } .stripe.change, .mark.change { fill: #b26a00; }
.stripe.destroy, .mark.destroy { fill: #b3261e; } .mark.gate { fill: #5f3a9e; }
.mark.none { stroke: #5b6470; } .stripe.none { fill: #9aa3ae; }
.frame { fill: none; stroke: #b9c0c9; stroke-width: 1.2; } .frame.left { stroke-dasharray: 4 4; }
.line { fill: none; stroke: #5b6470; stroke-width: 1.4; } .tip { fill: #5b6470; }
.border { stroke: #b3261e; stroke-width: 1.6; }
`;

/** The steps as one picture that needs nothing beside it. */
export function svgPicture(drawn: Drawn): string {
  return picture(drawn, widths.file, true);
}

/** A page with the picture, in the width that the reader's window has. */
export function htmlPicture(drawn: Drawn): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${html(`${drawn.title} (${drawn.id} ${drawn.version})`)}</title>
<style>
body { margin: 0; background: #fff; text-align: center; }
svg { max-width: 100%; height: auto; }
@media (max-width: 760px) { .wide { display: none; } }
@media (min-width: 761px) { .narrow { display: none; } }
${style}</style>
</head>
<body>
<div class="narrow">${picture(drawn, widths.narrow, false)}</div>
<div class="wide">${picture(drawn, widths.wide, false)}</div>
</body>
</html>
`;
}

function picture(drawn: Drawn, most: number, alone: boolean): string {
  const { id, version, title, inputs = {}, digest } = drawn;
  const box = layout(foldSteps(drawn.steps, drawn), most);
  const width = Math.max(box.width, Math.min(most, 340));
  const given = Object.entries(inputs).map(([name, value]) => `${name}: ${flat(value)}`);
  const head = [
    ...linesOf(title, 'title', width, 2),
    ...linesOf(
      [`${id} ${version}`, ...(digest === undefined ? [] : [`plan ${shortDigest(digest)}`])].join(
        ' · ',
      ),
      'small',
      width,
      2,
      'muted',
    ),
    ...linesOf(given.join(' · '), 'small', width, 3, 'muted'),
  ];
  let top = margin;
  const told = head.map((each) => {
    top += faces[each.face].line;
    return words(each, margin, top - 4);
  });
  const start = margin + heightOf(head) + 12;
  const [signs, below] = legendAt(start, width);
  const [all, high] = [width + 2 * margin, below + 16 + box.height + margin];
  const [size, viewBox] = [{ width: all, height: high }, `0 0 ${all} ${high}`];
  const inside = [
    '',
    ...(alone ? [`<style>${style}</style>`] : []),
    tag('rect', { class: 'ground', ...size }),
    ...told,
    ...signs,
    box.draw(margin + (width - box.width) / 2, below + 16),
    '',
  ];
  const named = { role: 'img', 'aria-label': `Steps of ${title}` };
  const xmlns = 'http://www.w3.org/2000/svg';
  return `${tag('svg', { xmlns, ...size, viewBox, ...named }, inside.join('\n'))}\n`;
}

/** @returns the signs with their words, and where they end */
function legendAt(y: number, width: number): [string[], number] {
  let [x, top] = [margin, y];
  const signs = legend.map(([kind, word]) => {
    const own = 18 + word.length * faces.small.letter + 14;
    if (x > margin && x + own > margin + width) [x, top] = [margin, top + 18];
    const drawn = mark(kind, x, top) + words({ face: 'small', text: word }, x + 18, top + 10);
    x += own;
    return drawn;
  });
  return [signs, top + 12];
}
