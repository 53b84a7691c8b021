import { jest } from '@jest/globals';
import { AsPlanned } from '../../activities/as-planned.js';
import { Plans } from '../../activities/plans.js';

/** Workers of this process do what a request says, whatever plan and record say. */
export function withoutPlan(): { restore: () => void } {
  const wanted: AsPlanned['wanted'] = {
    ...{ paths: [], below: [], gate: null, listed: null, undone: null, programs: [] },
    ...{ before: [], beforeBelow: [] },
  };
  const off = [
    jest.spyOn(AsPlanned, 'of').mockReturnValue({ wanted } as unknown as AsPlanned),
    jest.spyOn(Plans.prototype, 'whyNot').mockResolvedValue(null),
    jest.spyOn(Plans.prototype, 'covered').mockImplementation(({ programs = [] }) => programs),
  ];
  return {
    restore: () => {
      for (const spy of off) spy.mockRestore();
    },
  };
}
