/** A file of the library that holds no runbook that can be used. */
export interface BrokenRunbook {
  /** As it says itself, else as its file is called. */
  id: string;
  file: string;
  /** Each with file, line and column. */
  problems: readonly string[];
}

/** Everything that is wrong with it, in a line. */
export function brokenWords({ id, problems }: BrokenRunbook): string {
  return `runbook ${JSON.stringify(id)} cannot be used: ${problems.join('; ')}`;
}
