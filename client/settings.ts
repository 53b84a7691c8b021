import { userInfo } from 'node:os';
import { readConnection, type DevConnection } from '../embedded/connection.js';
import { runbookHome } from '../embedded/home.js';

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

/** The `dev` that runs now; one that was killed left a file that leads nowhere. */
function liveDev(env: NodeJS.ProcessEnv): DevConnection | undefined {
  const dev = readConnection(runbookHome(env));
  return dev?.alive ? dev.connection : undefined;
}

/** Address of the record's database: RUNBOOK_DATABASE_URL, then the running `dev`; null when neither says. */
export function databaseUrl(env: NodeJS.ProcessEnv): string | null {
  return env['RUNBOOK_DATABASE_URL'] || liveDev(env)?.databaseUrl || null;
}

/** Base address of the Temporal UI, without a slash at its end. */
export function uiUrl(env: NodeJS.ProcessEnv): string {
  return (env['RUNBOOK_UI_URL'] || liveDev(env)?.uiUrl || defaultUiUrl).replace(/\/+$/, '');
}

/** The task queue that flags, environment or the running `dev` name; undefined leaves the default. */
export function taskQueue(flags: GlobalFlags, env: NodeJS.ProcessEnv): string | undefined {
  return flags.taskQueue || env['RUNBOOK_TASK_QUEUE'] || liveDev(env)?.taskQueue || undefined;
}

/** Where the running `dev` has its Temporal server. */
export function devTemporal(
  env: NodeJS.ProcessEnv,
): Pick<DevConnection, 'address' | 'namespace'> | undefined {
  return liveDev(env);
}

/** Who asks or decides: `--as`, RUNBOOK_OPERATOR, else the user of the operating system. */
export function operatorName(as: string | undefined, env: NodeJS.ProcessEnv): string {
  const given = as ?? env['RUNBOOK_OPERATOR'];
  if (given?.trim()) return given.trim();
  try {
    return userInfo().username;
  } catch {
    return env['USER'] ?? 'unknown';
  }
}
