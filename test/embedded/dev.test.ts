import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import type { DevConnection } from '../../embedded/connection.js';
import { homePaths } from '../../embedded/home.js';
import { freePort } from '../../embedded/ports.js';
import { DevProcess, type DevProcessOptions } from './dev-process.js';
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

  it('refuses a second one in the same home, with the way to the first', async () => {
    const dev = start();
    const connection = await dev.up();
    const second = start();
    expect(await second.end()).toBe(1);
    expect(second.output).toContain('already runs here');
    expect(second.output).toContain(connection.uiUrl);
    expect(await query(connection.databaseUrl, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
    expect(await dev.end('SIGINT')).toBe(0);
  });

  it('runs beside another home', async () => {
    const other = start({ home: join(folder, 'the other home') });
    const first = await other.up();
    const dev = start();
    const second = await dev.up();
    expect(second.address).not.toBe(first.address);
    expect(second.uiUrl).not.toBe(first.uiUrl);
    expect(await Promise.all([dev.end('SIGINT'), other.end('SIGINT')])).toEqual([0, 0]);
    await noProcessesOf(folder);
  });

  it('starts a worker again that ended by itself, and says so', async () => {
    const dev = start();
    await dev.up();
    const [, pid] = await dev.says(/worker ready (\d+)/);
    const from = dev.output.length;
    process.kill(Number(pid), 'SIGKILL');
    await dev.says(/the worker ended \(SIGKILL\); it is started again/, from);
    const [, next] = await dev.says(/worker ready (\d+)/, from);
    expect(next).not.toBe(pid);
    expect(await dev.end('SIGINT')).toBe(0);
    await noProcessesOf(folder);
  });

  it('stops the rest when a server ends by itself, with exit code 1', async () => {
    const dev = start();
    await dev.up();
    const [postmaster] = readFileSync(
      join(home, 'dev', 'postgres', 'data', 'postmaster.pid'),
      'utf8',
    ).split('\n');
    process.kill(Number(postmaster), 'SIGQUIT');
    expect(await dev.end()).toBe(1);
    expect(dev.output).toContain('PostgreSQL ended by itself');
    await noProcessesOf(folder);
  });
});

/** Something in PostgreSQL and something in Temporal. */
async function leaveTraces({ databaseUrl, address }: DevConnection): Promise<void> {
  await query(databaseUrl, `CREATE TABLE kept AS SELECT 'still here' AS text`);
  await withTemporal(address, (client) =>
    client.workflow.start('nobody-runs-this', { workflowId: 'kept', taskQueue: 'none' }),
  );
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
