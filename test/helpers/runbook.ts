import { parseRunbook } from '../../language/runbook-schema.js';
import type { RunbookSpec } from '../../language/runbook.js';

/** A runbook that is data, read as from its file. @throws FileError with every mistake */
export function runbookOf(data: object): RunbookSpec {
  return parseRunbook(JSON.stringify(data), 'runbook.json');
}
