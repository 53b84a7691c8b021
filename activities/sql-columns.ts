import { StepFailure } from './failure.js';

/**
 * A row is an object: of two columns of one name it would hold the last one only, and nobody would
 * know that there was another.
 * @param as the name of the statement's result
 * @param columns in their order
 * @throws StepFailure AnswerUnusable
 */
export function assertDistinctColumns(as: string, columns: readonly { name: string }[]): void {
  const seen = new Set<string>();
  for (const { name } of columns) {
    // The driver would take it for the prototype of the row.
    if (name === '__proto__') throw unusable(`result ${as} has a column called __proto__`);
    if (seen.has(name)) throw unusable(`result ${as} has two columns called ${name}`);
    seen.add(name);
  }
}

function unusable(what: string): StepFailure {
  return new StepFailure('AnswerUnusable', what, {
    next:
      'Give each column of the statement a name of its own, ' +
      'with AS. Its transaction, if it has one, was rolled back.',
  });
}
