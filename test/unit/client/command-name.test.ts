import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, test } from '@jest/globals';
import { commandName } from '../../../client/command-name.js';
import { createProgram } from '../../../client/program.js';
import { verbsOf } from '../../../client/verbs.js';
import { nextStep } from '../../../common/next-step.js';
import { databaseUrl, uiUrl } from '../../../client/settings.js';
import { announce } from '../../../embedded/connection.js';
import { projectRoot } from '../../../embedded/home.js';
import { testFolder } from '../../helpers/folder.js';
import { recordedIo } from './fake-io.js';
import { clear } from '../../embedded/support.js';

const folder = testFolder('command name ');
afterAll(() => clear(folder));

test('commands are printed in the form that works where they are read', () => {
  expect(commandName({}, projectRoot)).toBe('./runbook');
  expect(commandName({}, folder)).toContain(join(projectRoot, 'runbook'));
  const own = join(folder, 'node_modules', '.bin');
  const all = join(folder, 'bin');
  for (const each of [own, all]) {
    mkdirSync(each, { recursive: true });
    writeFileSync(join(each, 'runbook'), '');
  }
  const installed = (path: string): string => commandName({ PATH: path }, folder, folder);
  expect(installed(`/nowhere:${all}`)).toBe('runbook');
  // npx has put it on the path for this one call.
  expect(installed(`/nowhere:${own}`)).toBe('npx runbook');
  expect(installed('')).toBe('npx runbook');
});

test('no worker writes a command by a name: what it is called is known where it is read', () => {
  const verbs = verbsOf(createProgram(recordedIo())).map((verb) => verb.name());
  const named = new RegExp(`(?<![\\w./-])runbook (?:${verbs.join('|')})\\b`);
  const found = ['activities', 'common', 'store', 'worker', 'workflows'].flatMap((folder) =>
    readdirSync(join(projectRoot, folder), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts'))
      .flatMap((name) =>
        readFileSync(join(projectRoot, folder, name), 'utf8')
          .split('\n')
          .filter((line) => named.test(line) && !/^\s*(?:\/\/|\/?\*)/.test(line))
          .map((line) => `${folder}/${name}: ${line.trim()}`),
      ),
  );
  // The one that is left names a connection.
  expect(found).toEqual([expect.stringMatching(/^worker\/main\.ts: applicationName/)]);
});

test('what to do next names its command with the name that the reader types', () => {
  const problem = { next: 'Read its whole output', command: 'logs a-run step' };
  expect(nextStep(problem, './runbook')).toBe(
    'Read its whole output with: ./runbook logs a-run step',
  );
  expect(nextStep({ next: 'Look at it.' }, './runbook')).toBe('Look at it.');
  expect(nextStep({}, './runbook')).toBeUndefined();
});

test('what a demo keeps running is found as a dev is, and takes no other place', () => {
  const home = join(folder, 'home');
  const connection = {
    ...{ address: '127.0.0.1:1', namespace: 'default', taskQueue: 'runbooks' },
    ...{ uiUrl: 'http://127.0.0.1:2', databaseUrl: 'postgres://x@127.0.0.1:3/runbook' },
  };
  expect(announce(connection, home)).toBe(true);
  const env = { RUNBOOK_HOME: home };
  expect([uiUrl(env), databaseUrl(env)]).toEqual([connection.uiUrl, connection.databaseUrl]);
  expect(announce({ ...connection, uiUrl: 'http://127.0.0.1:9' }, home)).toBe(false);
  expect(uiUrl(env)).toBe(connection.uiUrl);
});
