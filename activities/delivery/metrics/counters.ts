import type { ForgottenTraffic } from '../../../common/delivery/set-traffic.js';
import type {
  AnalysisNumbers,
  ExpectedTraffic,
} from '../../../language/kinds/delivery/analysis.js';
import { StepFailure } from '../../failure.js';
import { forgottenBy } from './forgotten.js';
import { parseAddress } from '../traffic/address.js';
import type { ObservedTraffic, TrafficSwitch } from '../traffic/switch.js';
import {
  bucketsOf,
  parseSamples,
  quantile,
  since,
  total,
  type Buckets,
} from '../traffic/prometheus.js';

/*
 * Counters of the proxy, and of the servers' own `/metrics`: requests and failures from the proxy,
 * because a server that does not answer counts nothing; times and memory from the servers.
 */

const answerMs = 3_000;

/** The counters of a server so far. */
interface Counted {
  address: string | null;
  requests: number;
  errors: number;
  latency: Buckets | null;
  memoryBytes: number | null;
}

/** The counters of all measured servers at one moment. */
export interface Snapshot {
  /** Changes when the proxy resets its counters. */
  epoch: string;
  /** Set when the proxy lost its settings in a restart. */
  forgotten: ForgottenTraffic | null;
  of: ReadonlyMap<string, Counted>;
}

export interface Wanted {
  names: readonly string[];
  /** Path of the servers' metrics. */
  path: string;
  /** The settings that the run gave the proxy. */
  expected?: ExpectedTraffic | undefined;
}

/** @throws StepFailure; Inconclusive when somebody else has changed the weights */
export async function takeSnapshot(
  proxy: TrafficSwitch,
  { names, path, expected }: Wanted,
  signal: AbortSignal,
): Promise<Snapshot> {
  const seen = await proxy.observe(signal);
  const told = expected && {
    ...expected,
    servers: await proxy.withProxyAddresses(expected.servers, seen),
  };
  const forgotten = forgottenBy(seen, told);
  const counted = await Promise.all(
    names.map(async (name) => [name, await countedOf(seen, name, path)] as const),
  );
  return { epoch: seen.epoch, forgotten, of: new Map(counted) };
}

/** Addresses of those servers that run. */
export function addressesIn(snapshot: Snapshot, names: readonly string[]): string[] {
  return names
    .map((name) => snapshot.of.get(name)?.address ?? null)
    .filter((address) => address !== null);
}

/** The sum of what the servers did between two snapshots. */
export function numbersBetween(
  first: Snapshot,
  now: Snapshot,
  names: readonly string[],
): AnalysisNumbers {
  const each = names.flatMap((name) => {
    const [before, after] = [first.of.get(name), now.of.get(name)];
    return before && after ? [{ before, after }] : [];
  });
  const sum = (of: 'requests' | 'errors'): number =>
    each.reduce((all, { before, after }) => all + after[of] - before[of], 0);
  const times = each.flatMap(({ before, after }) =>
    before.latency && after.latency ? since(after.latency, before.latency) : [],
  );
  const p95 = quantile(together(times), 0.95);
  const memory = each.flatMap(({ after }) =>
    after.memoryBytes === null ? [] : [after.memoryBytes],
  );
  return {
    requests: sum('requests'),
    errors: sum('errors'),
    p95Ms: p95 === null ? null : Math.round(p95 * 1_000_000) / 1_000,
    memoryBytes: memory.length === 0 ? null : Math.max(...memory),
  };
}

/** Merges histograms that have the same bounds. */
function together(buckets: Buckets): Buckets {
  const sums = new Map<number, number>();
  for (const [bound, count] of buckets) sums.set(bound, (sums.get(bound) ?? 0) + count);
  return [...sums].sort(([a], [b]) => a - b);
}

async function countedOf(seen: ObservedTraffic, name: string, path: string): Promise<Counted> {
  const server = seen.servers.find((each) => each.name === name);
  if (!server) {
    throw new StepFailure(
      'Configuration',
      `${seen.proxy} has no server ${JSON.stringify(name)} in ${seen.pool}`,
      {
        next: `It has ${seen.servers.map((each) => each.name).join(', ')}.`,
      },
    );
  }
  const { requests, errors, latency } = server.counters;
  const metrics = server.address === null ? null : await fetchMetrics(server.address, path);
  const own = metrics && bucketsOf(metrics, 'http_request_duration_seconds');
  return {
    address: server.address,
    requests,
    errors,
    latency: own && own.length > 0 ? own : latency?.kind === 'histogram' ? latency.buckets : null,
    memoryBytes: metrics && (total(metrics, 'process_resident_memory_bytes') || null),
  };
}

/** A server's own metrics; null without an answer: it may be dead, and the proxy counts that. */
async function fetchMetrics(
  address: string,
  path: string,
): Promise<ReturnType<typeof parseSamples> | null> {
  // Servers on Unix sockets are not asked: the proxy's counts must suffice.
  if (parseAddress(address)?.kind !== 'tcp') return null;
  try {
    const response = await fetch(new URL(path, `http://${address}`), {
      signal: AbortSignal.timeout(answerMs),
    });
    return response.ok ? parseSamples(await response.text()) : null;
  } catch {
    return null;
  }
}
