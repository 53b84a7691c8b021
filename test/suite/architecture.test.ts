import { describe, expect, test } from '@jest/globals';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ESLint, type Linter } from 'eslint';
import tseslint from 'typescript-eslint';

/*
 * The rules of lint are the architecture: what each folder may import, and what nobody may write.
 * Each rule is proved by code that offends against it, linted in the place of a real file.
 */
const eslint = new ESLint();
/** Most rules need neither types nor other files, which take most of the time. */
const quick = new ESLint({ overrideConfig: [tseslint.configs.disableTypeChecked] });
const needsMore = (rule: string): boolean => rule.startsWith('@typescript-eslint');

async function refusals(file: string, code: string, rule: string): Promise<string[]> {
  const [result] = await (needsMore(rule) ? eslint : quick).lintText(code, { filePath: file });
  const fatal = result!.messages.find((message) => message.fatal);
  if (fatal) throw new Error(`${file}: ${fatal.message}`);
  return result!.messages
    .filter((message) => message.ruleId === rule)
    .map((message) => message.message);
}

const imports = 'layers/imports';

describe('what a folder may not import', () => {
  test.each([
    ['language/json.ts', `import { readFileSync } from 'node:fs'; readFileSync('x');`],
    ['language/json.ts', `import { z } from 'zod'; z.string();`],
    ['language/plan.ts', `import { parse } from 'yaml'; parse('');`],
    ['language/inputs.ts', `import { Client } from '@temporalio/client'; new Client();`],
    [
      'language/inputs.ts',
      `import { searchAttributes } from '../common/search-attributes.js'; searchAttributes.state;`,
    ],
    [
      'language/expression/evaluate.ts',
      `import { parse } from '@marcbachmann/cel-js'; parse('1');`,
    ],
    ['language/expression/evaluate.ts', `import { parse } from './parse.js'; parse('1');`],
    ['language/expression/explain.ts', `import { check } from './check.js'; check;`],
    ['language/expression/evaluate.ts', `import { RE2JS } from 're2js'; RE2JS.compile('a');`],
    ['language/inputs.ts', `import { parse } from '@marcbachmann/cel-js'; parse('1');`],
    ['workflows/launch.ts', `import { compile } from '../language/expression/index.js'; compile;`],
    ['workflows/launch.ts', `import { parse } from '../language/expression/parse.js'; parse('1');`],
    ['common/search-attributes.ts', `import { hostname } from 'node:os'; hostname();`],
    ['common/search-attributes.ts', `import { openPool } from '../store/index.js'; openPool('');`],
    ['workflows/catalogue.ts', `import { parse } from 'yaml'; parse('');`],
    ['workflows/pipeline-recovery/spec.ts', `import { launch } from '../launch.js'; launch;`],
    ['workflows/launch.ts', `import { readFileSync } from 'node:fs'; readFileSync('x');`],
    ['workflows/launch.ts', `import { z } from 'zod'; z.string();`],
    ['workflows/launch.ts', `import { parse } from 'yaml'; parse('');`],
    ['workflows/launch.ts', `import pg from 'pg'; new pg.Client();`],
    ['workflows/launch.ts', `import { execa } from 'execa'; await execa('true');`],
    [
      'workflows/launch.ts',
      `import { resolveInputs } from '../language/inputs.js'; resolveInputs;`,
    ],
    ['workflows/launch.ts', `import { openPool } from '../store/index.js'; openPool('');`],
    [
      'workflows/launch.ts',
      `import { createActivities } from '../activities/index.js'; createActivities;`,
    ],
    ['workflows/launch.ts', `import { createWorker } from '../worker/create.js'; createWorker;`],
    ['workflows/launch.ts', `export * from '../client/index.js';`],
    ['workflows/launch.ts', `const fs = await import('node:fs'); fs.readFileSync('x');`],
    [
      'workflows/engine/steps.ts',
      `import { pipelineRecovery } from '../pipeline-recovery/procedure.js'; pipelineRecovery;`,
    ],
    ['activities/perform.ts', `import { launch } from '../workflows/launch.js'; launch;`],
    ['activities/perform.ts', `import { readConfig } from '../worker/config.js'; readConfig({});`],
    ['activities/perform.ts', `import { Client } from '@temporalio/client'; new Client();`],
    ['activities/perform.ts', `import { sql } from './sql.js'; sql;`],
    ['activities/check.ts', `import { http } from './http.js'; http;`],
    ['activities/check.ts', `import type { http } from './http.js'; export type H = typeof http;`],
    ['activities/delivery/traffic.ts', `import { rollout } from './rollout.js'; rollout;`],
    ['activities/delivery/rollout.ts', `import { command } from '../command.js'; command;`],
    ['activities/perform.ts', `import { traffic } from './delivery/traffic.js'; traffic;`],
    [
      'activities/perform.ts',
      `import { trafficOf } from './delivery/traffic/index.js'; trafficOf;`,
    ],
    ['language/runbook.ts', `import { traffic } from './kinds/delivery/traffic.js'; traffic;`],
    ['common/tries.ts', `import { compare } from './delivery/analysis.js'; compare;`],
    [
      'workflows/engine/steps.ts',
      `import type { TrafficAction } from '../../language/kinds/delivery/traffic.js'; export type T = TrafficAction;`,
    ],
    ['store/pool.ts', `import { readConfig } from '../worker/config.js'; readConfig({});`],
    ['store/pool.ts', `import { Context } from '@temporalio/activity'; Context.current();`],
    ['worker/main.ts', `import { runWorker } from '../client/main.js'; runWorker;`],
    [
      'client/main.ts',
      `import { createActivities } from '../activities/index.js'; createActivities;`,
    ],
    ['client/main.ts', `const { runWorker } = await import('../worker/main.js'); runWorker;`],
    ['client/main.ts', `import { launch } from '../workflows/launch.js'; launch;`],
    ['client/main.ts', `import { Worker } from '@temporalio/worker'; Worker;`],
    ['testing/world.ts', `import { openPool } from '../store/index.js'; openPool('');`],
    ['testing/driver/run.ts', `import { admit } from '../../activities/admit.js'; admit;`],
    ['embedded/home.ts', `import { openPool } from '../store/index.js'; openPool('');`],
    ['embedded/home.ts', `import { Client } from '@temporalio/client'; new Client();`],
  ])('%s: %s', async (file, code) => {
    expect(await refusals(file, code, imports)).toHaveLength(1);
  });
});

