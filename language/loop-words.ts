import type { Json } from './json.js';
import { shown } from './kinds/words.js';
import type { StepSpec } from './runbook.js';

/** Items of a `forEach` at once where it says nothing. */
export const usualConcurrency = 10;
/** Items that are named, at most. */
const named = 12;

/** What a `forEach` goes through and when it ends, for people; null: it is none. */
export function loopWords(spec: StepSpec): string | null {
  const { kind, items, concurrency = usualConcurrency, maxFailures, stopWhen } = spec;
  if (kind !== 'forEach' || items === undefined) return null;
  const what = Array.isArray(items) ? listed(items) : shown(items);
  return [
    `for each of ${what}, ${concurrency === 1 ? 'one at a time' : `${concurrency} at once`}`,
    ...(maxFailures === undefined ? [] : [`${maxFailures} may fail`]),
    ...(stopWhen ? [`it is enough once ${stopWhen.$}`] : []),
  ].join('; ');
}

function listed(items: readonly Json[]): string {
  const words = items.slice(0, named).map((item) => shown(item));
  const more = items.length - words.length;
  return `${words.join(', ') || 'nothing'}${more > 0 ? ` and ${more} more` : ''}`;
}
