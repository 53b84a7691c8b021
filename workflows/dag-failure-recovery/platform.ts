import type { Json } from '../../language/json.js';
import type { HttpAction } from '../../language/kinds/http.js';
import { isObject } from '../../language/objects.js';
import type { Work } from '../engine/attempts.js';
import { ProcedureStopped } from '../engine/outcome.js';

/* What an Airflow is asked beside its DAGs: whether it works, and what room it has. */

const pollMs = 5_000;

function get(target: string, path: string, more: Partial<HttpAction> = {}): HttpAction {
  return { kind: 'http', target, method: 'GET', path: `/api/v2${path}`, ...more };
}

/** Asks for the health of the Airflow of a target. */
export function health(target: string): Work {
  return {
    action: get(target, '/monitor/health', { pick: { scheduler: 'scheduler.status' } }),
  };
}

/** @throws ProcedureStopped where nothing would do what is cleared */
export function assertHealthy(pipeline: string, answer: Json): void {
  const scheduler = isObject(answer) ? answer['scheduler'] : undefined;
  if (scheduler === 'healthy') return;
  throw new ProcedureStopped(
    `the scheduler of ${pipeline} is ` +
      `${typeof scheduler === 'string' ? scheduler : 'not told'}: ` +
      'nothing would do what is cleared',
    'Nothing was changed. Start it, see that it is healthy, then start the runbook again.',
  );
}

/**
 * Pools in the answer of Airflow, with their numbers as text: an expression. A pool without a limit
 * has -1 slots.
 */
const poolsOf =
  'out.pools.map(p, {"name": p.name, "slots": string(p.slots), ' +
  '"free": string(p.open_slots), "waiting": string(p.queued_slots)})';
const poolRequest = (target: string): HttpAction =>
  get(target, '/pools', { query: { limit: 1_000 }, pick: { pools: 'pools' } });

/** Asks for the pools of the Airflow of a target. */
export function pools(target: string): Work {
  return { action: poolRequest(target), outputs: { pools: { cel: poolsOf } } };
}

/** The pools of these names, for people. */
export function poolWords(names: readonly string[], answer: Json): string {
  const all = isObject(answer) && Array.isArray(answer['pools']) ? answer['pools'] : [];
  const words = all.filter(isObject).flatMap((pool) => {
    const [name, slots, free, waiting] = ['name', 'slots', 'free', 'waiting'].map((field) =>
      textOf(pool[field]),
    );
    if (name === undefined || !names.includes(name)) return [];
    const room = slots === '-1' ? 'no limit' : `${free} of ${slots} slots free`;
    return [`${name}: ${room}, ${waiting} waiting`];
  });
  return words.join('; ') || 'none of them is known';
}

function textOf(value: Json | undefined): string {
  return typeof value === 'string' ? value : '';
}

/** Waits until each of these pools has a free slot. */
export function room(target: string, names: readonly string[], timeoutMs: number): Work {
  return {
    action: {
      kind: 'check',
      probe: poolRequest(target),
      until: {
        cel: 'out.pools.all(p, !(p.name in names) || p.slots == -1 || p.open_slots > 0)',
        given: { names: [...names] },
      },
      everyMs: pollMs,
    },
    timeoutMs,
  };
}
