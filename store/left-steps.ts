import { endsUntried, leavingStates, leftStates } from '../common/left.js';
import { actionKinds, isGroup, stepKinds } from '../language/kinds/index.js';

/*
 * SQL for what `leftBy` of common/left.ts says of a run: only our own constants become text here.
 */

const listed = (values: readonly string[]): string =>
  values.map((value) => `'${value}'`).join(', ');

/** Whether a step, as `s`, has changed something that nothing has undone. */
export const changedBySteps = `s.undo_of IS NULL AND s.effect <> 'read'
  AND s.kind NOT IN (${listed(stepKinds.filter(isGroup))}) AND s.state IN (${listed(leftStates)})
  AND (s.attempts > 0 OR s.kind NOT IN (${listed(actionKinds)})
    OR s.state NOT IN (${listed(endsUntried)}))`;

/** Whether a run, as `r`, may have left something, and its step, as `s`, is left so. */
export const leftBySteps = `r.state IN (${listed(leavingStates)}) AND s.run_no = r.no
  AND s.started_at IS NOT NULL AND ${changedBySteps}`;
