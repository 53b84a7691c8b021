/*
 * Prometheus' text format, as proxies and applications print their counters.
 */

export interface Sample {
  name: string;
  labels: Record<string, string>;
  value: number;
}

/** Cumulative counts by upper bound in seconds, ascending; the last bound is Infinity. */
export type Buckets = [bound: number, count: number][];

const line = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})?\s+(\S+)/;
const label = /([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"/g;

/** The samples of a page; other lines are skipped. */
export function parseSamples(text: string): Sample[] {
  const samples: Sample[] = [];
  for (const each of text.split('\n')) {
    const [, name, inside = '', number = ''] = line.exec(each) ?? [];
    if (name === undefined) continue;
    const labels = [...inside.matchAll(label)].map(([, key = '', value = '']) => [
      key,
      unescaped(value),
    ]);
    samples.push({
      name,
      labels: Object.fromEntries(labels) as Record<string, string>,
      value: numberOf(number),
    });
  }
  return samples;
}

/** The sum of all samples of this name that `choose` accepts. */
export function total(
  samples: readonly Sample[],
  name: string,
  choose: (labels: Sample['labels']) => boolean = () => true,
): number {
  return samples.reduce(
    (sum, sample) => sum + (sample.name === name && choose(sample.labels) ? sample.value : 0),
    0,
  );
}

/**
 * One histogram of all samples of this name that `choose` accepts.
 * @param name without `_bucket`
 */
export function bucketsOf(
  samples: readonly Sample[],
  name: string,
  choose: (labels: Sample['labels']) => boolean = () => true,
): Buckets {
  const sums = new Map<number, number>();
  for (const sample of samples) {
    const bound = sample.labels['le'];
    if (sample.name !== `${name}_bucket` || bound === undefined || !choose(sample.labels)) continue;
    sums.set(numberOf(bound), (sums.get(numberOf(bound)) ?? 0) + sample.value);
  }
  return [...sums].sort(([a], [b]) => a - b);
}

/** The difference of two reads of the same histogram. */
export function since(now: Buckets, before: Buckets): Buckets {
  const then = new Map(before);
  return now.map(([bound, count]) => [bound, count - (then.get(bound) ?? 0)]);
}

/**
 * The quantile, in seconds, as `histogram_quantile` computes it: linear within its bucket.
 * @param share such as 0.95
 * @returns null when nothing was counted; the largest finite bound when it lies beyond it
 */
export function quantile(buckets: Buckets, share: number): number | null {
  const all = buckets.at(-1)?.[1] ?? 0;
  if (all <= 0) return null;
  const rank = share * all;
  let [lower, below] = [0, 0];
  for (const [bound, count] of buckets) {
    if (count >= rank) {
      if (bound === Infinity) return lower;
      return count === below ? bound : lower + ((bound - lower) * (rank - below)) / (count - below);
    }
    [lower, below] = [bound, count];
  }
  return lower;
}

function numberOf(text: string): number {
  return text === '+Inf' ? Infinity : text === '-Inf' ? -Infinity : Number(text);
}

function unescaped(text: string): string {
  return text.replace(/\\(.)/g, (_, sign: string) => (sign === 'n' ? '\n' : sign));
}
