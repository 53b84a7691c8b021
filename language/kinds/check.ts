import { describeCondition, type Condition } from '../condition.js';
import { command, type CommandAction } from './command.js';
import { http, type HttpAction } from './http.js';
import type { ActionRules } from './rules.js';
import { sql, type SqlAction } from './sql.js';
import { time } from './words.js';

/**
 * Polls `probe` until `until` holds (success), `failWhen` holds (failure of class permanent) or
 * `inconclusiveWhen` holds (people are asked).
 */
export interface CheckAction {
  kind: 'check';
  probe: CommandAction | SqlAction | HttpAction;
  until: Condition;
  failWhen?: Condition;
  inconclusiveWhen?: Condition;
  /** In how many polls in a row `until` has to hold. */
  consecutive?: number;
  /** For how long `until` has to hold. */
  forMs?: number;
  everyMs: number;
  /** How long it is polled, where that is less than the attempt may take. */
  limitMs?: number;
  /** Output paths shown as progress while polling. */
  progress?: readonly string[];
}

export const check: ActionRules<CheckAction> = {
  doneBy: 'activity',
  isRepeatable: () => true,
  isDoneAnew: true,
  describe: ({ probe, failWhen, inconclusiveWhen, everyMs, ...wanted }) =>
    `${describeProbe(probe)}, every ${time(everyMs)} until ${describeUntil(wanted)}` +
    (failWhen === undefined ? '' : `; fails when ${describeCondition(failWhen)}`) +
    (inconclusiveWhen === undefined
      ? ''
      : `; asks people when ${describeCondition(inconclusiveWhen)}`),
};

/** What is waited for, in words. */
export function describeUntil({
  until,
  consecutive,
  forMs,
}: Pick<CheckAction, 'until' | 'consecutive' | 'forMs'>): string {
  const times = consecutive === undefined ? '' : `, ${consecutive} times in a row`;
  return `${describeCondition(until)}${times}${forMs === undefined ? '' : `, for ${time(forMs)}`}`;
}

function describeProbe(probe: CheckAction['probe']): string {
  switch (probe.kind) {
    case 'command':
      return command.describe(probe);
    case 'sql':
      return sql.describe(probe);
    case 'http':
      return http.describe(probe);
  }
}
