import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { appendFile, chown, cp, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { execa } from 'execa';
import { mayEnter, serverAccount, type Account } from './account.js';
import { withClient } from './client.js';
import { EmbeddedError } from './errors.js';
import { folderKey } from './home.js';
import { choosePort, portWasTaken } from './ports.js';
import { endProcess, ServerProcess, startOf, type ProcessId } from './process.js';

/** Role of all databases. */
export const superuser = 'runbook';
/** A server that replays needs as many as the one that it replays of. */
export const mostConnections = 'max_connections=200';
const readyMs = 60_000;

/**
 * Lines that alarm people and mean nothing: the answer to those who ask too early, us first of all;
 * and that a client has ended without a goodbye, as a worker does that is killed.
 */
const harmless = [
  /FATAL: {2}the database system is (starting up|not yet accepting)/,
  /DETAIL: {2}Consistent recovery/,
  /LOG: {2}unexpected EOF on client connection/,
  /LOG: {2}could not receive data from client: (Connection reset by peer|Broken pipe)/,
  /LOG: {2}could not send data to client: (Connection reset by peer|Broken pipe)/,
  /FATAL: {2}connection to client lost/,
];

/** Whether a line of the server's log is one that people need not see. */
function isHarmless(line: string): boolean {
  return harmless.some((pattern) => pattern.test(line));
}

export interface PlaceOptions {
  /** Folder of the programs, from findPostgres. */
  programs: string;
  /**
   * Where the data should live; root's private folders are left for one that the server's account
   * can enter.
   */
  folder: string;
  log?: ((line: string) => void) | undefined;
  say?: ((line: string) => void) | undefined;
}

export interface PostgresOptions extends PlaceOptions {
  port?: number | undefined;
  /** It was there before: it has data, and listens on that port and no other. */
  isBack?: boolean;
  databases?: readonly string[];
  /** How a port is chosen; tests put a taken one here. */
  pickPort?: (wanted: number | undefined) => Promise<number>;
}

export interface Postgres {
  /** Folder of its programs, where the server's account can get at them. */
  programs: string;
  port: number;
  id: ProcessId;
  /** Address of a database, password included: for processes of ours, never for logs. */
  url(database: string): string;
  server: ServerProcess;
  stop(): Promise<void>;
}

/**
 * Starts PostgreSQL on loopback with a data folder of its own, made on the first start; passwords
 * by SCRAM, fsync on. Data survive; what an earlier supervisor left running on the same data is
 * stopped first.
 * @throws EmbeddedError
 */
export async function startPostgres(options: PostgresOptions): Promise<Postgres> {
  const { account, folder, programs, data, passwordFile } = await placeOf(options);
  const hasData = existsSync(join(data, 'PG_VERSION'));
  if (options.isBack && !hasData) throw new EmbeddedError(`its data are not in ${data} any more`);
  if (!hasData) await initialise(programs, folder, data, passwordFile, account);
  await endLeftover(data);

  const password = (await readFile(passwordFile, 'utf8')).trim();
  const url = (port: number, database: string): string =>
    `postgres://${superuser}:${encodeURIComponent(password)}@127.0.0.1:${port}/${database}`;
  const { server, port } = await startListening(options, (chosen) => ({
    program: join(programs, 'postgres'),
    data,
    folder,
    account,
    adminUrl: url(chosen, 'postgres'),
  }));
  if (options.port !== undefined && port !== options.port)
    options.say?.(`port ${options.port} is taken: PostgreSQL listens on ${port}`);
  try {
    for (const database of options.databases ?? [])
      await createDatabase(url(port, 'postgres'), database);
  } catch (error) {
    await server.stop('SIGINT');
    throw error;
  }
  // SIGINT is PostgreSQL's fast shutdown: sessions are ended, data are written.
  return {
    ...{ programs, port, id: server.id, server },
    url: (database) => url(port, database),
    stop: () => server.stop('SIGINT', 30_000),
  };
}

/** Where programs and data of the server are, and whom it runs as. */
export interface Place {
  account: Account | undefined;
  folder: string;
  programs: string;
  data: string;
  passwordFile: string;
}

/** Finds or makes a place that the server's account can enter. */
export async function placeOf({ folder: wanted, programs, say }: PlaceOptions): Promise<Place> {
  const account = serverAccount();
  const folder = await reachable(wanted, account, say);
  return {
    account,
    folder,
    programs: await reachablePrograms(programs, account, say),
    data: join(folder, 'data'),
    passwordFile: join(folder, 'password'),
  };
}

interface Launch {
  program: string;
  data: string;
  folder: string;
  account: Account | undefined;
  adminUrl: string;
}

/**
 * Starts the server on the wanted port, or on another one when somebody else has it or is quicker.
 */
async function startListening(
  { port: wanted, isBack = false, log, pickPort = choosePort }: PostgresOptions,
  launch: (port: number) => Launch,
): Promise<{ server: ServerProcess; port: number }> {
  for (let attempt = 1; ; attempt += 1) {
    const port =
      isBack && wanted !== undefined ? wanted : await pickPort(attempt === 1 ? wanted : undefined);
    const { program, data, folder, account, adminUrl } = launch(port);
    const settings = [
      `port=${port}`,
      'listen_addresses=127.0.0.1',
      'unix_socket_directories=',
      mostConnections,
    ];
    const args = ['-D', data, ...settings.flatMap((setting) => ['-c', setting])];
    const server = ServerProcess.start('PostgreSQL', program, args, {
      ...{ account, cwd: folder },
      log: log && ((line) => void (isHarmless(line) || log(line))),
    });
    try {
      await server.untilReady(() => answers(adminUrl), readyMs);
      return { server, port };
    } catch (error) {
      await server.stop('SIGINT');
      if (attempt >= 5 || !server.said(portWasTaken)) throw error;
    }
  }
}

/** Creates a database unless it exists. */
async function createDatabase(adminUrl: string, name: string): Promise<void> {
  await withClient(adminUrl, async (client) => {
    const { rowCount } = await client.query('SELECT 1 FROM pg_database WHERE datname = $1', [name]);
    if (rowCount === 0) await client.query(`CREATE DATABASE ${client.escapeIdentifier(name)}`);
  });
}

function answers(url: string): Promise<boolean> {
  return withClient({ connectionString: url, connectionTimeoutMillis: 2_000 }, (client) =>
    client.query('SELECT 1'),
  ).then(
    () => true,
    () => false,
  );
}

/**
 * Made beside and renamed into place, so that a start that was interrupted leaves nothing half
 * done.
 */
async function initialise(
  programs: string,
  folder: string,
  data: string,
  passwordFile: string,
  account: Account | undefined,
): Promise<void> {
  const half = `${data}.new`;
  await rm(half, { recursive: true, force: true });
  await rm(data, { recursive: true, force: true });
  await writeFile(passwordFile, `${randomBytes(24).toString('base64url')}\n`, { mode: 0o600 });
  if (account) await chown(passwordFile, account.uid, account.gid);
  const result = await execa(
    join(programs, 'initdb'),
    [
      '-D',
      half,
      '-U',
      superuser,
      '--encoding=UTF8',
      '--locale=C',
      '--auth=scram-sha-256',
      `--pwfile=${passwordFile}`,
    ],
    {
      reject: false,
      cwd: folder,
      stdin: 'ignore',
      ...(account ? { uid: account.uid, gid: account.gid } : {}),
    },
  );
  if (result.exitCode !== 0) {
    throw new EmbeddedError(
      `PostgreSQL's data folder could not be made in ${folder}: ` +
        `${String(result.stderr ?? '').trim() || result.shortMessage}`,
    );
  }
  // Also in the file: each reload would complain that it cannot be changed back.
  await appendFile(join(half, 'postgresql.conf'), `\n${mostConnections}\n`);
  await rename(half, data);
}

/**
 * A server that outlived its supervisor still holds the data; it is ended the clean way before a
 * new one starts.
 */
async function endLeftover(data: string): Promise<void> {
  const pidFile = join(data, 'postmaster.pid');
  const [line] = (await readFile(pidFile, 'utf8').catch(() => '')).split('\n');
  const pid = Number(line);
  if (!Number.isInteger(pid) || pid <= 0) return;
  const started = startOf(pid);
  if (started === undefined || !(await runsOn(pid, data))) return;
  await endProcess({ pid, started }, 'SIGINT', 20_000);
}

/** Is this process a PostgreSQL on this very folder? Process numbers come round again. */
async function runsOn(pid: number, data: string): Promise<boolean> {
  if (process.platform === 'linux')
    return (await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => ''))
      .split('\0')
      .includes(data);
  const { stdout } = await execa('ps', ['-o', 'command=', '-p', String(pid)], { reject: false });
  return String(stdout ?? '').includes(data);
}

