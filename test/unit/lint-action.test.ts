import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from '@jest/globals';
import { parse } from 'yaml';

/* The action for code hosts: its step is run as the host runs it, but for Node, which is here. */

const path = join(import.meta.dirname, '..', '..', '.github', 'actions', 'lint');
const folder = mkdtempSync(join(tmpdir(), 'runbook-action-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Action {
  runs: { steps: { run?: string; env?: Record<string, string> }[] };
}
const { steps } = (parse(readFileSync(join(path, 'action.yml'), 'utf8')) as Action).runs;
const step = steps.find(({ run }) => run !== undefined)!;

test('its inputs reach the script by variables alone', () => {
  expect(step.env).toEqual({ FILES: '${{ inputs.files }}' });
  expect(step.run).not.toContain('${{');
});

test('what is wrong stands beside its line; a name that is a command stays a name', () => {
  const hostile = '$(touch pwned)';
  mkdirSync(join(folder, hostile));
  const file = join(hostile, 'first.runbook.yaml');
  writeFileSync(join(folder, file), 'runbook: first\nonwer: sre\n');
  const { status, stdout } = spawnSync('bash', ['-e', '-o', 'pipefail', '-c', step.run!], {
    cwd: folder,
    encoding: 'utf8',
    env: { ...process.env, GITHUB_ACTION_PATH: path, FILES: `${file}\n` },
  });
  expect(stdout).toContain(`::error file=${file},line=2,`);
  expect(status).toBe(1);
  expect(existsSync(join(folder, 'pwned'))).toBe(false);
});
