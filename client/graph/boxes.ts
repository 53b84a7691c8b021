import { path, tag, words } from './svg.js';
import { faces, heightOf, type Line } from './text.js';

/*
 * Parts of a picture that know their size, and draw themselves where they are told.
 */

export interface Box {
  width: number;
  height: number;
  /** Nothing follows from it: no line leads away. */
  isEnd?: true;
  /** SVG, with the box's upper left corner there. */
  draw(x: number, y: number): string;
}

/** Between what follows one another. */
const gap = 24;
/** Between what stands side by side. */
const aside = 14;
const padding = 10;

/** What a step does to the world, as a shape beside its colour; drawn in 12 by 12. */
const marks = {
  read: '<circle cx="6" cy="6" r="5"/>',
  change: '<path d="M6 0 12 6 6 12 0 6Z"/>',
  destroy: '<path d="M6 0 12.5 12H-.5Z"/>',
  gate: '<path d="M3 0H9L12 6 9 12H3L0 6Z"/>',
  none: '<path d="M1 6H11" stroke-width="2" fill="none"/>',
} as const;
export type Mark = keyof typeof marks;

export function mark(kind: Mark, x: number, y: number): string {
  return tag('g', { class: `mark ${kind}`, transform: `translate(${x} ${y})` }, marks[kind]);
}

/** A step: a box with a mark in its first line. */
export function node(kind: Mark, lines: readonly Line[], width: number): Box {
  const height = heightOf(lines) + 2 * padding;
  const cut = 12;
  return {
    width,
    height,
    draw: (x, y) => {
      const isGate = kind === 'gate';
      const left = x + padding + (isGate ? cut : 4);
      const around = { x, y, width, height };
      const shape = isGate
        ? hexagon(around, cut)
        : tag('rect', { class: `box ${kind}`, ...around, rx: 6 });
      const stripe = tag('rect', { class: `stripe ${kind}`, x, y, width: 5, height, rx: 2 });
      const inner = { x: x + 8, y: y + 3, width: width - 11, height: height - 6 };
      const twice = tag('rect', { class: 'inner destroy', ...inner, rx: 4 });
      return [
        ...[shape, isGate ? '' : stripe, kind === 'destroy' ? twice : ''],
        mark(kind, left, y + padding + 1),
        ...texts(lines, left, y + padding, 18),
      ].join('\n');
    },
  };
}

/** The shape of a gate. */
function hexagon(
  { x, y, width, height }: { x: number; y: number; width: number; height: number },
  cut: number,
): string {
  const [left, right, middle] = [x + cut, x + width - cut, y + height / 2];
  return path(
    'box gate',
    `M${left} ${y}H${right}L${x + width} ${middle} ${right} ${y + height}H${left}`,
    `L${x} ${middle}Z`,
  );
}

/** Room that a node's text has in a box of a width. */
export function roomIn(kind: Mark, width: number): number {
  return width - 2 * padding - (kind === 'gate' ? 24 : 8);
}

function texts(lines: readonly Line[], x: number, y: number, firstIndent: number): string[] {
  let top = y;
  return lines.map((each, at) => {
    const { size, line } = faces[each.face];
    top += line;
    return words(each, x + (at === 0 ? firstIndent : 0), top - (line - size) / 2 - 2);
  });
}

/** One below the other, with arrows between them. */
export function sequence(boxes: readonly Box[]): Box {
  const width = Math.max(0, ...boxes.map((box) => box.width));
  const height =
    boxes.reduce((sum, box) => sum + box.height, 0) + gap * Math.max(0, boxes.length - 1);
  return {
    width,
    height,
    draw: (x, y) => {
      const middle = x + width / 2;
      let top = y;
      return boxes
        .map((box, at) => {
          const arrow = at === 0 ? '' : arrowDown(middle, top - gap, top);
          const drawn = box.draw(x + (width - box.width) / 2, top);
          top += box.height + gap;
          return `${arrow}${drawn}`;
        })
        .join('\n');
    },
  };
}

/** Something around other things, with words at its top. */
export function frame(lines: readonly Line[], inner: Box, kind: 'group' | 'left' = 'group'): Box {
  const head = heightOf(lines) + padding;
  const width = inner.width + 2 * padding;
  const height = head + inner.height + (inner.height > 0 ? 2 : 1) * padding;
  return {
    width,
    height,
    draw: (x, y) =>
      [
        tag('rect', { class: `frame ${kind}`, x, y, width, height, rx: 8 }),
        ...texts(lines, x + padding + 2, y + padding / 2, 0),
        inner.draw(x + padding, y + head + padding / 2),
      ].join('\n'),
  };
}

/**
 * Ways of which one is taken, or all at once: side by side where they fit, else one below the
 * other along a line.
 */
export function ways(head: Box, boxes: readonly Box[], width: number): Box {
  const wide = boxes.reduce((sum, box) => sum + box.width, 0) + aside * (boxes.length - 1);
  return wide <= width ? columns(head, boxes, wide) : stack(head, boxes);
}

function columns(head: Box, boxes: readonly Box[], wide: number): Box {
  const width = Math.max(head.width, wide);
  const tallest = Math.max(...boxes.map((box) => box.height));
  const height = head.height + gap + tallest + gap / 2;
  return {
    width,
    height,
    draw: (x, y) => {
      const [middle, bottom] = [x + width / 2, y + height];
      const [fork, top] = [y + head.height + gap / 2, y + head.height + gap];
      let left = x + (width - wide) / 2;
      const drawn = boxes.map((box) => {
        const centre = left + box.width / 2;
        const lines = [
          path('line', `M${middle} ${fork}H${centre}`),
          arrowDown(centre, fork, top),
          ...(box.isEnd
            ? []
            : [path('line', `M${centre} ${top + box.height}V${bottom}H${middle}`)]),
          box.draw(left, top),
        ];
        left += box.width + aside;
        return lines.join('\n');
      });
      const stem = path('line', `M${middle} ${y + head.height}V${fork}`);
      return [stem, ...drawn, head.draw(x + (width - head.width) / 2, y)].join('\n');
    },
  };
}

function stack(head: Box, boxes: readonly Box[]): Box {
  const indent = 18;
  const width = Math.max(head.width, ...boxes.map((box) => box.width + indent));
  const height = head.height + boxes.reduce((sum, box) => sum + box.height + aside, 0);
  return {
    width,
    height,
    draw: (x, y) => {
      const rail = x + 6;
      let top = y + head.height + aside;
      let last = top;
      const drawn = boxes.map((box) => {
        last = top + 16;
        const branch = path('line', `M${rail} ${last}H${x + indent}`);
        const drawnBox = `${branch}\n${box.draw(x + indent, top)}`;
        top += box.height + aside;
        return drawnBox;
      });
      const line = path('line', `M${rail} ${y + head.height}V${last}`);
      return [line, ...drawn, head.draw(x, y)].join('\n');
    },
  };
}

/** A line across, past which nothing can be undone. */
export function noReturn(width: number): Box {
  const text = 'POINT OF NO RETURN';
  return {
    width,
    height: 26,
    draw: (x, y) =>
      [
        path('border', `M${x} ${y + 4}H${x + width}M${x} ${y + 8}H${x + width}`),
        tag(
          'text',
          { class: 'small destroy', 'text-anchor': 'middle', x: x + width / 2, y: y + 23 },
          text,
        ),
      ].join('\n'),
  };
}

function arrowDown(x: number, from: number, to: number): string {
  const tip = path('tip', `M${x - 4} ${to - 7}H${x + 4}L${x} ${to}Z`);
  return `${path('line', `M${x} ${from}V${to - 5}`)}${tip}\n`;
}
