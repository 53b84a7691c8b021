import { libraryFolders } from './library-folders.js';
import { homedir, hostname } from 'node:os';
import { existsSync } from 'node:fs';
import { delimiter, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { systemFolders } from '../activities/programs.js';
import { defaultTaskQueue } from '../common/defaults.js';
import { durationMs } from '../language/duration.js';
import type { MakeCurrent } from './deployment/current.js';

const settings = z.object({
  RUNBOOK_TASK_QUEUE: z.string().min(1).default(defaultTaskQueue),
  RUNBOOK_DATABASE_URL: z
    .string({ error: 'is not set: the worker keeps its record in PostgreSQL' })
    .startsWith('postgres', {
      error: 'must be a PostgreSQL address such as postgres://user@host:5432/runbook',
    }),
  RUNBOOK_TARGETS: z.string().min(1).default('targets.yaml'),
  RUNBOOK_SECRETS: z.string().min(1).default('secrets.yaml'),
  RUNBOOK_LIBRARY: z.string().min(1).optional(),
  RUNBOOK_JOURNALS: z.string().min(1).optional(),
  RUNBOOK_UI_URL: z.url().optional(),
  RUNBOOK_COMMAND: z.string().min(1).optional(),
  RUNBOOK_HEARTBEAT_MS: z.coerce.number().int().min(1_000).max(300_000).default(10_000),
  RUNBOOK_HOST: z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,252}$/, 'must be the name of a host')
    .optional(),
  RUNBOOK_HOST_WAIT_MS: z.coerce.number().int().min(1_000).max(86_400_000).default(120_000),
  RUNBOOK_STOP_GRACE_MS: z.coerce.number().int().min(0).max(86_400_000).default(20_000),
  RUNBOOK_WATCH_MS: z.coerce.number().int().min(100).max(60_000).default(15_000),
  RUNBOOK_NOTIFY: z.string().default(''),
  RUNBOOK_REMIND_EVERY: z
    .string()
    .default('15m')
    .transform((text) => durationMs(text) ?? NaN)
    .refine((ms) => ms >= 1_000, { error: 'must be a duration of 1s or more, such as 15m' }),
  RUNBOOK_TELL_MS: z.coerce.number().int().min(100).max(60_000).default(1_000),
  RUNBOOK_TELL_TIMEOUT_MS: z.coerce.number().int().min(100).max(60_000).default(10_000),
  RUNBOOK_HEARTBEAT_URL: z.url({ protocol: /^https?$/ }).optional(),
  RUNBOOK_LOST_NAMESPACES: z.string().default(''),
  RUNBOOK_MAKE_CURRENT: z.enum(['auto', 'always', 'no']).default('auto'),
  RUNBOOK_SYSTEM_FOLDERS: z.string().default(systemFolders.join(delimiter)),
  RUNBOOK_MAX_STEPS: z.coerce.number().int().min(1).max(1_000).default(50),
});

export interface WorkerConfig {
  taskQueue: string;
  databaseUrl: string;
  targetsFile: string;
  secretsFile: string;
  /** Folder of runbooks that are data; null: only those that are shipped. */
  library: readonly string[];
  /** Folder on a disk of this host, for the output and the outcome of commands. */
  journals: string;
  uiUrl: string | null;
  /** The name of the command line in commands that we print. */
  command: string;
  heartbeatMs: number;
  /**
   * Milliseconds that the host of a started command gets to claim it again before its outcome
   * counts as unknown.
   */
  hostWaitMs: number;
  /**
   * Milliseconds that steps in flight get to end when the worker is asked to stop; then commands
   * are left to the next worker.
   */
  stopGraceMs: number;
  /** Milliseconds between two comparisons of the record with Temporal. */
  watchMs: number;
  /** Milliseconds that launches stay in Temporal's list after their end. */
  launchesKeptMs: number;
  /** Channels that are told of runs for which nothing else names any. */
  notify: string[];
  /** Milliseconds between two reminders of what a run waits for. */
  remindEveryMs: number;
  /** Milliseconds between two looks for what people are to be told. */
  tellMs: number;
  /** Milliseconds that a channel gets to take a message. */
  tellTimeoutMs: number;
  /** Asked each minute while the worker's watch is well; null: nobody listens for it. */
  heartbeatUrl: string | null;
  /**
   * Ids of Temporal namespaces that are lost with all their runs, which are then closed in the
   * record.
   */
  lostNamespaces: string[];
  /** Whether this worker's version becomes the one that gets new runs. */
  makeCurrent: MakeCurrent;
  /** Steps that this worker runs at once; each may be a process of its own. */
  maxSteps: number;
  /** Folders whose programs change with the system: a change there is shown, but not refused. */
  systemFolders: string[];
  identity: string;
  /** As targets name it in their fact `host`, for steps that say on which host they run. */
  host: string;
}

