import type { SiteConfig } from './config.js';
import type { Store } from './store.js';
import { each } from './tools.js';

const segmentName = /^wal\/([0-9A-F]{24})$/;

export interface WalChain {
  timeline: number;
  from: string | null;
  to: string | null;
  segments: number;
  /** Not there, or not what their digest says. */
  missing: string[];
}

interface Segment {
  name: string;
  timeline: number;
  /** Counted from the beginning of the cluster, over all timelines. */
  number: number;
  size: number;
}

/** WAL of the store; each segment is read once, however many backups lead over it. */
export class Wal {
  private readonly judged = new Map<string, Promise<string | null>>();

  private constructor(
    private readonly store: Store,
    private readonly segmentBytes: number,
    private readonly segments: readonly Segment[],
  ) {}

  static async of(store: Store, { database }: Pick<SiteConfig, 'database'>): Promise<Wal> {
    const bytes = database.walSegmentMb * 2 ** 20;
    const perLog = 2 ** 32 / bytes;
    const segments = (await store.list('wal/')).flatMap(({ key, size }) => {
      const name = segmentName.exec(key)?.[1];
      if (name === undefined) return [];
      const [timeline, log, segment] = [0, 8, 16].map((at) =>
        parseInt(name.slice(at, at + 8), 16),
      ) as [number, number, number];
      return [{ name, timeline, number: log * perLog + segment, size }];
    });
    return new Wal(store, bytes, segments);
  }

  get newestTimeline(): number {
    return this.segments.reduce((newest, { timeline }) => Math.max(newest, timeline), 1);
  }

  /**
   * All segments that a backup needs, and those after it: up to the first that is missing nothing
   * can be wrong.
   */
  async chain(startWal: string): Promise<WalChain & { unbroken: string[] }> {
    const start = this.numberOf(startWal);
    const newest = new Map<number, Segment>();
    // Where two timelines meet, both have the segment; the later one has all of it.
    for (const segment of this.segments)
      if (
        segment.number >= start &&
        segment.timeline >= (newest.get(segment.number)?.timeline ?? 0)
      )
        newest.set(segment.number, segment);
    const last = Math.max(start, ...newest.keys());
    const numbers = Array.from({ length: last - start + 1 }, (_, at) => start + at);
    const found = await each(numbers, async (number) => {
      const segment = newest.get(number);
      return {
        name: segment?.name ?? this.nameOf(number),
        good: segment !== undefined && (await this.judge(segment)) === null,
      };
    });
    const gap = found.findIndex(({ good }) => !good);
    return {
      timeline: this.newestTimeline,
      from: found[0]?.name ?? null,
      to: found.at(-1)?.name ?? null,
      segments: found.length,
      missing: found.filter(({ good }) => !good).map(({ name }) => name),
      unbroken: (gap < 0 ? found : found.slice(0, gap)).map(({ name }) => name),
    };
  }

  private judge({ name, size }: Segment): Promise<string | null> {
    const before = this.judged.get(name);
    if (before) return before;
    const key = `wal/${name}`;
    const now =
      size === this.segmentBytes
        ? this.store.digestBeside(key).then((sha256) => this.store.judge(key, { sha256 }))
        : Promise.resolve(`${key} has ${size} bytes`);
    this.judged.set(name, now);
    return now;
  }

  private numberOf(name: string): number {
    return (
      parseInt(name.slice(8, 16), 16) * (2 ** 32 / this.segmentBytes) +
      parseInt(name.slice(16, 24), 16)
    );
  }

  private nameOf(number: number): string {
    const perLog = 2 ** 32 / this.segmentBytes;
    const hex = (part: number): string => part.toString(16).toUpperCase().padStart(8, '0');
    return `${hex(this.newestTimeline)}${hex(Math.floor(number / perLog))}${hex(number % perLog)}`;
  }
}
