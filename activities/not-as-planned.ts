import { StepFailure } from './failure.js';

/** Why a step does not begin: the request differs from the run's plan. */
export function notAsPlanned(why: string): StepFailure {
  return new StepFailure(
    'NotAsPlanned',
    `the request for the step differs from the plan in the record: ${why}. Nothing was done`,
    {
      next: 'Find out which workers poll the workflow tasks of this queue; abort this run, or retry if somebody changed something by hand.',
    },
  );
}
