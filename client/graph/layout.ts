import { loopWords } from '../../language/loop-words.js';
import { deciders, defaultApprovers } from '../../common/questions.js';
import { triesWords } from '../../common/tries.js';
import { endings, endsRunbook, type FoldedCase, type FoldedStep } from '../../language/fold.js';
import { describeAction, type Action } from '../../language/kinds/index.js';
import type { StepSpec } from '../../language/runbook.js';
import { frame, node, noReturn, roomIn, sequence, ways, type Box, type Mark } from './boxes.js';
import { linesOf, nameLine, type Line } from './text.js';

/** A step is no wider than this: longer lines are hard to read. */
const widest = 380;
/** Padding of a frame on both sides. */
const framed = 20;
/** Least width of a way beside another. */
const narrowest = 190;

const empty: Box = { width: 0, height: 0, draw: () => '' };

/** Steps as a picture that is at most so wide, as far as words allow. */
export function layout(steps: readonly FoldedStep[], width: number): Box {
  return sequence(steps.flatMap((step) => boxesOf(step, width)));
}

function boxesOf(step: FoldedStep, width: number): Box[] {
  const { spec, left } = step;
  const own = Math.min(width, widest);
  if (left !== undefined) return [leftOut(step.path, spec.title, left, own)];
  const isBorder = spec.pointOfNoReturn === true;
  return [...(isBorder ? [noReturn(own)] : []), boxOf(step, width)];
}

function boxOf(step: FoldedStep, width: number): Box {
  const { spec, cases } = step;
  const own = Math.min(width, widest);
  if (cases) {
    const each = wayWidth(cases.length, width);
    const head = leaf(step, 'none', own, 'one of these');
    return ways(
      head,
      cases.map((way) => caseBox(way, each)),
      width,
    );
  }
  if (spec.kind === 'parallel') {
    const each = wayWidth(step.steps.length, width);
    const head = leaf(step, 'none', own, 'all at once');
    return ways(
      head,
      step.steps.map((way) => sequence(boxesOf(way, each))),
      width,
    );
  }
  if (step.steps.length > 0) {
    const inner = layout(step.steps, width - framed);
    return frame(headLines(step, inner.width, groupWords(spec)), inner);
  }
  return leaf(step, spec.kind === 'approval' ? 'gate' : markOf(spec), own, endings[spec.kind]);
}

/** As wide as a way may be beside the others; all of the width where they do not fit. */
function wayWidth(count: number, width: number): number {
  const each = (width - 14 * (count - 1)) / count;
  return each >= narrowest ? each : width - 18;
}

function caseBox({ path, title, left, when, steps, cases }: FoldedCase, width: number): Box {
  const own = Math.min(width, widest);
  if (left !== undefined) return { ...leftOut(path, title, left, own), isEnd: true };
  const room = width - framed;
  const inner = cases
    ? ways(
        node('none', linesOf('one of these', 'small', 120, 1, 'muted'), Math.min(room, 140)),
        cases.map((way) => caseBox(way, wayWidth(cases.length, room))),
        room,
      )
    : steps.length > 0
      ? layout(steps, room)
      : { ...empty, width: own - framed };
  const box = frame(
    [
      ...linesOf(title, 'title', inner.width, 2),
      ...(when === undefined ? [] : linesOf(`when ${when}`, 'small', inner.width, 4, 'muted')),
    ],
    inner,
  );
  return endsRunbook(steps) ? { ...box, isEnd: true } : box;
}

function leftOut(path: string, title: string, left: string, width: number): Box {
  const room = width - framed;
  return frame(
    [
      ...linesOf(`not needed: ${path}`, 'small', room, 2, 'muted'),
      ...linesOf(title, 'small', room, 2, 'muted'),
      ...linesOf(left, 'small', room, 3, 'muted'),
    ],
    { ...empty, width: room },
    'left',
  );
}

/** @param word what stands in the place of the effect */
function leaf(step: FoldedStep, kind: Mark, width: number, word?: string): Box {
  return node(kind, leafLines(step, kind, roomIn(kind, width), word), width);
}

function leafLines(step: FoldedStep, kind: Mark, room: number, word?: string): Line[] {
  const { path, spec, when } = step;
  const { title, work, undo, approvers = defaultApprovers } = spec;
  const first =
    word ?? (kind === 'gate' ? 'gate' : [spec.effect, tried(spec)].filter(Boolean).join(', '));
  return [
    ...nameLine(first, path, room - 18, kind === 'destroy' ? 'destroy' : 'muted'),
    ...linesOf(title, 'title', room, 3),
    ...(when === undefined ? [] : linesOf(`when ${when}`, 'small', room, 3, 'muted')),
    ...(kind === 'gate'
      ? linesOf(`waits for ${deciders[approvers]}`, 'small', room, 2, 'gate')
      : []),
    ...(work ? linesOf(describeAction(work.action as unknown as Action), 'code', room, 3) : []),
    ...(undo ? linesOf(`↶ undo: ${undo}`, 'small', room, 2) : noUndo(spec, room)),
  ];
}

/** The star of the table has no footnote here. */
function tried(spec: StepSpec): string {
  return triesWords(spec).replace(' *', '');
}

/** A change that stays is worth a word. */
function noUndo({ effect, work, noUndo: why }: StepSpec, room: number): Line[] {
  const words = why === undefined ? 'no undo' : `no undo: ${why}`;
  return work && effect !== 'read' ? linesOf(words, 'small', room, 2, 'muted') : [];
}

function headLines({ path, spec, when }: FoldedStep, room: number, words: string): Line[] {
  return [
    ...nameLine(words, path, room, 'muted'),
    ...linesOf(spec.title, 'title', room, 2),
    ...linesOf(loopWords(spec) ?? '', 'small', room, 3, 'muted'),
    ...(when === undefined ? [] : linesOf(`when ${when}`, 'small', room, 3, 'muted')),
  ];
}

function groupWords({ kind, runbook, items }: StepSpec): string {
  if (kind === 'runbook') return runbook === undefined ? 'part' : `runbook ${runbook}`;
  if (kind !== 'forEach') return 'group';
  return Array.isArray(items) ? `for each of ${items.length}` : 'for each';
}

function markOf({ effect, kind }: StepSpec): Mark {
  return ['set', 'succeed', 'fail', 'decide'].includes(kind) ? 'none' : effect;
}
