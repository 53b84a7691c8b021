import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { runCli } from '../../../client/program.js';
import { recordedIo } from './fake-io.js';

let folder: string;
beforeEach(() => void (folder = join(mkdtempSync(join(tmpdir(), 'runbook-new-')), 'books')));
afterEach(() => rmSync(join(folder, '..'), { recursive: true }));

test('a first runbook makes its folder, passes lint, and says how it is found', async () => {
  const usual = { RUNBOOK_COMMAND: 'runbook', RUNBOOK_HOME: '/nonexistent' };
  const io = recordedIo();
  expect(await runCli(['new', 'close-shop', folder], io)).toBe(0);
  expect(existsSync(join(folder, 'close-shop.runbook.test.yaml'))).toBe(true);
  expect(io.err()).toContain(`export RUNBOOK_LIBRARY=${folder}`);
  expect(await runCli(['lint', folder], io)).toBe(0);
  expect(await runCli(['show', 'close-shop'], io)).toBe(2);
  expect(io.err()).toContain('folders of RUNBOOK_LIBRARY, which is not set');
  const named = recordedIo({ env: { ...usual, RUNBOOK_LIBRARY: folder } });
  expect(await runCli(['new', 'open-shop', folder], named)).toBe(0);
  expect(named.err()).not.toContain('RUNBOOK_LIBRARY');
});
