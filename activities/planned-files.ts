import { createHash } from 'node:crypto';
import type { Problem } from '../common/view.js';
import type { PlannedFile } from '../language/plan.js';
import { fileLimits, type NamedFile } from '../language/step-files.js';
import { readBeside, type RunbookFolder } from './file-beside.js';

/** Where the runbooks of a library lie, by their ids. */
export type RunbookFolders = ReadonlyMap<string, RunbookFolder>;

/** A file of a plan with its bytes, on its way into the record. */
export interface FoundFile extends PlannedFile {
  content: Buffer;
}

/** Reads the files that a plan names, or tells all that is wrong with them. */
export function findFiles(
  named: readonly NamedFile[],
  folders: RunbookFolders,
): { files: FoundFile[] } | { problems: Problem[] } {
  const files: FoundFile[] = [];
  const problems: Problem[] = [];
  for (const { runbook, name } of named) {
    const folder = folders.get(runbook);
    const found = folder
      ? readBeside(folder, name)
      : { wrong: `the workers know no folder in which ${name} would lie` };
    if ('wrong' in found) problems.push(refusal(runbook, found.wrong));
    else
      files.push({
        ...{ runbook, name, digest: digestOfBytes(found.content), bytes: found.content.length },
        ...(found.executable ? { executable: true as const } : {}),
        content: found.content,
      });
  }
  const all = files.reduce((sum, { bytes }) => sum + bytes, 0);
  if (all > fileLimits.allBytes) {
    const limit = `more than ${fileLimits.allBytes}, the limit of a plan`;
    problems.push(refusal(named[0]?.runbook ?? '', `its files have ${all} bytes, ${limit}`));
  }
  return problems.length > 0 ? { problems } : { files };
}

/** `sha256:…` of bytes. */
export function digestOfBytes(content: Buffer): string {
  return `sha256:${createHash('sha256').update(content).digest('hex')}`;
}

function refusal(runbook: string, wrong: string): Problem {
  return {
    type: 'Refused',
    message: `a file of runbook ${runbook}: ${wrong}`,
    next: 'Correct it in the library of the workers.',
  };
}