/** The worker's settings are wrong; the message names every one and what to do. */
export class ConfigError extends Error {}

const here = resolve(dirname(fileURLToPath(import.meta.url)), '..');

/**
 * Folder of the compiled program: `dist` in a clone, also for code that runs from its sources
 * (tests).
 */
export const programFolder = existsSync(resolve(here, 'package.json'))
  ? resolve(here, 'dist')
  : here;

/** How commands that a worker prints call the command line. */
export function commandName(env: NodeJS.ProcessEnv): string {
  return env['RUNBOOK_COMMAND'] || (inClone() ? './runbook' : 'runbook');
}

/** Reads the worker's settings from the environment. @throws ConfigError */
export function readConfig(env: NodeJS.ProcessEnv): WorkerConfig {
  const parsed = settings.safeParse(env);
  if (!parsed.success) {
    const lines = parsed.error.issues.map((issue) => `${issue.path.join('.')} ${issue.message}`);
    throw new ConfigError(
      `The worker cannot start: ${lines.join('; ')}. See docs/operating.md, or start ` +
        `everything with: ${commandName(env)} dev`,
    );
  }
  const value = parsed.data;
  const host = value.RUNBOOK_HOST ?? hostname();
  return {
    taskQueue: value.RUNBOOK_TASK_QUEUE,
    databaseUrl: value.RUNBOOK_DATABASE_URL,
    targetsFile: resolve(value.RUNBOOK_TARGETS),
    secretsFile: resolve(value.RUNBOOK_SECRETS),
    library: libraryFolders(value.RUNBOOK_LIBRARY),
    journals: resolve(
      value.RUNBOOK_JOURNALS ??
        join(env['XDG_STATE_HOME'] ?? join(homedir(), '.local', 'state'), 'durable-runbooks'),
    ),
    uiUrl: value.RUNBOOK_UI_URL?.replace(/\/+$/, '') ?? null,
    command: commandName(env),
    heartbeatMs: value.RUNBOOK_HEARTBEAT_MS,
    hostWaitMs: value.RUNBOOK_HOST_WAIT_MS,
    stopGraceMs: value.RUNBOOK_STOP_GRACE_MS,
    watchMs: value.RUNBOOK_WATCH_MS,
    launchesKeptMs: 60_000,
    notify: listOf(value.RUNBOOK_NOTIFY),
    remindEveryMs: value.RUNBOOK_REMIND_EVERY,
    tellMs: value.RUNBOOK_TELL_MS,
    tellTimeoutMs: value.RUNBOOK_TELL_TIMEOUT_MS,
    heartbeatUrl: value.RUNBOOK_HEARTBEAT_URL ?? null,
    lostNamespaces: listOf(value.RUNBOOK_LOST_NAMESPACES),
    makeCurrent: value.RUNBOOK_MAKE_CURRENT,
    maxSteps: value.RUNBOOK_MAX_STEPS,
    systemFolders: value.RUNBOOK_SYSTEM_FOLDERS.split(delimiter).filter(Boolean),
    identity: `${host}:${process.pid}`,
    host,
  };
}

/** `a, b` */
function listOf(text: string): string[] {
  return text
    .split(',')
    .map((name) => name.trim())
    .filter(Boolean);
}

function inClone(): boolean {
  return (
    existsSync(resolve(programFolder, '..', 'runbook')) &&
    existsSync(resolve(programFolder, '..', '.git'))
  );
}
