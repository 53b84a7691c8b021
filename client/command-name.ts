import { existsSync } from 'node:fs';
import { delimiter, join, resolve } from 'node:path';
import { quoteArgument } from '../common/quote-argument.js';
import { projectRoot } from '../embedded/home.js';

/**
 * The command that the reader has to type: `./runbook` at the root of a clone, its path elsewhere
 * on that machine, `runbook` where it is installed, `npx runbook` where only a project has it.
 */
export function commandName(
  env: NodeJS.ProcessEnv,
  cwd = process.cwd(),
  root = projectRoot,
): string {
  if (env['RUNBOOK_COMMAND']) return env['RUNBOOK_COMMAND'];
  const script = join(root, 'runbook');
  if (!existsSync(script) || !existsSync(join(root, '.git')))
    return isOnPath('runbook', env) ? 'runbook' : 'npx runbook';
  return resolve(cwd) === root ? './runbook' : quoteArgument(script);
}

/** npx and npm put the folders of a project on the path for the one program that they start. */
function isOnPath(program: string, env: NodeJS.ProcessEnv): boolean {
  return (env['PATH'] ?? '')
    .split(delimiter)
    .filter((folder) => folder !== '' && !/[\\/]node_modules[\\/]\.bin[\\/]?$/.test(folder))
    .some((folder) => existsSync(join(folder, program)));
}
