import { NoItems } from '../../language/items.js';
import type { Problem } from '../../common/view.js';
import type { Json } from '../../language/json.js';
import { Unresolved } from '../../language/reference.js';
import type { StepSpec } from '../../language/runbook.js';
import { NoLimit, NoText } from '../../language/work.js';
import { ProcedureStopped } from '../engine/outcome.js';
import type { Steps } from '../engine/steps.js';

/**
 * Goes on with a value that a step needs. People are asked where it cannot be had; a retry looks
 * again, with inputs that were changed. Nothing is awaited where nobody is asked.
 * @returns the answer of the step, also where people have given that
 */
export function needed<T>(
  engine: Steps,
  spec: StepSpec,
  path: string,
  resolving: () => T,
  goOn: (value: T) => Promise<Json>,
): Promise<Json> {
  const found = known(spec, resolving);
  return 'value' in found ? goOn(found.value) : ask(found);

  async function ask({ problem }: { problem: Problem }): Promise<Json> {
    const answer = await engine.undecided(path, spec, problem, 'what it needs is not there');
    return answer ? answer.output : needed(engine, spec, path, resolving, goOn);
  }
}

function known<T>(spec: StepSpec, resolving: () => T): { value: T } | { problem: Problem } {
  try {
    return { value: stopping(spec, resolving) };
  } catch (error) {
    if (error instanceof ProcedureStopped) return error;
    throw error;
  }
}

/** What cannot be resolved, in words. @throws ProcedureStopped */
function stopping<T>(spec: StepSpec, resolving: () => T): T {
  try {
    return resolving();
  } catch (error) {
    if (error instanceof NoText)
      throw new ProcedureStopped(
        `an argument of step ${spec.id} is ` +
          `${JSON.stringify(error.value).slice(0, 80)}, which is no text`,
        'Look at what it was taken from.',
      );
    if (error instanceof NoLimit)
      throw new ProcedureStopped(
        `the timeout of step ${spec.id} is ${JSON.stringify(error.value).slice(0, 80)}, ` +
          'which is no duration of at most a week',
        'Look at what it was taken from.',
      );
    if (error instanceof NoItems)
      throw new ProcedureStopped(error.message, 'Look at what the list was taken from.');
    if (!(error instanceof Unresolved)) throw error;
    if (error.missing !== 'absent')
      throw new ProcedureStopped(
        `step ${spec.id} needs ${error.reference}: ${error.message}`,
        changedNext[error.missing],
      );
    throw new ProcedureStopped(
      `step ${spec.id} needs ${error.reference}, which there is not${because(error)}`,
      'The step before it answered otherwise than the runbook expects, or was skipped.',
    );
  }
}

/** What to do about a value that was changed for people. */
const changedNext = {
  cut:
    'Let the step before answer less: name what is needed ' +
    'in its `outputs`, and ask for fewer rows or columns.',
  blanked:
    'Name the secret itself where its value is needed, or let the step before answer without it.',
};

/** What is known of the reason beyond that the value is not there. */
function because({ reference, message }: Unresolved): string {
  return message === `there is no ${reference}` ? '' : `: ${message}`;
}
