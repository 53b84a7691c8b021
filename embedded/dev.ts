import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { runsLink } from '../common/ui-link.js';
import { BackupKeeper } from './backup/keeper.js';
import { restoreRecord } from './backup/restore.js';
import { findPostgres } from './binaries.js';
import { readConnection, type DevConnection } from './connection.js';
import { EmbeddedError } from './errors.js';
import {
  exampleDatabase,
  exampleNames,
  refuseUnknownExample,
  startExample,
  type Example,
} from './example.js';
import { readJson, removeFile, writeJson } from './files.js';
import { cacheFolder, homePaths, projectRoot, runbookHome, type HomePaths } from './home.js';
import { endProcess, idOf, type ProcessId } from './process.js';
import { ServerKeeper } from './server-keeper.js';
import { postgresFolder, startServices } from './services.js';
import { onStopRequest } from './stop-request.js';
import { watchFolders } from './watch-folders.js';
import { WorkerKeeper, type WorkerOptions } from './worker-keeper.js';

export interface DevOptions extends WorkerOptions {
  /** Folders of runbooks; when a file in them changes, the worker is started again. */
  library: readonly string[];
  home?: string;
  stdout: NodeJS.WritableStream;
  stderr: NodeJS.WritableStream;
  /** Folder for a backup of the record, kept while it runs. */
  backupTo?: string | undefined;
  /** Folder with such a backup, which a new home begins from. */
  restoreFrom?: string | undefined;
  /** A system to try runbooks on. */
  example?: string | undefined;
  /** How the command line is called, for the commands that are printed. */
  command: string;
}

/** Where the servers listen when these ports are free. */
const usualPorts = { temporal: 7233, ui: 8233, postgres: 5433 };

/**
 * Temporal, PostgreSQL and a worker in one terminal, until Ctrl-C. What ends by itself is started
 * again. Data and ports stay the same between starts; what a supervisor that was killed left
 * running is ended by the next one.
 * @returns the exit code
 * @throws EmbeddedError
 */
export async function runDev(options: DevOptions): Promise<number> {
  const home = options.home ?? runbookHome(options.env);
  const paths = homePaths(home);
  mkdirSync(paths.dev, { recursive: true, mode: 0o755 });
  const tell = (line: string): void => void options.stdout.write(`${line}\n`);
  if (options.example !== undefined) refuseUnknownExample(options.example);
  refuseSecond(home);
  await endLeftovers(paths.processes);
  if (options.restoreFrom !== undefined) await restore(options.restoreFrom, paths, tell);

  const stop = stopRequest();
  const mine = idOf(process.pid);
  const processes: ProcessId[] = [];
  const remember = (id: ProcessId): void => {
    processes.push(id);
    writeJson(paths.processes, processes);
  };

  const replaced = (before: ProcessId, now: ProcessId): void => {
    // In its place: the order is the one in which they are ended.
    const at = processes.findIndex(({ pid }) => pid === before.pid);
    processes.splice(Math.max(0, at), at === -1 ? 0 : 1, now);
    writeJson(paths.processes, processes);
  };

  const services = await startServices({
    home: paths.dev,
    databases: ['runbook', ...(options.example === undefined ? [] : [exampleDatabase])],
    ports: readJson<typeof usualPorts>(paths.ports) ?? usualPorts,
    say: tell,
    log: (line) => void options.stderr.write(`${line}\n`),
  });
  remember(services.temporal.id);
  remember(services.postgres.id);
  writeJson(paths.ports, {
    temporal: services.temporal.port,
    ui: services.temporal.uiPort,
    postgres: services.postgres.port,
  });
  if (options.example === undefined) ensureFiles(options, tell);

  let example: Example | undefined;
  let backup: BackupKeeper | undefined;
  let unwatch = (): void => undefined;
  const worker = new WorkerKeeper(options, services, home, remember, tell);
  const kept = { say: tell, replaced, giveUp: () => stop.request(1) };
  const { again } = services;
  const temporal = new ServerKeeper(services.temporal, {
    ...{ title: 'Temporal', again: again.temporal, ...kept },
  });
  const postgres = new ServerKeeper(services.postgres, {
    ...{ title: 'PostgreSQL', again: again.postgres, ...kept },
  });
  try {
    const url = services.database('postgres');
    await BackupKeeper.off(url);
    if (options.backupTo !== undefined) {
      const { programs } = services.postgres;
      backup = await BackupKeeper.start({
        programs,
        url,
        folder: resolve(options.backupTo),
        say: tell,
        remember,
      });
    }
    if (options.example !== undefined) {
      example = await startExample({
        name: options.example,
        folder: join(home, 'examples', options.example),
        databaseUrl: services.database(exampleDatabase),
        command: options.command,
        env: options.env ?? process.env,
        remember,
        tell,
      });
      worker.use(example.workerEnv);
    }
    await Promise.race([worker.start(), stop.promise]);
    unwatch = watchFolders(options.library, (file) => {
      tell(`${file} changed: the worker is started again with it`);
      worker.restart();
    });
    if (!stop.requested) {
      const connection: DevConnection = {
        address: services.address,
        namespace: services.namespace,
        taskQueue: options.taskQueue,
        uiUrl: services.uiUrl,
        databaseUrl: services.databaseUrl,
        supervisor: mine,
        startedAt: new Date().toISOString(),
      };
      writeJson(paths.connection, connection);
      const env = { ...(options.env ?? process.env), ...example?.workerEnv };
      const places = {
        data: paths.dev,
        targets: resolve(env['RUNBOOK_TARGETS'] ?? 'targets.yaml'),
      };
      tell(greeting(connection, options.command, places, example?.hints));
    }
    return await stop.promise;
  } finally {
    tell('stopping …');
    unwatch();
    await worker.stop();
    await example?.stop();
    backup?.retire();
    // Temporal first: it is what writes most; PostgreSQL has everything on disk anyway.
    await temporal.stop();
    await postgres.stop();
    await backup?.ended();
    removeFile(paths.connection);
    removeFile(paths.processes);
    tell('stopped; the data are kept');
  }
}

