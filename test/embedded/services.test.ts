import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { connect } from 'node:net';
import { networkInterfaces } from 'node:os';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { choosePort } from '../../embedded/ports.js';
import { startServices, type Services } from '../../embedded/services.js';
import { testFolder } from '../helpers/folder.js';
import { clear, noProcessesOf, query, TakenPort } from './support.js';

describe('Temporal and PostgreSQL of a home whose path has spaces, with the wanted ports taken', () => {
  let folder: string;
  let home: string;
  let services: Services;
  let taken: TakenPort[];
  const said: string[] = [];

  beforeAll(async () => {
    folder = testFolder('runbook services ');
    home = join(folder, 'a home');
    taken = await Promise.all([TakenPort.take(), TakenPort.take(), TakenPort.take()]);
    const [temporal, ui, postgres] = taken.map(({ port }) => port) as [number, number, number];
    services = await startServices({
      home,
      ports: { temporal, ui, postgres },
      say: (line) => said.push(line),
    });
  });

  afterAll(async () => {
    await services.stop();
    for (const port of taken) await port.free();
    await clear(folder);
  });

  it('listens on other ports and says which', () => {
    const { temporal, postgres } = services;
    const all = said.join('\n');
    expect(taken.map(({ port }) => port)).not.toEqual(expect.arrayContaining([temporal.port]));
    for (const [wanted, chosen] of [
      [taken[0], temporal.port],
      [taken[1], temporal.uiPort],
      [taken[2], postgres.port],
    ] as const) {
      expect(all).toMatch(new RegExp(`port ${wanted?.port} is taken: .* ${chosen}\\b`));
    }
  });

  it('answers: the UI, and the record over SQL with durable settings and UTF-8', async () => {
    expect((await fetch(services.uiUrl)).status).toBe(200);
    const [settings] = await query<Record<string, string>>(
      services.databaseUrl,
      `SELECT current_setting('fsync') AS fsync, current_setting('synchronous_commit') AS commits,
              current_setting('server_encoding') AS encoding, current_setting('password_encryption') AS passwords,
              current_setting('unix_socket_directories') AS sockets`,
    );
    expect(settings).toEqual({
      fsync: 'on',
      commits: 'on',
      encoding: 'UTF8',
      passwords: 'scram-sha-256',
      sockets: '',
    });
  });

  it('lets nobody in without the password, which only its owner can read', async () => {
    const stranger = new URL(services.databaseUrl);
    stranger.password = 'guess';
    await expect(query(stranger.href, 'SELECT 1')).rejects.toThrow(
      /password authentication failed/,
    );
    expect(statSync(join(home, 'postgres', 'password')).mode & 0o077).toBe(0);
  });

  it('is reached over loopback only', async () => {
    const outside = Object.values(networkInterfaces())
      .flat()
      .filter((each) => each?.family === 'IPv4' && !each.internal)
      .map((each) => each?.address ?? '');
    const ports = [services.temporal.port, services.temporal.uiPort, services.postgres.port];
    for (const port of ports) {
      expect(await accepts('127.0.0.1', port)).toBe(true);
      for (const host of outside)
        expect([host, port, await accepts(host, port)]).toEqual([host, port, false]);
    }
  });

  it('stands beside another home', async () => {
    const other = await startServices({ home: join(folder, 'another home') });
    try {
      await query(other.databaseUrl, 'CREATE TABLE only_there ()');
      expect(
        await query(services.databaseUrl, `SELECT to_regclass('only_there') AS found`),
      ).toEqual([{ found: null }]);
      expect(other.address).not.toBe(services.address);
    } finally {
      await other.stop();
    }
  });

  it('starts on other ports when somebody takes the chosen ones just before', async () => {
    const quicker = await Promise.all([TakenPort.take(), TakenPort.take(), TakenPort.take()]);
    const chosen = quicker.map(({ port }) => port);
    const other = await startServices({
      home: join(folder, 'a slower home'),
      pickPort: (wanted) =>
        Promise.resolve(chosen.shift()).then((port) => port ?? choosePort(wanted)),
    });
    try {
      expect(chosen).toEqual([]);
      const ports = [other.temporal.port, other.temporal.uiPort, other.postgres.port];
      for (const { port } of quicker) expect(ports).not.toContain(port);
      expect(await query(other.databaseUrl, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
    } finally {
      await other.stop();
      for (const port of quicker) await port.free();
    }
  });

  it('keeps its data when it is stopped, leaves no process, and starts on the same ports when they are free', async () => {
    await query(services.databaseUrl, `CREATE TABLE kept AS SELECT 'still here' AS text`);
    const { temporal, postgres } = services;
    await services.stop();
    await noProcessesOf(folder);
    services = await startServices({
      home,
      ports: { temporal: temporal.port, ui: temporal.uiPort, postgres: postgres.port },
    });
    expect(await query(services.databaseUrl, 'SELECT text FROM kept')).toEqual([
      { text: 'still here' },
    ]);
    expect([services.temporal.port, services.temporal.uiPort, services.postgres.port]).toEqual([
      temporal.port,
      temporal.uiPort,
      postgres.port,
    ]);
  });
});

function accepts(host: string, port: number): Promise<boolean> {
  return new Promise((answer) => {
    const socket = connect({ host, port, timeout: 2_000 });
    const end = (accepted: boolean) => (): void => {
      socket.destroy();
      answer(accepted);
    };
    socket.once('connect', end(true)).once('error', end(false)).once('timeout', end(false));
  });
}
