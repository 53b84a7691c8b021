import type { ForgottenTraffic } from '../../common/set-traffic.js';
import type { AnalysisNumbers, ExpectedTraffic } from '../../language/runbook.js';
import { StepFailure } from '../failure.js';
import { forgottenBy } from './forgotten.js';
import { parseAddress } from '../traffic/address.js';
import type { ObservedTraffic, TrafficSwitch } from '../traffic/index.js';
import {
  bucketsOf,
  parseSamples,
  quantile,
  since,
  total,
  type Buckets,
} from '../traffic/prometheus.js';

/*
 * What the proxy counts, and what the servers tell of themselves at `/metrics`: requests and
 * failures as the proxy sees them, because a server that does not answer counts nothing; times and
 * memory as the servers tell them.
 */

const answerMs = 3_000;

/** What has been counted of a server so far. */
interface Counted {
  address: string | null;
  requests: number;
  errors: number;
  latency: Buckets | null;
  memoryBytes: number | null;
}

/** One look at all servers that are measured. */
export interface Look {
  /** Changes when the proxy begins to count anew. */
  epoch: string;
  /** Set when the proxy has forgotten what it was told. */
  forgotten: ForgottenTraffic | null;
  of: ReadonlyMap<string, Counted>;
}

export interface Wanted {
  names: readonly string[];
  /** Where the servers tell of themselves. */
  path: string;
  /** What the proxy was told. */
  expected?: ExpectedTraffic | undefined;
}

/** @throws StepFailure; Inconclusive when somebody else has changed the weights */
export async function lookAt(
  proxy: TrafficSwitch,
  { names, path, expected }: Wanted,
  signal: AbortSignal,
): Promise<Look> {
  const seen = await proxy.observe(signal);
  const told = expected && {
    ...expected,
    servers: await proxy.inItsWords(expected.servers, seen),
  };
  const forgotten = forgottenBy(seen, told);
  const counted = await Promise.all(
    names.map(async (name) => [name, await countedOf(seen, name, path)] as const),
  );
  return { epoch: seen.epoch, forgotten, of: new Map(counted) };
}

/** Where those of the servers are that run. */
export function addressesIn(look: Look, names: readonly string[]): string[] {
  return names
    .map((name) => look.of.get(name)?.address ?? null)
    .filter((address) => address !== null);
}

/** What the servers did between two looks, taken together. */
export function numbersBetween(first: Look, now: Look, names: readonly string[]): AnalysisNumbers {
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

/** One histogram of several with the same bounds. */
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
  const told = server.address === null ? null : await askFor(server.address, path);
  const own = told && bucketsOf(told, 'http_request_duration_seconds');
  return {
    address: server.address,
    requests,
    errors,
    latency: own && own.length > 0 ? own : latency?.kind === 'histogram' ? latency.buckets : null,
    memoryBytes: told && (total(told, 'process_resident_memory_bytes') || null),
  };
}

/**
 * What a server tells of itself; null when it does not: it may be dead, and the proxy has counted
 * that.
 */
async function askFor(
  address: string,
  path: string,
): Promise<ReturnType<typeof parseSamples> | null> {
  // Behind a Unix socket nobody is asked: what the proxy counts has to do.
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