describe('what a folder may import', () => {
  test.each([
    ['language/inputs.ts', `import { z } from 'zod'; z.string();`],
    ['language/digest.ts', `import { sha256 } from '@noble/hashes/sha2.js'; sha256;`],
    [
      'language/expression/parse.ts',
      `import { Environment } from '@marcbachmann/cel-js'; new Environment();`,
    ],
    ['language/expression/pattern.ts', `import { RE2JS } from 're2js'; RE2JS.compile('a');`],
    ['workflows/launch.ts', `import { holds } from '../language/expression/evaluate.js'; holds;`],
    ['activities/check.ts', `import { compile } from '../language/expression/index.js'; compile;`],
    [
      'workflows/launch.ts',
      `import type { createActivities } from '../activities/index.js'; export type A = typeof createActivities;`,
    ],
    ['workflows/launch.ts', `import { digestOf } from '../language/digest.js'; digestOf(1);`],
    ['activities/index.ts', `import { sql } from './sql.js'; sql;`],
    ['activities/index.ts', `import { delivery } from './delivery/index.js'; delivery;`],
    ['activities/delivery/index.ts', `import { traffic } from './traffic.js'; traffic;`],
    ['language/kinds/index.ts', `import { delivery } from './delivery/index.js'; delivery;`],
    [
      'workflows/zero-downtime-deployment/pool.ts',
      `import type { TrafficAction } from '../../language/kinds/delivery/traffic.js'; export type T = TrafficAction;`,
    ],
    ['activities/command.ts', `import { execa } from 'execa'; await execa('true');`],
    ['store/pool.ts', `import pg from 'pg'; new pg.Pool();`],
    ['client/main.ts', `import { decide } from '../workflows/messages.js'; decide;`],
    [
      'client/commands/worker.ts',
      `const { runWorker } = await import('../../worker/main.js'); await runWorker();`,
    ],
  ])('%s: %s', async (file, code) => {
    expect(await refusals(file, code, imports)).toEqual([]);
  });

  test('every file of the product has its rule', async () => {
    const { include } = JSON.parse(readFileSync('tsconfig.json', 'utf8')) as { include: string[] };
    const folders = include.filter((folder) => folder !== 'bench' && folder !== 'test');
    const files = folders.flatMap((folder) =>
      readdirSync(folder, { recursive: true, encoding: 'utf8' })
        .filter((name) => name.endsWith('.ts'))
        .map((name) => join(folder, name)),
    );
    expect(files.length).toBeGreaterThan(50);
    for (const file of files) {
      const config = (await eslint.calculateConfigForFile(file)) as Linter.Config;
      expect([file, config.rules?.[imports]]).toEqual([
        file,
        [2, expect.objectContaining({ why: expect.any(String) })],
      ]);
    }
  });
});

test('workflows evaluate expressions, and cannot read them', () => {
  const bundle = readFileSync('dist/workflow-bundle.js', 'utf8');
  expect(bundle).toContain('language/expression/evaluate.js');
  expect(bundle).not.toMatch(/cel-js|language\/expression\/(parse|check|index|template)/);
});

