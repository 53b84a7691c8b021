import { operatorOf, operatorRule } from '../common/operator.js';
import { readConnection, type DevConnection } from '../embedded/connection.js';
import { runbookHome } from '../embedded/home.js';
import { CliError } from './errors.js';
import { exitCodes } from './exit-codes.js';
import { systemUser } from './sender.js';

/** The flags that every command has. */
export interface GlobalFlags {
  address?: string;
  namespace?: string;
  profile?: string;
  taskQueue?: string;
  output?: 'text' | 'json' | 'jsonl';
  color?: boolean;
}

const defaultUiUrl = 'http://localhost:8233';

/** The `dev` that runs now; the file of one that was killed is ignored. */
function liveDev(env: NodeJS.ProcessEnv): DevConnection | undefined {
  const dev = readConnection(runbookHome(env));
  return dev?.alive ? dev.connection : undefined;
}

/**
 * Address of the record's database: RUNBOOK_DATABASE_URL, then the running `dev`; null when neither
 * says.
 */
export function databaseUrl(env: NodeJS.ProcessEnv): string | null {
  return env['RUNBOOK_DATABASE_URL'] || liveDev(env)?.databaseUrl || null;
}

/** Base address of the Temporal UI, without a slash at its end. */
export function uiUrl(env: NodeJS.ProcessEnv): string {
  return (env['RUNBOOK_UI_URL'] || liveDev(env)?.uiUrl || defaultUiUrl).replace(/\/+$/, '');
}

/**
 * The task queue that flags, environment or the running `dev` name; undefined leaves the default.
 */
export function taskQueue(flags: GlobalFlags, env: NodeJS.ProcessEnv): string | undefined {
  return flags.taskQueue || env['RUNBOOK_TASK_QUEUE'] || liveDev(env)?.taskQueue || undefined;
}

/** Where the running `dev` has its Temporal server. */
export function devTemporal(
  env: NodeJS.ProcessEnv,
): Pick<DevConnection, 'address' | 'namespace'> | undefined {
  return liveDev(env);
}

/**
 * Who asks or decides: `--as`, RUNBOOK_OPERATOR, else the user of the operating system; in lower
 * case.
 * @throws CliError with exit code 2 when it is no operator's name
 */
export function operatorName(as: string | undefined, env: NodeJS.ProcessEnv): string {
  if (as !== undefined) return operatorNamed(as, '--as');
  const set = env['RUNBOOK_OPERATOR'];
  return set ? operatorNamed(set, 'RUNBOOK_OPERATOR') : operatorNamed(systemUser(env), 'your user');
}

/**
 * A name that was given by a flag or a variable, as it is compared.
 * @throws CliError with exit code 2
 */
export function operatorNamed(name: string, where: string): string {
  const operator = operatorOf(name);
  if (operator !== null) return operator;
  throw new CliError(
    `${where} is ${JSON.stringify(name.slice(0, 80))}, and ${operatorRule}.`,
    'Say who you are with --as NAME or RUNBOOK_OPERATOR.',
    exitCodes.usage,
  );
}

/** How many times longer than usual servers and workers may take to answer: RUNBOOK_PATIENCE. */
export function patience(env: NodeJS.ProcessEnv): number {
  const asked = Number(env['RUNBOOK_PATIENCE']);
  return asked >= 1 ? Math.min(asked, 100) : 1;
}
