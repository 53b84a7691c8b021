import { describeCondition, type Condition } from '../condition.js';
import { command, type CommandAction } from './command.js';
import { http, type HttpAction } from './http.js';
import type { ActionRules } from './rules.js';
import { sql, type SqlAction } from './sql.js';
import { time } from './words.js';

/** Polls `probe` until `until` holds (success) or `failWhen` holds (failure of class permanent). */
export interface CheckAction {
  kind: 'check';
  probe: CommandAction | SqlAction | HttpAction;
  until: Condition;
  failWhen?: Condition;
  everyMs: number;
  /** Output paths shown as progress while polling. */
  progress?: readonly string[];
}

export const check: ActionRules<CheckAction> = {
  doneBy: 'activity',
  isRepeatable: () => true,
  isDoneAnew: true,
  describe: ({ probe, until, failWhen, everyMs }) =>
    `${describeProbe(probe)}, every ${time(everyMs)} until ${describeCondition(until)}` +
    (failWhen === undefined ? '' : `; fails when ${describeCondition(failWhen)}`),
};

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
