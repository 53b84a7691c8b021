import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { connect } from 'node:net';
import { dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { execa } from 'execa';
import { EmbeddedError } from './errors.js';
import { choosePort, freePort, portWasTaken } from './ports.js';
import { ServerProcess, type ProcessId } from './process.js';

const readyMs = 60_000;

/**
 * As shipped, the only shard of the development server polls its queues at most 20 times a second,
 * which costs every dispatched task 50 ms; a step fell from 50 ms to 13 ms with these. Durability
 * stays as it is.
 */
const quickerQueues = [
  'history.transferProcessorMaxPollRPS=2000',
  'history.timerProcessorMaxPollRPS=2000',
  'history.transferProcessorMaxPollHostRPS=10000',
  'history.timerProcessorMaxPollHostRPS=10000',
];

export interface TemporalOptions {
  /** The `temporal` program, from findTemporal. */
  program: string;
  databaseFile: string;
  port?: number | undefined;
  uiPort?: number | undefined;
  /** It was there before: it has data, and listens on these ports and no others. */
  isBack?: boolean;
  /** Search attribute → type. */
  searchAttributes: Readonly<Record<string, string>>;
  /**
   * How long the history of ended runs is kept; the development server's own default, a day, unless
   * said.
   */
  retentionDays?: number;
  /** More dynamic configuration, `key=value`. */
  dynamicConfig?: readonly string[];
  log?: ((line: string) => void) | undefined;
  say?: ((line: string) => void) | undefined;
  /** How a port is chosen; tests put a taken one here. */
  pickPort?: (wanted: number | undefined) => Promise<number>;
}

interface Ports {
  port: number;
  uiPort: number;
}

export interface Temporal {
  address: string;
  namespace: string;
  uiUrl: string;
  port: number;
  uiPort: number;
  id: ProcessId;
  server: ServerProcess;
  stop(): Promise<void>;
}

/**
 * Starts Temporal's development server on loopback, with its database file and its UI.
 * @throws EmbeddedError
 */
export async function startTemporal(options: TemporalOptions): Promise<Temporal> {
  if (options.isBack && !existsSync(options.databaseFile))
    throw new EmbeddedError(`its data are not in ${options.databaseFile} any more`);
  await mkdir(dirname(options.databaseFile), { recursive: true });
  const { server, port, uiPort } = await startPatiently(options);
  if (options.port !== undefined && port !== options.port)
    options.say?.(`port ${options.port} is taken: Temporal listens on ${port}`);
  if (options.uiPort !== undefined && uiPort !== options.uiPort)
    options.say?.(`port ${options.uiPort} is taken: the Temporal UI is on ${uiPort}`);
  return {
    address: `127.0.0.1:${port}`,
    namespace: 'default',
    uiUrl: `http://127.0.0.1:${uiPort}`,
    port,
    uiPort,
    id: server.id,
    server,
    stop: () => server.stop('SIGTERM', 20_000),
  };
}

/**
 * Starts the server on the wanted ports, or on others when somebody else has them or is quicker. A
 * database file that the server before has only just let go of is locked for a moment more.
 */
async function startPatiently(
  options: TemporalOptions,
): Promise<Ports & { server: ServerProcess }> {
  const { isBack = false, pickPort = isBack ? sameOrAny : choosePort } = options;
  let wanted: { port?: number | undefined; uiPort?: number | undefined } = {
    port: options.port,
    uiPort: options.uiPort ?? (options.port === undefined ? undefined : options.port + 1_000),
  };
  for (let attempt = 1; ; attempt += 1) {
    const ports = { port: await pickPort(wanted.port), uiPort: await pickPort(wanted.uiPort) };
    const args = await argumentsFor(options, ports);
    const server = ServerProcess.start('the Temporal server', options.program, args, {
      log: options.log,
    });
    try {
      const { port, uiPort } = ports;
      // It answers before its UI listens, and ends when the UI cannot: another one was quicker at
      // that port.
      await server.untilReady(
        async () =>
          (await accepts(port)) &&
          (await accepts(uiPort)) &&
          (await healthy(options.program, port)),
        readyMs,
      );
      if (options.retentionDays !== undefined)
        await setRetention(options.program, `127.0.0.1:${port}`, 'default', options.retentionDays);
      return { server, ...ports };
    } catch (error) {
      await server.stop();
      const portTaken = server.said(portWasTaken);
      if (attempt >= 5 || (!portTaken && !server.said(/SQLITE_BUSY|database is locked/)))
        throw error;
      if (portTaken && !isBack) wanted = {};
      else await delay(300 * attempt);
    }
  }
}

/** The wanted port, whether it is free or not. */
function sameOrAny(wanted: number | undefined): Promise<number> {
  return wanted === undefined ? freePort() : Promise.resolve(wanted);
}

async function argumentsFor(options: TemporalOptions, { port, uiPort }: Ports): Promise<string[]> {
  return [
    ...[
      'server',
      'start-dev',
      '--ip',
      '127.0.0.1',
      '--port',
      String(port),
      '--ui-ip',
      '127.0.0.1',
      '--ui-port',
      String(uiPort),
    ],
    ...[
      '--metrics-port',
      String(await freePort()),
      '--ui-disable-news-fetch',
      '--log-level',
      'error',
    ],
    ...['--db-filename', options.databaseFile, '--sqlite-pragma', 'journal_mode=wal'],
    ...[...quickerQueues, ...(options.dynamicConfig ?? [])].flatMap((setting) => [
      '--dynamic-config-value',
      setting,
    ]),
    ...Object.entries(options.searchAttributes).flatMap(([name, type]) => [
      '--search-attribute',
      `${name}=${type}`,
    ]),
  ];
}

function accepts(port: number): Promise<boolean> {
  return new Promise((answer) => {
    const socket = connect({ port, host: '127.0.0.1' });
    socket.once('connect', () => {
      socket.destroy();
      answer(true);
    });
    socket.once('error', () => answer(false));
  });
}

async function healthy(program: string, port: number): Promise<boolean> {
  const address = ['--address', `127.0.0.1:${port}`];
  const { exitCode } = await execa(
    program,
    ['operator', 'namespace', 'describe', 'default', ...address],
    {
      reject: false,
      timeout: 10_000,
    },
  );
  return exitCode === 0;
}

/** @throws EmbeddedError */
async function setRetention(
  program: string,
  address: string,
  namespace: string,
  days: number,
): Promise<void> {
  const result = await execa(
    program,
    [
      'operator',
      'namespace',
      'update',
      '--retention',
      `${days}d`,
      '--namespace',
      namespace,
      '--address',
      address,
    ],
    { reject: false },
  );
  if (result.exitCode !== 0)
    throw new EmbeddedError(
      `the retention of namespace ${namespace} could not be set: ${String(result.stderr ?? '')}`,
    );
}