/**
 * The folder, or another one when the server's account cannot get to it (a clone under root's
 * private home).
 */
async function reachable(
  folder: string,
  account: Account | undefined,
  say?: (line: string) => void,
): Promise<string> {
  await mkdir(folder, { recursive: true });
  if (!account) return folder;
  let chosen = folder;
  if (!mayEnter(dirname(folder), account)) {
    chosen = await elsewhere(`postgres-${folderKey(folder)}`);
    say?.(`user ${account.name} cannot enter ${folder}: PostgreSQL's data are in ${chosen}`);
  }
  await mkdir(chosen, { recursive: true, mode: 0o755 });
  await chown(chosen, account.uid, account.gid);
  return chosen;
}

/** The programs, or a copy of them that the server's account can enter. */
export async function reachablePrograms(
  programs: string,
  account: Account | undefined,
  say?: (line: string) => void,
): Promise<string> {
  if (!account || mayEnter(programs, account)) return programs;
  // …/embedded_postgres/pginstall/bin, with its libraries in a folder beside embedded_postgres
  const root = dirname(dirname(dirname(programs)));
  const copy = await elsewhere(`programs-${basename(root)}`);
  if (!existsSync(copy)) {
    const half = `${copy}.${process.pid}`;
    await cp(root, half, { recursive: true, verbatimSymlinks: true });
    await rename(half, copy).catch(() => rm(half, { recursive: true, force: true }));
    say?.(
      `user ${account.name} cannot enter ${root}: PostgreSQL's programs were copied to ${copy}`,
    );
  }
  return join(copy, ...programs.slice(root.length + 1).split('/'));
}

/** A place that every account can enter. */
async function elsewhere(name: string): Promise<string> {
  for (const base of ['/var/lib/durable-runbooks', join(tmpdir(), 'durable-runbooks')]) {
    try {
      await mkdir(base, { recursive: true, mode: 0o755 });
      return join(base, name);
    } catch {
      continue;
    }
  }
  throw new EmbeddedError(
    'there is no folder that both we and the PostgreSQL account can use. Set RUNBOOK_HOME to one.',
  );
}
