import type { Span } from './report.js';

/** A stretch of the time axis, drawn from `x` to `x + width`. */
interface Piece extends Span {
  x: number;
  width: number;
  /** True where the run only waits, for so long that the stretch is drawn shortened. */
  shortened: boolean;
}

export interface Tick {
  x: number;
  label: string;
  /** Shown where the day is new. */
  date: string | null;
}

/** Longest drawing of a gap, as a share of all working time. */
const gapShare = 0.3;
/** Pixels that a tick's label needs. */
const labelWidth = 66;
const niceSteps = [
  100, 200, 500, 1_000, 2_000, 5_000, 10_000, 15_000, 30_000, 60_000, 120_000, 300_000, 600_000,
  900_000, 1_800_000, 3_600_000, 7_200_000, 14_400_000, 21_600_000, 43_200_000, 86_400_000,
  172_800_000, 604_800_000,
];

/**
 * A time axis. An approval may take three days and the work around it three seconds: long gaps
 * without work are drawn shortened (and marked so by whoever draws), so that the work stays
 * visible.
 */
export class Scale {
  readonly pieces: readonly Piece[];
  private readonly pixelsPerMs: number;

  /** @param work spans in which work was done @param width pixels */
  constructor(
    private readonly span: Span,
    work: readonly Span[],
    readonly width: number,
  ) {
    const cuts = cut(span, work);
    const busyMs = cuts
      .filter((piece) => piece.busy)
      .reduce((sum, piece) => sum + piece.to - piece.from, 0);
    const longestGap = Math.max(1_000, busyMs * gapShare);
    const shown = cuts.map((piece) => {
      const real = piece.to - piece.from;
      const shortened = !piece.busy && busyMs > 0 && real > longestGap * 2;
      return { ...piece, shortened, shownMs: shortened ? longestGap : real };
    });
    this.pixelsPerMs =
      width /
      Math.max(
        1,
        shown.reduce((sum, piece) => sum + piece.shownMs, 0),
      );
    let x = 0;
    this.pieces = shown.map(({ from, to, shortened, shownMs }) => {
      const piece = { from, to, shortened, x, width: shownMs * this.pixelsPerMs };
      x += piece.width;
      return piece;
    });
  }

  /** Pixels from the left for a moment, within the axis. */
  x(at: number): number {
    const piece = this.pieces.findLast((candidate) => candidate.from <= at) ?? this.pieces[0];
    if (!piece) return 0;
    const share =
      piece.to === piece.from ? 0 : (Math.min(at, piece.to) - piece.from) / (piece.to - piece.from);
    return piece.x + Math.max(0, share) * piece.width;
  }

  /** Round moments in UTC that have room for their labels; the start is always one of them. */
  ticks(): Tick[] {
    const step = niceSteps.find((ms) => ms * this.pixelsPerMs >= labelWidth * 1.4) ?? 604_800_000;
    const moments = [this.span.from];
    for (const piece of this.pieces.filter((candidate) => !candidate.shortened)) {
      for (let at = Math.ceil(piece.from / step) * step; at <= piece.to; at += step)
        moments.push(at);
    }
    const ticks: Tick[] = [];
    let day = '';
    for (const at of moments) {
      const x = this.x(at);
      const last = ticks.at(-1);
      // The first label begins at its tick; the others stand in the middle of theirs.
      const room = last?.x === 0 ? labelWidth * 1.5 : labelWidth;
      if (x > this.width - labelWidth / 2 || (last && x - last.x < room)) continue;
      const iso = new Date(at).toISOString();
      ticks.push({
        x,
        label: iso.slice(11, step < 1_000 ? 21 : 19),
        date: iso.slice(0, 10) === day ? null : iso.slice(0, 10),
      });
      day = iso.slice(0, 10);
    }
    return ticks;
  }
}

function cut(span: Span, work: readonly Span[]): (Span & { busy: boolean })[] {
  const pieces: (Span & { busy: boolean })[] = [];
  let end = span.from;
  for (const { from, to } of [...work].sort((a, b) => a.from - b.from)) {
    const start = Math.min(Math.max(from, end), span.to);
    const stop = Math.min(Math.max(to, end), span.to);
    if (start > end) pieces.push({ from: end, to: start, busy: false });
    if (stop > start) pieces.push({ from: start, to: stop, busy: true });
    end = Math.max(end, stop);
  }
  if (span.to > end || pieces.length === 0) pieces.push({ from: end, to: span.to, busy: false });
  return pieces;
}
