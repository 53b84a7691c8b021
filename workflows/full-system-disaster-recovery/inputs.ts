import { durationMs } from '../../language/duration.js';
import type { JsonObject } from '../../language/json.js';

/** The inputs, in the form that the procedure needs. */
export interface Inputs {
  graceful: boolean;
  recoverTo: string;
  failedAt: string | null;
  maxBackupAgeMs: number;
  remains: 'refuse' | 'remove';
  watchMs: number;
  windowMs: number;
  minRequests: number;
  maxErrorRate: number;
  notify: string | undefined;
}

/**
 * @param given the inputs that were given, without defaults
 * @param now milliseconds since 1970
 */
export function readInputs(inputs: JsonObject, given: JsonObject, now: number): Inputs {
  const ms = (name: string): number => durationMs(inputs[name] as string) ?? 0;
  return {
    graceful: inputs['mode'] === 'graceful',
    recoverTo: inputs['recover_to'] as string,
    failedAt: (inputs['failed_at'] as string | undefined) ?? null,
    maxBackupAgeMs: ms('max_backup_age') + sinceThatTime(inputs, given, now),
    remains: inputs['remains'] as Inputs['remains'],
    watchMs: ms('watch'),
    windowMs: ms('window'),
    minRequests: inputs['min_requests'] as number,
    maxErrorRate: inputs['max_error_rate'] as number,
    notify: inputs['notify'] as string | undefined,
  };
}

/**
 * How much older a backup may be because people chose a point in time. The default age is meant for
 * a recovery to now; for an earlier point it counts back from there. An age that people give is not
 * extended.
 */
function sinceThatTime(inputs: JsonObject, given: JsonObject, now: number): number {
  const at = Date.parse(inputs['recover_to'] as string);
  const isDefault = given['max_backup_age'] === undefined;
  return isDefault && Number.isFinite(at) ? Math.max(0, now - at) : 0;
}
