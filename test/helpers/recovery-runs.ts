import { randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from '@jest/globals';
import { Client, Connection, type WorkflowHandle } from '@temporalio/client';
import { payloadCodec } from '../../common/payload-codec.js';
import type { DecisionEnvelope, StartEnvelope, Verdict } from '../../common/envelope.js';
import { rulesOfQuestion } from '../../common/questions.js';
import { messageNames, workflowTaskTimeout } from '../../common/defaults.js';
import type { RunView } from '../../common/view.js';
import { WorkerProcess } from '../../examples/demo/worker.js';
import type { JsonObject } from '../../language/json.js';
import { ask } from './ask.js';
import { createTestDatabase, type TestDatabase } from './database.js';
import { recordHistory } from './history.js';
import { until } from '../../lab/until.js';

/** What workers know of a system. */
export interface KnownSystem {
  /** The first is the one that is recovered unless a run names another. */
  targets: Record<string, object>;
  /** Variables of the worker, by the names of the secrets that they hold. */
  secrets: Record<string, string>;
}

/**
 * A database as a target names it, and its password, which is not in the address.
 * @param secret the name of the secret that holds the password
 */
export function databaseAccess(
  url: string,
  secret: string,
): { postgres: { address: string; password?: string }; password: string } {
  const database = new URL(url);
  const password = decodeURIComponent(database.password);
  database.password = '';
  const postgres = { address: database.href, ...(password ? { password: secret } : {}) };
  return { postgres, password };
}

/** What a history need not be named after: all of them have it. */
const suiteName = /^(pipeline-recovery\S*|every failure that pipeline-recovery knows) /;

/** A worker, and all that belongs to it. */
interface Started {
  folder: string;
  client: Client;
  record: TestDatabase;
  /** The target that is recovered. */
  target: string;
  env: Record<string, string>;
  worker: WorkerProcess;
}

/**
 * Runs of the flagship as it ships: the compiled worker in a process of its own, on real servers.
 */
export class RecoveryRuns {
  constructor(private readonly started: Started) {}

  /** A worker that knows these systems. */
  static async start({ targets, secrets }: KnownSystem): Promise<Started> {
    const address = process.env['TEMPORAL_ADDRESS'];
    if (!address) throw new Error('TEMPORAL_ADDRESS is not set: run this test through npm test');
    const folder = await mkdtemp(join(tmpdir(), 'runbook-recovery-'));
    const record = await createTestDatabase('record');
    const names = Object.keys(targets);
    const variable = (secret: string): string =>
      `TEST_${secret.toUpperCase().replaceAll('-', '_')}`;
    const declared = Object.keys(secrets).map((name) => [
      name,
      { from: `env:${variable(name)}`, targets: names },
    ]);
    await writeFile(join(folder, 'targets.yaml'), JSON.stringify({ targets }));
    await writeFile(
      join(folder, 'secrets.yaml'),
      JSON.stringify({ secrets: Object.fromEntries(declared) as object }),
      { mode: 0o600 },
    );
    const env = {
      TEMPORAL_ADDRESS: address,
      RUNBOOK_TASK_QUEUE: `recovery-${randomUUID()}`,
      RUNBOOK_DATABASE_URL: record.url,
      RUNBOOK_TARGETS: join(folder, 'targets.yaml'),
      RUNBOOK_SECRETS: join(folder, 'secrets.yaml'),
      RUNBOOK_JOURNALS: join(folder, 'journals'),
      RUNBOOK_HEARTBEAT_MS: '2000',
      ...Object.fromEntries(
        Object.entries(secrets).map(([name, value]) => [variable(name), value]),
      ),
    };
    const worker = await WorkerProcess.start(env);
    const client = new Client({
      connection: await Connection.connect({ address }),
      dataConverter: { payloadCodecs: [payloadCodec] },
    });
    return { folder, client, record, target: names[0] ?? '', env, worker };
  }

  get record(): TestDatabase {
    return this.started.record;
  }

  /** Environment of the command line. */
  get env(): Record<string, string> {
    return this.started.env;
  }

  async stop(): Promise<void> {
    const { worker, client, record, folder } = this.started;
    await worker.stop();
    await client.connection.close();
    await record.drop();
    await rm(folder, { recursive: true, force: true });
  }

  /** The worker dies as in a power cut, and another one takes over. */
  async replaceWorker(): Promise<void> {
    await this.started.worker.kill9();
    this.started.worker = await WorkerProcess.start(this.started.env);
  }

  /** Waits until the run follows the job that it has restarted. */
  async followed(handle: WorkflowHandle): Promise<void> {
    await until(
      'the restarted job to be followed',
      async () => this.stateOf(await this.status(handle), 'follow') === 'running',
    );
  }

  /** @param inputs of one pipeline, unless they name several @param runbook or pipeline-recovery */
  run(inputs: JsonObject = {}, runbook = 'pipeline-recovery'): Promise<WorkflowHandle> {
    const run = `${runbook}-${randomUUID()}`;
    const envelope: StartEnvelope = {
      version: 1,
      id: randomUUID(),
      verb: 'start',
      run,
      runbook,
      inputs: 'pipelines' in inputs ? inputs : { pipeline: this.started.target, ...inputs },
      by: 'oncall',
      reason: 'test',
    };
    return this.started.client.workflow.start(runbook, {
      workflowId: run,
      taskQueue: this.started.env['RUNBOOK_TASK_QUEUE'] ?? '',
      args: [envelope],
      workflowTaskTimeout,
    });
  }

  status(handle: WorkflowHandle): Promise<RunView> {
    return ask<RunView>(handle, messageNames.status);
  }

  /** The run once it waits at its gate. @throws when it ends before */
  async gate(handle: WorkflowHandle): Promise<RunView['waitingFor'][number]> {
    const waits = until('the gate', async () => {
      const view = await this.status(handle).catch(() => undefined);
      if (view?.endedAt)
        throw new Error(`the run ended before its gate: ${view.state}: ${view.problem?.message}`);
      return view?.waitingFor[0];
    });
    // A run that is not admitted has no status.
    const isRefused = handle.result().then(
      () => waits,
      ({ cause }: Error) => Promise.reject(new Error('the run was not admitted', { cause })),
    );
    return Promise.race([waits, isRefused]);
  }

  async decide(handle: WorkflowHandle, change: Partial<DecisionEnvelope> = {}): Promise<Verdict> {
    const gate = change.verb === 'cancel' ? undefined : await this.gate(handle);
    const decision: DecisionEnvelope = {
      version: 1,
      id: randomUUID(),
      run: handle.workflowId,
      verb: 'approve',
      ...(gate
        ? {
            about: { kind: rulesOfQuestion(gate.kind).about, id: gate.id },
            ...{ attempt: gate.attempt, digest: gate.digest },
          }
        : {}),
      by: 'data-owner',
      reason: 'test',
      ...change,
    };
    await handle.signal(messageNames.decide, decision);
    return until(
      'a verdict',
      () => ask<Verdict | null>(handle, messageNames.verdict, decision.id),
      10_000,
      20,
    );
  }

  /** A recovery that is approved at its gate, and ends well. */
  async recovered(
    inputs: JsonObject = {},
  ): Promise<{ view: RunView; evidence: Record<string, unknown> }> {
    const handle = await this.run(inputs);
    const { evidence } = await this.gate(handle);
    await this.decide(handle);
    const view = await this.ended(handle);
    expect(view.problem).toBeNull();
    expect(view.state).toBe('succeeded');
    return { view, evidence };
  }

  /** @param title under which the run's history is kept, when histories are recorded */
  async ended(
    handle: WorkflowHandle,
    title = expect.getState().currentTestName ?? '',
  ): Promise<RunView> {
    await handle.result().catch(() => undefined);
    await recordHistory(handle, title.replace(suiteName, ''));
    return this.status(handle);
  }

  stateOf(view: RunView, step: string): string | undefined {
    return view.steps.find((each) => each.id === step)?.state;
  }
}