/**
 * Begins from a backup of the record. What ran then has no Temporal any more: the workers are told
 * so.
 * @throws EmbeddedError
 */
async function restore(
  from: string,
  paths: HomePaths,
  tell: (line: string) => void,
): Promise<void> {
  const programs = await findPostgres(cacheFolder(), tell);
  const found = await restoreRecord({
    programs,
    folder: postgresFolder(paths.dev),
    from: resolve(from),
    say: tell,
  });
  writeJson(paths.restored, found);
  for (const { backup, why } of found.refused) tell(`backup ${backup} could not be used: ${why}`);
  tell(`the record is back${found.upTo ? `, with all that was written until ${found.upTo}` : ''}`);
  if (found.behindSince !== null)
    tell(
      `the backup was behind since ${found.behindSince}: what was done after that may be ` +
        'missing, look at the targets',
    );
  tell(
    'runs that were under way are closed within a minute; ' +
      'what their steps did is unknown, and they say so',
  );
}

/** One `dev` to a home: two would fight over the same data. */
function refuseSecond(home: string): void {
  const running = readConnection(home);
  if (!running?.alive) return;
  const { address, uiUrl, supervisor } = running.connection;
  throw new EmbeddedError(
    'runbook dev, or a demo that was kept, already runs here ' +
      `(process ${supervisor.pid}): Temporal ${address}, UI ${uiUrl}. ` +
      'Use it, stop it with Ctrl-C in its terminal, or start another ' +
      'one with RUNBOOK_HOME set to a folder of its own.',
  );
}

/**
 * What a supervisor that was killed could not stop any more. Each is told apart from a stranger by
 * its start time.
 */
async function endLeftovers(file: string): Promise<void> {
  const left = readJson<ProcessId[]>(file) ?? [];
  // The worker is last in the list and first to go.
  for (const id of left.reverse()) await endProcess(id, 'SIGTERM', 10_000);
  removeFile(file);
}

interface StopRequest {
  readonly requested: boolean;
  promise: Promise<number>;
  request(code: number): void;
}

/** Asked from outside, or from here. */
function stopRequest(): StopRequest {
  let requested = false;
  let resolve: (code: number) => void = () => undefined;
  const promise = new Promise<number>((done) => {
    resolve = done;
  });
  const request = (code: number): void => {
    requested = true;
    resolve(code);
  };
  onStopRequest(() => request(0));
  return {
    get requested() {
      return requested;
    },
    promise,
    request,
  };
}

/**
 * A first start has no targets and no secrets yet: empty files, so that the worker runs and says
 * what is missing.
 */
function ensureFiles(options: DevOptions, tell: (line: string) => void): void {
  const env = options.env ?? process.env;
  for (const [name, content, setting] of [
    ['targets.yaml', 'targets: {}\n', env['RUNBOOK_TARGETS']],
    ['secrets.yaml', 'secrets: {}\n', env['RUNBOOK_SECRETS']],
  ] as const) {
    if (setting !== undefined || existsSync(name)) continue;
    writeFileSync(name, content, { mode: 0o600, flag: 'wx' });
    tell(
      `${resolve(name)} did not exist: an empty one was made; see ` +
        `${join(projectRoot, 'docs', 'targets-and-secrets.md')}`,
    );
    if (name !== 'targets.yaml') continue;
    for (const example of exampleNames())
      tell(`something to try runbooks on: ${options.command} dev --example ${example}`);
  }
}

function greeting(
  connection: DevConnection,
  command: string,
  places: { data: string; targets: string },
  hints: readonly string[] = [],
): string {
  return [
    '',
    `Temporal     ${connection.address}`,
    `Temporal UI  ${runsLink(connection.uiUrl, connection.namespace)}`,
    `PostgreSQL   ${new URL(connection.databaseUrl).host}`,
    `data         ${places.data}`,
    `targets      ${places.targets}`,
    '',
    `In another terminal:  ${command} list   ${command} doctor`,
    ...(hints.length > 0 ? [...hints, ''] : []),
    'Ctrl-C stops everything; the data are kept.',
    '',
  ].join('\n');
}
