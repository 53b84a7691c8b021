import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { WorkflowHandle } from '@temporalio/client';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';

/**
 * Folder that `npm run test:only` writes the histories of its runs to; empty = keeps
 * none.
 */
const folder = process.env['RUNBOOK_RECORD_HISTORIES'];

/**
 * Keeps a run's history for the replay tests, without what tells of the machine it was recorded on.
 * @param title of the scenario; becomes the file's name
 */
export async function recordHistory(handle: WorkflowHandle, title: string): Promise<void> {
  if (!folder) return;
  const history = JSON.parse(historyToJSON(await handle.fetchHistory()), withoutMachine) as unknown;
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, `${fileName(title)}.json`), `${JSON.stringify(history)}\n`);
}

/** Replay reads neither identities nor stack traces. */
function withoutMachine(key: string, value: unknown): unknown {
  if (key === 'identity' || key === 'workerInstanceKey') return 'recorded';
  return key === 'stackTrace' ? '' : value;
}

function fileName(title: string): string {
  return title
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^-|-$/g, '')
    .slice(0, 80);
}
