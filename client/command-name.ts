import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { projectRoot } from '../embedded/home.js';

/**
 * The command that the reader has to type: `./runbook` at the root of a clone, its path elsewhere
 * on that machine, `runbook` where it is installed.
 */
export function commandName(env: NodeJS.ProcessEnv, cwd = process.cwd()): string {
  if (env['RUNBOOK_COMMAND']) return env['RUNBOOK_COMMAND'];
  const script = join(projectRoot, 'runbook');
  if (!existsSync(script) || !existsSync(join(projectRoot, '.git'))) return 'runbook';
  return resolve(cwd) === projectRoot ? './runbook' : quoteArgument(script);
}

/** An argument, quoted for a command line that people copy into a shell. */
export function quoteArgument(text: string): string {
  return /^[A-Za-z0-9_@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}
