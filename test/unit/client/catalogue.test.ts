import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { runCli } from '../../../client/program.js';
import { testFolder } from '../../helpers/folder.js';
import { recordedIo } from './fake-io.js';

/*
 * Runbooks that are data are known to the command line of the machine that has them, with nothing
 * running.
 */

let folder: string;
beforeAll(() => {
  folder = testFolder('runbook-library-');
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const file = (id: string, steps: string): string => `
runbook: ${id}
version: 1.0.0
title: Rotate the logs
description: Before the disk is full.
type: MAINTENANCE
priority: LOW
owner: ops
steps: ${steps}
`;

async function cli(...argv: string[]): Promise<{ code: number; out: string; err: string }> {
  const env = { RUNBOOK_COMMAND: 'runbook', RUNBOOK_HOME: folder, RUNBOOK_LIBRARY: folder };
  const io = recordedIo({
    env: { ...env, RUNBOOK_DATABASE_URL: 'postgres://nobody@127.0.0.1:1/nothing' },
  });
  const code = await runCli(argv, io);
  return { code, out: io.out(), err: io.err() };
}

test('list and show have them beside what is shipped', async () => {
  const look = '[{ id: look, title: Look, approval: { by: sre } }]';
  writeFileSync(join(folder, 'rotate-logs.runbook.yaml'), file('rotate-logs', look));
  const list = await cli('list', '--output', 'json');
  expect((JSON.parse(list.out) as { id: string }[]).map(({ id }) => id)).toEqual(
    expect.arrayContaining(['pipeline-recovery', 'rotate-logs']),
  );
  expect((await cli('show', 'rotate-logs')).out).toContain('Rotate the logs');
  expect((await cli('complete', '--', 'show', 'rot')).out).toBe('rotate-logs\tRotate the logs\n');
  const unknown = await cli('show', 'rotate-log');
  expect(unknown).toMatchObject({
    code: 2,
    err: expect.stringContaining('Did you mean rotate-logs?') as unknown,
  });
});

test('list says why it does not show when runbooks were drilled', async () => {
  const { code, out, err } = await cli('list');
  expect({ code, err }).toEqual({
    code: 0,
    err: 'When each was last drilled is not shown: the record does not answer.\n',
  });
  expect(out).not.toContain('?');
});

test('a part can be shown, and is not in the list', async () => {
  const part =
    'part: part-note\nversion: 1.0.0\ntitle: Note something\nowner: sre\n' +
    'steps: [{ id: note, title: Note it, command: echo noted, effect: read }]\n';
  writeFileSync(join(folder, 'part-note.runbook.yaml'), part);
  expect((await cli('list')).out).not.toContain('part-note');
  expect((await cli('show', 'part-note')).out).toContain('Note something');
});

test('a mistake in one is told with its file', async () => {
  writeFileSync(join(folder, 'broken.runbook.yaml'), file('broken', '[]'));
  const list = await cli('list');
  expect((await cli('complete', '--', 'show', 'pipe')).out).toContain('pipeline-recovery');
  expect(list).toMatchObject({
    code: 1,
    out: expect.stringContaining('rotate-logs') as unknown,
    err: expect.stringMatching(
      /"broken" cannot be used: broken\.runbook\.yaml:9:8: steps must not be empty/,
    ) as unknown,
  });
});
