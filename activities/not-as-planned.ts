import { StepFailure } from './failure.js';

/** Why a step does not begin: the request differs from the run's plan. */
export function notAsPlanned(why: string): StepFailure {
  return new StepFailure(
    'NotAsPlanned',
    `the request for the step differs from the plan in the record: ${why}. Nothing was done`,
    {
      next:
        'Find out which workers poll the workflow tasks of this queue; abort this run, or ' +
        'retry if somebody changed something by hand.',
    },
  );
}

/** Why a step does not begin although its gate was approved. */
export function approvalOutdated(gate: string, why: string): StepFailure {
  return new StepFailure(
    'ApprovalOutdated',
    `the approval of gate ${gate} counts no more: ${why}. Nothing was done`,
    { next: `Look at what gate ${gate} asks now, and decide it again.` },
  );
}
