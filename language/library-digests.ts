import { digestOf } from './digest.js';
import type { RunbookSpec, StepSpec } from './runbook.js';

/** Digests of runbooks that are data, by id. */
export type LibraryDigests = Readonly<Record<string, string>>;

/**
 * Digests of the runbooks that are data, by which the library of a worker is compared with that of
 * another machine. What is code is compared by its release.
 */
export function libraryDigests(runbooks: readonly RunbookSpec[]): LibraryDigests {
  return Object.fromEntries(
    runbooks.filter(({ data }) => data).map((spec) => [spec.id, digestOf({ ...spec })]),
  );
}

/** As `libraryDigests`, of those that a plan of this runbook is made from. */
export function digestsBehind(
  spec: RunbookSpec,
  catalogue: readonly RunbookSpec[],
): LibraryDigests {
  const found = new Map<string, RunbookSpec>();
  const visit = (runbook: RunbookSpec): void => {
    if (found.has(runbook.id)) return;
    found.set(runbook.id, runbook);
    for (const id of nestedIn(runbook.steps)) {
      const nested = catalogue.find((each) => each.id === id);
      if (nested) visit(nested);
    }
  };
  visit(spec);
  return libraryDigests([...found.values()]);
}

function nestedIn(steps: readonly StepSpec[]): string[] {
  return steps.flatMap(({ runbook, steps: inner = [] }) => [
    ...(runbook === undefined ? [] : [runbook]),
    ...nestedIn(inner),
  ]);
}
