import { join } from 'node:path';
import { execa } from 'execa';
import { programEnv, type SystemFolder } from './instances.js';
import { readManifest } from './releases.js';

/** What a program of an artefact said: its line of JSON, or why it failed. */
export interface ProgramResult {
  exitCode: number;
  json: Record<string, unknown> | null;
  problem: string;
}

async function run(
  system: SystemFolder,
  version: string,
  program: 'check' | 'migrate',
  args: string[],
  env = {},
): Promise<ProgramResult> {
  const artefact = join(system.releases, version);
  const { exitCode, stdout, stderr } = await execa(
    process.execPath,
    [join(artefact, readManifest(artefact).programs[program]), ...args],
    { env: { ...programEnv(system), ...env }, reject: false, stdin: 'ignore' },
  );
  const json = stdout === '' ? null : (JSON.parse(stdout) as Record<string, unknown>);
  return { exitCode: exitCode ?? 1, json, problem: stderr };
}

/** Changes the schema as the artefact says. */
export function migrate(
  system: SystemFolder,
  version: string,
  phase: 'expand' | 'contract' | 'undo',
  ...args: string[]
): Promise<ProgramResult> {
  return run(system, version, 'migrate', [phase, ...args]);
}

/** Does the release work on the schema as it is? Asked without leaving a trace. */
export function checkSchema(system: SystemFolder, version: string): Promise<ProgramResult> {
  return run(system, version, 'check', []);
}
