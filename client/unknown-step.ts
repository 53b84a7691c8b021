import type { RunView } from '../common/view.js';
import type { CliError } from './errors.js';
import { unknownName } from './nearest.js';

/** The error for a step that a run does not have, with those that it has. */
export function unknownStep({ id, steps }: RunView, step: string): CliError {
  return unknownName(`Run ${id} has no step ${JSON.stringify(step)}.`, {
    name: step,
    what: 'steps',
    known: steps.map((each) => each.id),
  });
}

/** As `unknownStep`, for a gate. */
export function unknownGate({ id, steps }: RunView, gate: string): CliError {
  return unknownName(`Run ${id} has no gate ${JSON.stringify(gate)}. Nothing was changed.`, {
    name: gate,
    what: 'gates',
    known: steps.filter(({ kind }) => kind === 'approval').map((each) => each.id),
  });
}
