import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { tmpdir } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import type { RunView } from '../../common/view.js';
import type { WorkerProcess } from '../../examples/demo/worker.js';
import { createTestDatabase } from '../helpers/database.js';
import { Engine } from '../helpers/engine.js';
import { until } from '../../lab/until.js';
import { effectsFile } from './effects-file.js';
import { asking, standstill } from './standstill.js';
import { compare } from './world.js';

/** Of the workers: silence after which one counts as dead, in milliseconds. */
export const heartbeatMs = 4_000;

export interface KillOptions {
  runs: number;
  /** Rounds of a run; each has one effect of every kind. */
  rounds: number;
  kills: number;
  /**
   * After so many of them it is measured how long they hold everything up; at most every second
   * one.
   */
  measured?: number;
  /** Without claims, journals and proofs: plain Temporal activities that append the same lines. */
  bare?: boolean;
  /** The runbook is a file; else it is code. */
  fromFile?: boolean;
}

export interface KillResult {
  effects: number;
  twice: number;
  lost: number;
  finished: number;
  unknown: number;
  kills: number;
  /**
   * Milliseconds after a kill until every run goes on and a decision is judged: the longest; null
   * when it was not measured.
   */
  standstillMs: number | null;
  seconds: number;
}

/**
 * Runs with effects of every kind while workers are killed; then every effect is counted where it
 * happened.
 */
export async function kills(options: KillOptions): Promise<KillResult> {
  const began = performance.now();
  const folder = await mkdtemp(join(tmpdir(), 'runbook-kills-'));
  const target = await createTestDatabase('effects');
  const url = new URL(target.url);
  await writeFile(join(folder, 'password'), decodeURIComponent(url.password), { mode: 0o600 });
  url.password = '';
  const client = new pg.Client(target.url);
  await client.connect();
  await client.query('CREATE TABLE effects (id text)');
  // A service that honours Idempotency-Key: a key that it has seen is answered and has no effect.
  const keys = new Map<string, string>();
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const { id } = JSON.parse(Buffer.concat(chunks).toString()) as { id: string };
      const key = String(request.headers['idempotency-key']);
      if (!keys.has(key)) keys.set(key, id);
      response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const engine = await Engine.start({
    workers: 2,
    ...(options.fromFile ? { library: effectsFile } : {}),
    settings: {
      RUNBOOK_HEARTBEAT_MS: `${heartbeatMs}`,
      ...(options.bare ? { TEST_BARE: '1' } : {}),
    },
    targets: JSON.stringify({
      targets: {
        database: {
          kind: 'webhook',
          environment: 'test',
          postgres: { address: url.href, password: 'password' },
        },
        service: {
          kind: 'webhook',
          environment: 'test',
          http: { address: `http://127.0.0.1:${(server.address() as AddressInfo).port}` },
        },
      },
    }),
    secrets: JSON.stringify({
      secrets: { password: { from: `file:${join(folder, 'password')}`, targets: ['database'] } },
    }),
  });
  try {
    const journal = join(folder, 'journal.txt');
    const handles = await Promise.all(
      Array.from({ length: options.runs }, () => startRun(engine, options, journal)),
    );
    const ended = Promise.allSettled(handles.map((handle) => handle.result()));
    let over = false;
    const noticed = ended.then(() => (over = true));
    const asked = await Promise.all(
      Array.from({ length: options.measured ?? 0 }, () =>
        asking(engine, join(folder, 'gated.txt')),
      ),
    );
    const standstills: number[] = [];
    let killed = 0;
    // The moments need not be the same in every run of this program: any moment will do.
    for (; killed < options.kills && !over; killed += 1) {
      await Promise.race([delay(300 + Math.random() * 1_200), ended]);
      // Plain activities of a dead worker stand still until their heartbeat is missed: a kill in
      // that time would meet no work.
      if (options.bare) {
        const before = await sizeOf(journal);
        await until(
          'another line',
          async () => over || (await sizeOf(journal)) > before,
          60_000,
          10,
        );
      }
      // The eldest: it has had time to take work.
      const worker = engine.workers[0] as WorkerProcess;
      const gate = killed % 2 === 1 && !over ? asked.pop() : undefined;
      if (gate) standstills.push(await standstill(engine, handles, gate, worker));
      else await engine.killWorker(worker);
    }
    while (!over && (options.bare || !(await allAsk(handles, engine))))
      await Promise.race([delay(500), noticed]);
    const lines = (await readFile(journal, 'utf8').catch(() => '')).split('\n').filter(Boolean);
    const rows = (await client.query<{ id: string }>('SELECT id FROM effects')).rows.map(
      ({ id }) => id,
    );
    const wanted = handles.flatMap((handle) =>
      Array.from({ length: options.rounds }, (_, index) => `${handle.workflowId} ${index + 1}`),
    );
    const counts = [lines, ...(options.bare ? [] : [rows, [...keys.values()]])].map((found) =>
      compare(wanted, found),
    );
    const views = options.bare
      ? []
      : await Promise.all(handles.map((handle) => engine.status(handle)));
    return {
      effects: wanted.length * counts.length,
      twice: counts.reduce((sum, { twice }) => sum + twice, 0),
      lost: counts.reduce((sum, { lost }) => sum + lost, 0),
      finished: options.bare
        ? handles.length
        : views.filter(({ state }) => state === 'succeeded').length,
      unknown: views.flatMap(({ steps }) => steps).filter(({ state }) => state === 'unknown')
        .length,
      kills: killed,
      standstillMs: standstills.length > 0 ? Math.max(...standstills) : null,
      seconds: Math.round((performance.now() - began) / 1_000),
    };
  } finally {
    await engine.stop();
    server.closeAllConnections();
    server.close();
    await client.end();
    await target.drop();
    await rm(folder, { recursive: true, force: true });
  }
}

function startRun(engine: Engine, options: KillOptions, journal: string) {
  const { rounds, bare, fromFile } = options;
  if (fromFile) {
    const numbers = Array.from({ length: rounds }, (_, index) => `${index + 1}`);
    return engine.run('chaos-effects', { rounds: numbers, journal });
  }
  if (!bare) return engine.run('test-effects', { rounds, journal });
  const workflowId = `bare-${Math.random().toString(36).slice(2)}`;
  return engine.client.workflow.start('bareEffects', {
    workflowId,
    taskQueue: `${engine.taskQueue}-bare`,
    args: [rounds, workflowId, journal],
  });
}

async function sizeOf(file: string): Promise<number> {
  return (await stat(file).catch(() => ({ size: 0 }))).size;
}

/** Does every run that goes on wait for people? Then nothing more will happen by itself. */
async function allAsk(
  handles: Awaited<ReturnType<typeof startRun>>[],
  engine: Engine,
): Promise<boolean> {
  const views = await Promise.all(
    handles.map((handle) => engine.status(handle).catch((): RunView | null => null)),
  );
  return views.every(
    (view) => view !== null && (view.endedAt !== null || view.waitingFor.length > 0),
  );
}
