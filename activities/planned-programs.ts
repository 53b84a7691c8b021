import type { AttemptRequest } from '../common/attempt.js';
import { mayRunFor, programKey } from '../common/programs.js';
import { innermost } from '../language/kinds/index.js';
import type { Plan, Program, ProgramName } from '../language/plan.js';
import type { RecordedFacts } from '../store/index.js';
import { programsOf } from './program-names.js';

/*
 * Which programs an attempt may run: those of the plan, those that the run has run before, and
 * those that people have let run since. What the request says of them only tells what to look up.
 */

type Asked = Pick<AttemptRequest, 'action' | 'verify' | 'check' | 'programs'>;
type Planned = Pick<Plan, 'programs'>;

/** Names of programs that the request names or starts, and that the plan does not cover. */
export function uncoveredNames(request: Asked, plan: Planned): string[] {
  const claimed = (request.programs ?? []).filter((each) => !allows(plan.programs ?? [], each));
  const started = startedBy(request).filter(
    (named) => !(plan.programs ?? []).some((each) => programKey(each) === programKey(named)),
  );
  return [...new Set([...claimed, ...started].map(({ name }) => name))];
}

/** The programs that the attempt may run, by plan and record. */
export function coveredPrograms(
  { programs: planned = [] }: Planned,
  { programs: recorded }: Pick<RecordedFacts, 'programs'>,
): Program[] {
  return [...planned, ...(recorded ?? []).map((text) => JSON.parse(text) as Program)];
}

function allows(covered: readonly Program[], claimed: Program): boolean {
  return covered.some(
    (each) => programKey(each) === programKey(claimed) && mayRunFor(each, claimed),
  );
}

function startedBy({ action, verify, check }: Asked): ProgramName[] {
  return [action, verify, check].flatMap((each) => {
    const acting = each && innermost(each);
    return acting?.kind === 'command' && !acting.programMayChange ? programsOf({ ...acting }) : [];
  });
}
