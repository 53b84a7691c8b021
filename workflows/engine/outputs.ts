import { isOutputRecorded } from '../../common/saved-steps.js';
import type { StepView } from '../../common/view.js';
import { withoutCut } from '../../language/cut.js';
import type { Json } from '../../language/json.js';
import type { Plan } from '../../language/plan.js';
import { ProcedureStopped } from './outcome.js';
import { namesOf } from '../../language/paths.js';
import { referencesIn } from '../../language/reference.js';

/*
 * What one execution hands to the next is one payload, at most 2 MB in Temporal. The outputs of
 * thousands of steps can exceed that, so those that nothing can refer to are left out: the record
 * has them.
 */

/**
 * Up to this many characters, all outputs are handed over, whether or not anything refers to them.
 */
const carriedAnyway = 256_000;
/** Outputs that may be referred to, in characters; the rest of the payload needs room too. */
const maxKept = 1_500_000;

/** The steps with the outputs that the next execution may need. */
export function withoutSpentOutputs(plan: Plan, steps: readonly StepView[]): StepView[] {
  const mayBeNamed = namesIn(plan);
  let size = 0;
  for (const step of steps) size += sizeOf(step.output);
  if (size <= carriedAnyway) return [...steps];
  return steps.map((step) =>
    isOutputRecorded(step) && !mayBeNamed(step.id)
      ? { ...step, output: null, outputIn: 'record' as const }
      : step,
  );
}

/** Counts the outputs that have to be kept. */
export class OutputBudget {
  private readonly mayBeNamed: (path: string) => boolean;
  private kept = 0;

  constructor(plan: Plan, steps: readonly StepView[]) {
    this.mayBeNamed = namesIn(plan);
    for (const step of steps) this.count(step.id, step.output);
  }

  /** @throws ProcedureStopped when the run could not be continued as new with it */
  add(path: string, output: Json): void {
    this.count(path, output);
    if (this.kept <= maxKept) return;
    throw new ProcedureStopped(
      `with step ${path} the outputs that later steps may refer to have come to more than ` +
        `${maxKept / 1e6} MB, which Temporal does not take`,
      'Let steps print less, or write to a file or a table what later steps need; then ' +
        'start one that goes on --from this run.',
    );
  }

  private count(path: string, output: Json): void {
    if (this.mayBeNamed(path)) this.kept += sizeOf(output);
  }
}

/**
 * An output for the code of a procedure. Code must not act on a part of a value: reading a field
 * that is not whole ends the run and says what to do.
 * @throws ProcedureStopped when such a field is read
 */
export function forCode<T extends Json>(path: string, output: T): T {
  return withoutCut(output, (field) => {
    throw new ProcedureStopped(
      `step ${path} answered what cannot be handed on, and ` +
        `${field} is not whole: it was too large, or held a secret`,
      'Let what it asks answer less and without secrets, or pick what is needed; then start ' +
        'one that goes on --from this run.',
    );
  }) as T;
}

function sizeOf(output: Json): number {
  return JSON.stringify(output).length;
}

/**
 * Tests whether anything in the plan refers to the step at a path, or to a step around it. The code
 * of a code-first runbook may refer to any.
 */
function namesIn({ data, steps, outputs }: Plan): (path: string) => boolean {
  if (!data) return () => true;
  const named = new Set<string>();
  for (const name of referencesIn([steps, outputs ?? null] as unknown as Json)) {
    const [root, id] = name.split('.');
    if (root === 'steps' && id !== undefined) named.add(id);
  }
  return (path) => namesOf(path).some((id) => named.has(id));
}
