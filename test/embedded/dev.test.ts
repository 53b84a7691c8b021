import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import {
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import pg from 'pg';
import { Client, Connection } from '@temporalio/client';
import type { DevConnection } from '../../embedded/connection.js';
import { homePaths } from '../../embedded/home.js';
import { freePort } from '../../embedded/ports.js';
import type { ProcessId } from '../../embedded/process.js';
import { DevProcess, type DevProcessOptions } from './dev-process.js';
import { until } from '../../lab/until.js';
import { testFolder } from '../helpers/folder.js';
import { clear, noProcessesOf, processesOf, query, subfolder } from './support.js';

describe('runbook dev', () => {
  let folder: string;
  let home: string;
  let cwd: string;

  beforeEach(() => {
    folder = testFolder('runbook dev ');
    home = join(folder, 'the home');
    cwd = subfolder(folder, 'work');
  });

  afterEach(() => clear(folder));

  function start(options: Partial<DevProcessOptions> = {}): DevProcess {
    return DevProcess.start({ home, cwd, ...options });
  }

  it('says how it is reached once all is up, and stops cleanly on Ctrl-C with the data kept', async () => {
    // Nobody else wants these while it is down.
    mkdirSync(homePaths(home).dev, { recursive: true });
    const ports = { temporal: await freePort(), ui: await freePort(), postgres: await freePort() };
    writeFileSync(homePaths(home).ports, JSON.stringify(ports));
    const dev = start();
    const connection = await dev.up();
    expect(statSync(homePaths(home).connection).mode & 0o777).toBe(0o600);
    expect(connection).toMatchObject({ namespace: 'default', taskQueue: 'embedded-test' });
    await dev.says(/Ctrl-C stops everything/);
    for (const part of [connection.address, connection.uiUrl, new URL(connection.databaseUrl).host])
      expect(dev.output).toContain(part);
    expect(dev.output).not.toContain(new URL(connection.databaseUrl).password);
    expect(dev.output).toContain(
      'worker    given TEMPORAL_ADDRESS TEMPORAL_NAMESPACE RUNBOOK_TASK_QUEUE RUNBOOK_DATABASE_URL RUNBOOK_UI_URL RUNBOOK_HOME',
    );
    await leaveTraces(connection);
    await endWithoutGoodbye(connection);
    expect(dev.output).not.toMatch(alarming);
    expect(dev.output).toContain(`targets      ${join(cwd, 'targets.yaml')}`);

    expect(await dev.end('SIGINT')).toBe(0);
    expect(dev.output).toContain('worker told to stop');
    expect(existsSync(homePaths(home).connection)).toBe(false);
    await noProcessesOf(folder);

    const again = start();
    const second = await again.up();
    expect([second.address, second.uiUrl, second.databaseUrl]).toEqual([
      connection.address,
      connection.uiUrl,
      connection.databaseUrl,
    ]);
    await findTraces(second);
    expect(await again.end('SIGTERM')).toBe(0);
    await noProcessesOf(folder);
  });

  it('killed with -9 leaves nothing that stops the next start, which ends what was left', async () => {
    const dev = start();
    const connection = await dev.up();
    await leaveTraces(connection);
    await dev.end('SIGKILL');
    const left = processesOf(folder);
    expect(left.length).toBeGreaterThan(0);

    const next = start();
    const second = await next.up();
    expect(processesOf(folder).filter((pid) => left.includes(pid))).toEqual([]);
    await findTraces(second);
    expect(await next.end('SIGINT')).toBe(0);
    await noProcessesOf(folder);
  });
});

describe('one that runs', () => {
  let folder: string;
  let home: string;
  let cwd: string;
  let library: string;
  let dev: DevProcess;
  let connection: DevConnection;

  beforeAll(async () => {
    folder = testFolder('one that runs ');
    home = join(folder, 'the home');
    cwd = subfolder(folder, 'work');
    library = subfolder(folder, 'library');
    dev = DevProcess.start({ home, cwd, env: { RUNBOOK_LIBRARY: library } });
    connection = await dev.up();
  });

  afterAll(() => clear(folder));

  it('refuses a second one in the same home, with the way to the first', async () => {
    const second = DevProcess.start({ home, cwd });
    expect(await second.end()).toBe(1);
    expect(second.output).toContain('already runs here');
    expect(second.output).toContain(connection.uiUrl);
    expect(await query(connection.databaseUrl, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });

  it('starts a worker again that ended by itself, and says so', async () => {
    const [, pid] = await dev.says(/worker ready (\d+)/);
    const from = dev.output.length;
    process.kill(Number(pid), 'SIGKILL');
    await dev.says(/the worker ended \(SIGKILL\); it is started again/, from);
    const [, next] = await dev.says(/worker ready (\d+)/, from);
    expect(next).not.toBe(pid);
  });

  it.each([
    ['is added', (file: string) => writeFileSync(file, 'id: a\n')],
    ['changes', (file: string) => writeFileSync(file, 'id: another\n')],
    ['is removed', (file: string) => rmSync(file)],
  ])('starts the worker again when a file of the library %s', async (_, change) => {
    const file = join(library, 'a.runbook.yaml');
    const from = dev.output.length;
    change(file);
    await dev.says(/a\.runbook\.yaml changed: the worker is started again with it/, from);
    await dev.says(/worker told to stop[^]*worker ready (\d+)/, from);
    expect(dev.output.slice(from)).not.toContain('the worker ended');
  });

  it('starts a server again that was killed, with its data and where it was, in a line', async () => {
    await leaveTraces(connection);
    const [temporal = 0, postgres = 0] = serversOf(home);
    for (const [title, pid] of [
      ['Temporal', temporal],
      ['PostgreSQL', postgres],
    ] as const) {
      const from = dev.output.length;
      process.kill(pid, 'SIGKILL');
      await dev.says(
        new RegExp(
          `^${title} ended by itself \\(SIGKILL\\) and was started again, with its data$`,
          'm',
        ),
        from,
      );
      await findTraces(connection);
    }
    expect(dev.output).not.toMatch(/^postgres .*the database system is/m);
    const now = serversOf(home);
    expect(now).toHaveLength(2);
    expect(now).not.toContain(temporal);
    expect(now).not.toContain(postgres);
  });

  it('runs beside another home, and goes on when that one gives up a server, with exit code 1', async () => {
    const otherHome = join(folder, 'the other home');
    const other = DevProcess.start({ home: otherHome, cwd });
    const second = await other.up();
    expect(second.address).not.toBe(connection.address);
    expect(second.uiUrl).not.toBe(connection.uiUrl);
    const data = dataOf(otherHome);
    renameSync(data, `${data}.away`);
    process.kill(serversOf(otherHome)[1] ?? 0, 'SIGKILL');
    expect(await other.end()).toBe(1);
    const failed =
      /^PostgreSQL ended by itself .*, and could not be started again: its data are not/gm;
    expect(other.output.match(failed)).toHaveLength(5);
    expect(other.output).toMatch(/^PostgreSQL ended by itself .* and is given up/m);
    expect(existsSync(data)).toBe(false);
    await noProcessesOf(otherHome);
    expect(await query(connection.databaseUrl, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });

  it('stops as cleanly when nobody reads what it prints any more', async () => {
    for (const stream of [dev.child.stdout, dev.child.stderr]) stream?.destroy();
    // It learns of that when it has something to say.
    writeFileSync(join(library, 'b.runbook.yaml'), 'id: b\n');
    expect(await dev.end()).toBe(0);
    await noProcessesOf(folder);
  });
});

/** What nobody wants to read at a first start. */
const alarming =
  /^postgres .*(FATAL|ERROR|WARNING|contains errors|cannot be changed|unexpected EOF|reset by peer)/m;

/** The processes of Temporal and of PostgreSQL, in this order. */
function serversOf(home: string): number[] {
  const started = JSON.parse(readFileSync(homePaths(home).processes, 'utf8')) as ProcessId[];
  return started.slice(0, 2).map(({ pid }) => pid);
}

/** PostgreSQL's data; not in the home where its account cannot enter that. */
function dataOf(home: string): string {
  const [, pid] = serversOf(home);
  const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
  return words[words.indexOf('-D') + 1] ?? '';
}

/** Something in PostgreSQL and something in Temporal. */
async function leaveTraces({ databaseUrl, address }: DevConnection): Promise<void> {
  await query(databaseUrl, `CREATE TABLE kept AS SELECT 'still here' AS text`);
  await withTemporal(address, (client) =>
    client.workflow.start('nobody-runs-this', { workflowId: 'kept', taskQueue: 'none' }),
  );
}

/** A client of PostgreSQL ends in the middle of its work, as one that is killed. */
async function endWithoutGoodbye({ databaseUrl }: DevConnection): Promise<void> {
  const client = new pg.Client({ connectionString: databaseUrl });
  client.on('error', () => undefined);
  await client.connect();
  await client.query(`BEGIN; SET LOCAL application_name = 'ends'`);
  const { stream } = (client as unknown as { connection: { stream: Socket } }).connection;
  stream.destroy();
  await until('PostgreSQL to notice', async () => {
    const sessions = `SELECT FROM pg_stat_activity WHERE application_name = 'ends'`;
    return (await query(databaseUrl, sessions)).length === 0;
  });
}

async function findTraces({ databaseUrl, address }: DevConnection): Promise<void> {
  expect(await query(databaseUrl, 'SELECT text FROM kept')).toEqual([{ text: 'still here' }]);
  const { type, status } = await withTemporal(address, (client) =>
    client.workflow.getHandle('kept').describe(),
  );
  expect([type, status.name]).toEqual(['nobody-runs-this', 'RUNNING']);
}

async function withTemporal<T>(address: string, work: (client: Client) => Promise<T>): Promise<T> {
  const connection = await Connection.connect({ address });
  try {
    return await work(new Client({ connection }));
  } finally {
    await connection.close();
  }
}
