import { setTimeout as delay } from 'node:timers/promises';
import { compare, isLost, type Analysis } from '../common/analysis.js';
import { departed, type ForgottenTraffic } from '../common/told-traffic.js';
import type { Json } from '../language/json.js';
import type { AnalysisNumbers, ExpectedTraffic } from '../language/runbook.js';
import { StepFailure } from './failure.js';
import type { Handler } from './handler.js';
import { trafficOf, words, type ObservedTraffic } from './traffic/index.js';
import { bucketsOf, parseSamples, quantile, since, total, type Buckets } from './traffic/prometheus.js';

const pollMs = 500;
const answerMs = 3_000;

/** What has been counted of a server so far. */
interface Counted {
  requests: number;
  errors: number;
  latency: Buckets | null;
  memoryBytes: number | null;
}

/**
 * Counts what the servers do in a window: requests and failures as the proxy sees them, because a server that does not
 * answer counts nothing; times and memory as the servers tell them at `/metrics`.
 * @returns what was found; or that the proxy has forgotten what it was told, as soon as that is seen
 * @throws StepFailure Inconclusive when there is not enough to go by, or somebody else has changed the weights
 */
export const analysis: Handler<'analysis'> = async (action, context) => {
  const target = context.targets.get(action.target);
  const proxy = trafficOf(target);
  const path = typeof target.facts['metrics'] === 'string' ? target.facts['metrics'] : '/metrics';
  const names = [action.candidate, ...(action.baseline === undefined ? [] : [action.baseline])];
  const look = async (): Promise<{ epoch: string; forgotten: ForgottenTraffic | null; of: Map<string, Counted> }> => {
    const seen = await proxy.observe(context.signal);
    const forgotten = forgottenBy(seen, action.expected);
    const counted = await Promise.all(names.map(async (name) => [name, await countedOf(seen, name, path)] as const));
    return { epoch: seen.epoch, forgotten, of: new Map(counted) };
  };

  let first = await look();
  if (first.forgotten) return { ...first.forgotten };
  const began = Date.now();
  const end = began + action.windowMs;
  const patience = end + (action.patienceMs ?? 0);
  for (;;) {
    await delay(Math.min(pollMs, Math.max(1, end - Date.now())), undefined, { signal: context.signal }).catch(() => {
      throw context.signal.reason;
    });
    const now = await look();
    if (now.forgotten) return { ...now.forgotten };
    // The proxy was restarted, or began to count anew: so do we.
    if (now.epoch !== first.epoch) first = now;
    const between = (name: string): AnalysisNumbers => numbersOf(now.of.get(name), first.of.get(name));
    const candidate = between(action.candidate);
    const lately = action.baseline === undefined ? null : between(action.baseline);
    const baseline = lately && lately.requests >= action.limits.minRequests ? lately : (action.before ?? lately);
    const verdict = compare(candidate, baseline, action.limits);
    context.progress({ requests: candidate.requests, failed: candidate.errors, p95: candidate.p95Ms });
    const isOver = Date.now() >= end && (verdict.is !== 'inconclusive' || Date.now() >= patience);
    if (!isOver && !isLost(candidate, baseline, action.limits)) continue;
    if (verdict.is === 'inconclusive') {
      throw new StepFailure('Inconclusive', verdict.why, {
        next: 'Look at it yourself: `retry` measures again, `skip` goes on with the release, `rollback` takes it back.',
        details: { requests: candidate.requests, errors: candidate.errors, p95Ms: candidate.p95Ms },
      });
    }
    const found: Analysis = { candidate, baseline, windowMs: Date.now() - began, verdict: verdict.is, why: verdict.why };
    return found as unknown as Json;
  }
};

async function countedOf(seen: ObservedTraffic, name: string, path: string): Promise<Counted> {
  const server = seen.servers.find((each) => each.name === name);
  if (!server) {
    throw new StepFailure('Configuration', `${seen.proxy} has no server ${JSON.stringify(name)} in ${seen.pool}`, {
      next: `It has ${seen.servers.map((each) => each.name).join(', ')}.`,
    });
  }
  const { requests, errors, latency } = server.counters;
  const told = server.address === null ? null : await askFor(server.address, path);
  const own = told && bucketsOf(told, 'http_request_duration_seconds');
  return {
    requests,
    errors,
    latency: own && own.length > 0 ? own : latency?.kind === 'histogram' ? latency.buckets : null,
    memoryBytes: told && (total(told, 'process_resident_memory_bytes') || null),
  };
}

/**
 * Has the proxy been started anew and does something else since?
 * @throws StepFailure Inconclusive when it was not started anew: then somebody else wanted it so
 */
function forgottenBy(seen: ObservedTraffic, expected: ExpectedTraffic | undefined): ForgottenTraffic | null {
  if (!expected || departed(seen.servers, expected.servers).length === 0) return null;
  const says = `${seen.proxy} says ${words(seen.servers)}, and was told ${words(expected.servers)}`;
  if (seen.started !== undefined && expected.started !== null && seen.started !== expected.started)
    return { forgotten: `it was restarted: ${says}` };
  throw new StepFailure('Inconclusive', `somebody else has changed the weights: ${says}`, {
    next: 'Find out who. `retry` measures again once they are as they were, `skip` goes on with the release, `rollback` takes it back.',
  });
}

/** What a server tells of itself; null when it does not: it may be dead, and the proxy has counted that. */
async function askFor(address: string, path: string): Promise<ReturnType<typeof parseSamples> | null> {
  try {
    const response = await fetch(new URL(path, `http://${address}`), { signal: AbortSignal.timeout(answerMs) });
    return response.ok ? parseSamples(await response.text()) : null;
  } catch {
    return null;
  }
}

function numbersOf(now: Counted | undefined, before: Counted | undefined): AnalysisNumbers {
  if (!now || !before) return { requests: 0, errors: 0, p95Ms: null, memoryBytes: null };
  const times = now.latency && before.latency ? quantile(since(now.latency, before.latency), 0.95) : null;
  return {
    requests: now.requests - before.requests,
    errors: now.errors - before.errors,
    p95Ms: times === null ? null : Math.round(times * 1_000_000) / 1_000,
    memoryBytes: now.memoryBytes,
  };
}