describe('what nobody may write', () => {
  test.each([
    [
      'activities/perform.ts',
      `import { exec } from 'node:child_process'; exec('ls');`,
      'no-restricted-imports',
    ],
    [
      'activities/perform.ts',
      `import * as c from 'node:child_process'; c.execSync('ls');`,
      'no-restricted-imports',
    ],
    [
      'activities/perform.ts',
      `import c from 'node:child_process'; c.execSync('ls');`,
      'no-restricted-imports',
    ],
    [
      'embedded/home.ts',
      `import { spawn } from 'child_process'; spawn('ls');`,
      'no-restricted-imports',
    ],
    [
      'embedded/home.ts',
      `import { spawn } from 'node:child_process'; spawn('ls', { shell: true });`,
      'no-restricted-syntax',
    ],
    [
      'activities/command.ts',
      `import { execaCommand } from 'execa'; await execaCommand('ls');`,
      'no-restricted-imports',
    ],
    [
      'activities/command.ts',
      `import { execa } from 'execa'; await execa('ls', { shell: '/bin/sh' });`,
      'no-restricted-syntax',
    ],
    [
      'store/pool.ts',
      'import pg from "pg"; export const f = (n: string) => new pg.Client().query(`DROP TABLE ${n}`);',
      'no-restricted-syntax',
    ],
    ['store/pool.ts', `export const run = (text: string): unknown => eval(text);`, 'no-eval'],
    ['worker/main.ts', `/* ${'A line that nobody reads to its end. '.repeat(3)} */`, 'max-len'],
    [
      'worker/main.ts',
      `async function work(): Promise<void> { await Promise.resolve(); }\nwork();`,
      '@typescript-eslint/no-floating-promises',
    ],
    [
      'worker/main.ts',
      `async function work(): Promise<void> { await Promise.resolve(); }\nvoid work();`,
      '@typescript-eslint/no-floating-promises',
    ],
    [
      'worker/main.ts',
      `process.on('SIGTERM', async () => { await Promise.resolve(); });`,
      '@typescript-eslint/no-misused-promises',
    ],
    [
      'common/view.ts',
      `export function f(k: 'a' | 'b'): number { switch (k) { case 'a': return 1; } return 2; }`,
      '@typescript-eslint/switch-exhaustiveness-check',
    ],
    [
      'common/view.ts',
      `import { Json } from '../language/json.js'; export const none: Json = null;`,
      '@typescript-eslint/consistent-type-imports',
    ],
  ])('%s: %s', async (file, code, rule) => {
    expect((await refusals(file, code, rule)).length).toBeGreaterThan(0);
  });

  test('SQL with its values as parameters and a program with its arguments are accepted', async () => {
    const sql = `import pg from 'pg'; export const f = (v: string) => new pg.Client().query('SELECT $1', [v]);`;
    expect(await refusals('store/pool.ts', sql, 'no-restricted-syntax')).toEqual([]);
    const name =
      'import pg from "pg"; export const f = (n: string) => new pg.Client().query(`DROP TABLE ${pg.escapeIdentifier(n)}`);';
    expect(await refusals('store/pool.ts', name, 'no-restricted-syntax')).toEqual([]);
    const command = `import { execa } from 'execa'; await execa('ls', ['-l'], { shell: false });`;
    expect(await refusals('activities/command.ts', command, 'no-restricted-syntax')).toEqual([]);
  });
});

describe('what only language/paths.ts knows of the paths of steps', () => {
  test.each([
    `export const names = (path: string): string[] => path.split('/');`,
    'export const inside = (group: string): string => `${group}/`;',
    'export const part = (group: string, name: string): string => `${group}/${name}`;',
    'export const undo = (step: string): string => `${step}.undo`;',
    'export const again = (step: string, times: number): string => `${step}.${times}`;',
    `export const once = (step: string): string => step.replace(/\\.\\d+$/, '');`,
    "export const sql = (column: string): string => `starts_with(${column}, path || '/')`;",
  ])('%s', async (code) => {
    expect(await refusals('workflows/engine/steps.ts', code, 'layers/step-paths')).toHaveLength(1);
  });

  test('a sentence ends with its full stop, and a file with a name', async () => {
    const sentence = 'export const say = (what: string): string => `${what}.`;';
    expect(await refusals('client/view.ts', sentence, 'layers/step-paths')).toEqual([]);
    const file = `export const isLog = (file: string): boolean => file.endsWith('.log');`;
    expect(await refusals('client/view.ts', file, 'layers/step-paths')).toEqual([]);
  });
});

describe('what is not held is not exported', () => {
  test.each([
    ['language/runbook.ts', `export * from './kinds/index.js';`],
    ['language/plan.ts', `export type { Json } from './json.js';`],
    ['client/times.ts', `import { digestOf } from '../language/digest.js'; export { digestOf };`],
  ])('%s: %s', async (file, code) => {
    expect(await refusals(file, code, 'layers/pass-through')).toHaveLength(1);
  });

  test('a file exports what is its own, and a door what is behind it', async () => {
    const own = `import { digestOf } from './digest.js'; const one = digestOf(1); export { one };`;
    expect(await refusals('language/plan.ts', own, 'layers/pass-through')).toEqual([]);
    const door = `export { openPool } from './pool.js';`;
    expect(await refusals('store/index.ts', door, 'layers/pass-through')).toEqual([]);
  });
});
