import { StepFailure } from './failure.js';

/** Why a step does not begin: what was asked for is not what the run's plan says. */
export function notAsPlanned(why: string): StepFailure {
  return new StepFailure(
    'NotAsPlanned',
    `the step was asked for otherwise than the plan in the record says: ${why}. Nothing was done`,
    {
      next: 'Find out which workers take the workflow tasks of this queue; abort this run, or retry when people have changed something by hand.',
    },
  );
}
