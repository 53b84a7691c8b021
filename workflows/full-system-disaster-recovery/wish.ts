import { durationMs } from '../../language/duration.js';
import type { JsonObject } from '../../language/json.js';

/** The inputs, in the form that the procedure needs. */
export interface Wish {
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

export function readWish(inputs: JsonObject): Wish {
  const ms = (name: string): number => durationMs(inputs[name] as string) ?? 0;
  return {
    graceful: inputs['mode'] === 'graceful',
    recoverTo: inputs['recover_to'] as string,
    failedAt: (inputs['failed_at'] as string | undefined) ?? null,
    maxBackupAgeMs: ms('max_backup_age'),
    remains: inputs['remains'] as Wish['remains'],
    watchMs: ms('watch'),
    windowMs: ms('window'),
    minRequests: inputs['min_requests'] as number,
    maxErrorRate: inputs['max_error_rate'] as number,
    notify: inputs['notify'] as string | undefined,
  };
}
