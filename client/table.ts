import { wrap } from '../common/plain.js';
import { line, type Paint } from './output.js';

interface Column {
  name: string;
  align?: 'left' | 'right';
  /** Colours a line of a cell that has been padded already. */
  style?: (cell: string, row: number) => string;
}

/**
 * How a column gives way where the table is too wide: its cells are broken into lines, no narrower
 * than this; or they stand below their row.
 */
type Concession = readonly [column: string, to: number | 'below'];

export interface TableForm {
  columns: readonly Column[];
  /**
   * Made in this order until the table fits. A column that is not named keeps its width: an id is
   * there to be copied.
   */
  narrow: readonly Concession[];
}

export interface TableLines {
  head: string;
  /** Each may have several lines. */
  rows: string[];
}

/** Columns are this far apart, and what stands below a row is set in as far. */
const gap = '  ';

/**
 * A table of plain text. Nothing is ever cut or left out.
 * @param width of the terminal; Infinity where there is none
 */
export function table(
  form: TableForm,
  rows: readonly (readonly string[])[],
  width: number,
  paint: Paint,
): string {
  const { head, rows: lines } = tableLines(form, rows, width, paint);
  return [head, ...lines].join('\n');
}

/** As `table`, for callers that put lines of their own between the rows. */
export function tableLines(
  form: TableForm,
  rows: readonly (readonly string[])[],
  width: number,
  paint: Paint,
): TableLines {
  const { columns } = form;
  const cells = rows.map((row) => columns.map((_column, index) => line(row[index] ?? '')));
  const { widths, below } = layoutOf(form, cells, width);
  const beside = [...columns.keys()].filter((index) => !below.has(index));
  const padded = (text: string, index: number): string =>
    columns[index]?.align === 'right'
      ? text.padStart(widths[index] ?? 0)
      : text.padEnd(widths[index] ?? 0);
  const shown = (text: string, index: number, row: number): string =>
    (text === '' ? undefined : columns[index]?.style?.(padded(text, index), row)) ??
    padded(text, index);
  const drawn = (row: readonly string[], number: number): string => {
    const blocks = beside.map((index) => linesOf(row[index] ?? '', widths[index] ?? 0));
    const height = Math.max(1, ...blocks.map((block) => block.length));
    const lines = Array.from({ length: height }, (_unused, at) =>
      beside
        .map((index, place) => shown(blocks[place]?.[at] ?? '', index, number))
        .join(gap)
        .trimEnd(),
    );
    return [...lines, ...linesBelow(columns, below, row, width, paint)].join('\n');
  };
  const head = beside.map((index) => padded(columns[index]?.name ?? '', index)).join(gap);
  return { head: paint('dim', head.trimEnd()), rows: cells.map(drawn) };
}

interface Layout {
  widths: number[];
  /** Columns that stand below their row. */
  below: ReadonlySet<number>;
}

/** The layout with the fewest concessions that fits, else the one with all of them. */
function layoutOf(form: TableForm, cells: readonly (readonly string[])[], width: number): Layout {
  for (let made = 0; ; made += 1) {
    const layout = conceding(form, form.narrow.slice(0, made), cells, width);
    if (made === form.narrow.length || excessOf(layout, width) <= 0) return layout;
  }
}

function conceding(
  { columns }: TableForm,
  concessions: readonly Concession[],
  cells: readonly (readonly string[])[],
  width: number,
): Layout {
  const indexOf = (name: string): number => columns.findIndex((column) => column.name === name);
  const below = new Set(
    concessions.filter(([, to]) => to === 'below').map(([name]) => indexOf(name)),
  );
  const widths = columns.map((column, index) =>
    cells.reduce((most, row) => Math.max(most, row[index]?.length ?? 0), column.name.length),
  );
  const layout = { widths, below };
  for (const [name, to] of concessions) {
    const index = indexOf(name);
    const room = to === 'below' || below.has(index) ? 0 : Math.max(0, (widths[index] ?? 0) - to);
    widths[index] = (widths[index] ?? 0) - Math.min(room, Math.max(0, excessOf(layout, width)));
  }
  return layout;
}

function excessOf({ widths, below }: Layout, width: number): number {
  const beside = widths.filter((_width, index) => !below.has(index));
  const gaps = gap.length * Math.max(0, beside.length - 1);
  return beside.reduce((sum, each) => sum + each, 0) + gaps - width;
}

function linesBelow(
  columns: readonly Column[],
  below: ReadonlySet<number>,
  row: readonly string[],
  width: number,
  paint: Paint,
): string[] {
  const facts = [...columns.entries()]
    .filter(([index]) => below.has(index) && row[index])
    .map(([index, { name }]) => `${name.toLowerCase()}: ${row[index]}`);
  if (facts.length === 0) return [];
  return wrap(facts.join('; '), width, gap)
    .split('\n')
    .map((each) => paint('dim', each));
}

/** A cell in lines of a width. A word that is longer is broken, where it has parts behind one. */
function linesOf(text: string, width: number): string[] {
  return wrap(text, width)
    .split('\n')
    .flatMap((each) => {
      const lines: string[] = [];
      let rest = each;
      while (rest.length > width && width > 0) {
        const part = /^.*[/\-_.]/.exec(rest.slice(0, width))?.[0] ?? rest.slice(0, width);
        lines.push(part);
        rest = rest.slice(part.length);
      }
      return [...lines, rest];
    });
}
