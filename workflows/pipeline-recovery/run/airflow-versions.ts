import type { Json, JsonObject } from '../../../language/json.js';
import type { AirflowRun } from '../../../language/pipeline.js';

/* Which code a task of Airflow runs when it is cleared. */

/** A version of a DAG. */
interface Code {
  /** Counts changes of its tasks; `none` where nothing tells it. */
  number: string;
  /** Names its code in a bundle that keeps versions, as a commit; null where none does. */
  bundle: string | null;
}

/** The number of a version, as Airflow tells it. */
function numberOf(version: Json): string {
  return version === null ? 'none' : JSON.stringify(version);
}

/** The numbers of several versions, each once, the oldest first. */
export function numbersOf(versions: readonly Json[]): string {
  const numbers = [...new Set(versions)].sort((one, other) => Number(one) - Number(other));
  return numbers.map(numberOf).join(', ') || 'none';
}

/** The newest version, as Airflow has answered. */
export function codeIn({ version = null, bundle = null }: JsonObject): Code {
  return {
    number: numberOf(version),
    bundle: typeof bundle === 'string' ? bundle : null,
  };
}

/** Which code runs, for people. @param run that of the DAG run */
export function versionWords(
  dag: string,
  run: Code,
  newest: Code,
  wanted: AirflowRun['version'],
): string {
  if (run.number === newest.number && run.bundle === newest.bundle)
    return `${newest.number}, the newest${bundleWords(newest)}`;
  const last = wordsOf(newest);
  if (wanted === 'newest') return `${last}; the run had ${wordsOf(run)}`;
  return run.bundle === null
    ? `the code as it is now, ${last}: the run names no ` +
        `version of its bundle (its tasks had ${run.number})`
    : `${run.number} again${bundleWords(run)}; ${dag} has changed since: the newest is ${last}`;
}

function wordsOf(code: Code): string {
  return `${code.number}${bundleWords(code)}`;
}

function bundleWords({ bundle }: Code): string {
  return bundle === null ? '' : ` (bundle ${bundle.slice(0, 12)})`;
}
