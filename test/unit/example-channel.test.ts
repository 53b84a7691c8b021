import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { pipelineFiles } from '../../examples/pipeline/files.js';
import { parseTargets } from '../../language/targets-file.js';
import { programFolder } from '../../worker/config.js';

/* Whoever tries the product reads what people are told. */

test('the example tells people: its channel writes each message to a file', () => {
  const folder = mkdtempSync(join(tmpdir(), 'runbook-example-'));
  try {
    const file = join(folder, 'messages.txt');
    const program = join(programFolder, 'examples', 'pipeline', 'tell.js');
    const { targets } = pipelineFiles(
      'http://127.0.0.1:1',
      'postgres://a:b@127.0.0.1/example',
      (name) => ({ from: `file:${name}` }),
      [process.execPath, program, file],
    );
    const declared = parseTargets(targets, 'targets.yaml');
    expect(declared.find(({ name }) => name === 'flights')?.notify).toEqual(['oncall']);
    const [node = '', ...args] =
      declared.find(({ name }) => name === 'oncall')?.command?.argv ?? [];
    for (const text of ['Needed: one', 'Over: two'])
      expect(spawnSync(node, args, { input: JSON.stringify({ text }) }).status).toBe(0);
    const told = readFileSync(file, 'utf8');
    expect(told.indexOf('Needed: one')).toBe(0);
    expect(told).toContain('\n\nOver: two\n');
  } finally {
    rmSync(folder, { recursive: true });
  }
});
