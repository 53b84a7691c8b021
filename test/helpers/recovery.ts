import { randomBytes, randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from '@jest/globals';
import { Client, Connection, type WorkflowHandle } from '@temporalio/client';
import { payloadCodec } from '../../common/payload-codec.js';
import type { DecisionEnvelope, StartEnvelope, Verdict } from '../../common/envelope.js';
import { messageNames, workflowTaskTimeout } from '../../common/defaults.js';
import type { RunView } from '../../common/view.js';
import { WorkerProcess } from '../../examples/demo/worker.js';
import { startPipeline, type PipelineProcess } from '../../lab/pipeline/client.js';
import { declaration } from '../../lab/pipeline/declaration.js';
import type { Stage } from '../../lab/pipeline/schema.js';
import type { JsonObject } from '../../language/json.js';
import { freePort } from '../../embedded/ports.js';
import { createTestDatabase, type TestDatabase } from './database.js';
import { recordHistory } from './history.js';
import { until } from '../../lab/until.js';

/**
 * The flagship as it ships: the compiled worker in a process of its own, the example pipeline, real
 * servers.
 */
export class Recovery {
  private constructor(
    readonly folder: string,
    readonly token: string,
    /** Where target `flights-away` has its API, and nobody listens. */
    readonly away: string,
    readonly password: string,
    readonly pipeline: PipelineProcess,
    readonly client: Client,
    readonly record: TestDatabase,
    private readonly source: TestDatabase,
    private readonly env: Record<string, string>,
    private worker: WorkerProcess,
  ) {}

  static async start(): Promise<Recovery> {
    const address = process.env['TEMPORAL_ADDRESS'];
    if (!address) throw new Error('TEMPORAL_ADDRESS is not set: run this test through npm test');
    const folder = await mkdtemp(join(tmpdir(), 'runbook-recovery-'));
    const [record, source] = [
      await createTestDatabase('record'),
      await createTestDatabase('pipeline'),
    ];
    const token = `tok-${randomBytes(12).toString('hex')}`;
    const pipeline = await startPipeline({
      databaseUrl: source.url,
      token,
      rows: 8_000,
      batch: 500,
    });
    const database = new URL(source.url);
    const password = decodeURIComponent(database.password);
    database.password = '';
    const away = `127.0.0.1:${await freePort()}`;
    const flights = (address: string, bearer: string) => ({
      kind: 'pipeline',
      environment: 'test',
      http: { address, bearer },
      postgres: { address: database.href, ...(password ? { password: 'flights-password' } : {}) },
      pipeline: declaration,
    });
    const targets = {
      targets: {
        flights: flights(pipeline.url, 'flights-token'),
        'flights-denied': flights(pipeline.url, 'wrong-token'),
        'flights-away': flights(`http://${away}`, 'flights-token'),
      },
    };
    const every = Object.keys(targets.targets);
    const secrets = {
      secrets: {
        'flights-token': { from: 'env:TEST_FLIGHTS_TOKEN', targets: every },
        'wrong-token': { from: 'env:TEST_WRONG_TOKEN', targets: every },
        'flights-password': { from: 'env:TEST_FLIGHTS_PASSWORD', targets: every },
      },
    };
    await writeFile(join(folder, 'targets.yaml'), JSON.stringify(targets));
    await writeFile(join(folder, 'secrets.yaml'), JSON.stringify(secrets), { mode: 0o600 });
    const env = {
      TEMPORAL_ADDRESS: address,
      RUNBOOK_TASK_QUEUE: `recovery-${randomUUID()}`,
      RUNBOOK_DATABASE_URL: record.url,
      RUNBOOK_TARGETS: join(folder, 'targets.yaml'),
      RUNBOOK_SECRETS: join(folder, 'secrets.yaml'),
      RUNBOOK_JOURNALS: join(folder, 'journals'),
      RUNBOOK_HEARTBEAT_MS: '2000',
      TEST_FLIGHTS_TOKEN: token,
      TEST_WRONG_TOKEN: 'not-the-token-at-all',
      TEST_FLIGHTS_PASSWORD: password,
    };
    const worker = await WorkerProcess.start(env).catch(async (error: unknown) => {
      await pipeline.stop();
      throw error;
    });
    const client = new Client({
      connection: await Connection.connect({ address }),
      dataConverter: { payloadCodecs: [payloadCodec] },
    });
    return new Recovery(
      folder,
      token,
      away,
      password,
      pipeline,
      client,
      record,
      source,
      env,
      worker,
    );
  }

  async stop(): Promise<void> {
    await this.worker.stop();
    await this.pipeline.stop();
    await this.client.connection.close();
    await this.record.drop();
    await this.source.drop();
    await rm(this.folder, { recursive: true, force: true });
  }

  /** The worker dies as in a power cut, and another one takes over. */
  async replaceWorker(): Promise<void> {
    await this.worker.kill9();
    this.worker = await WorkerProcess.start(this.env);
  }

  /** A job that has failed as `faults` say; they are gone afterwards. */
  async failedJob(faults: Parameters<PipelineProcess['setFaults']>[0]): Promise<string> {
    await this.pipeline.setFaults(faults);
    const job = await this.pipeline.startJob({ reset: true });
    await this.pipeline.waitForJob(job, ['failed']);
    await this.pipeline.setFaults({});
    return job;
  }

  /** A corrupt checkpoint is passed over, its rows are kept, and the result is exactly right. */
  async passesOver(mode: 'missing' | 'duplicate' | 'altered', stage: Stage, batch: number) {
    await this.failedJob({ corruptCheckpoint: { stage, batch, mode } });
    const handle = await this.run();
    const { evidence } = await this.gate(handle);
    expect(evidence['verdict']).toMatch(new RegExp(`^corrupt: ${stage} from batch ${batch} on`));
    expect(evidence['checkpoint']).toBe(
      batch === 1 ? `beginning of ${stage}` : `${stage} batch ${batch - 1}`,
    );
    await this.decide(handle);
    const view = await this.ended(handle);
    expect(view.problem).toBeNull();
    expect(view.state).toBe('succeeded');
    await this.isRight();
    const [kept] = await this.pipeline.query<{ rows: number }>(
      'SELECT count(*)::int AS rows FROM quarantine_rows WHERE run = $1',
      [handle.workflowId],
    );
    expect(kept?.rows).toBe(evidence['rows moved to quarantine and processed again']);
    expect(kept?.rows).toBeGreaterThan(0);
  }

  /** The pipeline's data are those of a run without any failure. */
  async isRight(): Promise<void> {
    expect(await this.pipeline.summary()).toEqual(await this.pipeline.truth());
  }

  /** Waits until the run follows the job that it has restarted. */
  async followed(handle: WorkflowHandle): Promise<void> {
    await until(
      'the restarted job to be followed',
      async () => this.stateOf(await this.status(handle), 'follow') === 'running',
    );
  }

  run(inputs: JsonObject = {}): Promise<WorkflowHandle> {
    const run = `pipeline-recovery-${randomUUID()}`;
    const envelope: StartEnvelope = {
      version: 1,
      id: randomUUID(),
      verb: 'start',
      run,
      runbook: 'pipeline-recovery',
      inputs: { pipeline: 'flights', ...inputs },
      by: 'oncall',
      reason: 'test',
    };
    return this.client.workflow.start('pipeline-recovery', {
      workflowId: run,
      taskQueue: this.env['RUNBOOK_TASK_QUEUE'] ?? '',
      args: [envelope],
      workflowTaskTimeout,
    });
  }

  status(handle: WorkflowHandle): Promise<RunView> {
    return handle.query<RunView>(messageNames.status);
  }

  /** The run once it waits at its gate. @throws when it ends before */
  async gate(handle: WorkflowHandle): Promise<RunView['waitingFor'][number]> {
    return until('the gate', async () => {
      const view = await this.status(handle).catch(() => undefined);
      if (view?.endedAt)
        throw new Error(`the run ended before its gate: ${view.state}: ${view.problem?.message}`);
      return view?.waitingFor[0];
    });
  }

  async decide(handle: WorkflowHandle, change: Partial<DecisionEnvelope> = {}): Promise<Verdict> {
    const gate = change.verb === 'cancel' ? undefined : await this.gate(handle);
    const decision: DecisionEnvelope = {
      version: 1,
      id: randomUUID(),
      run: handle.workflowId,
      verb: 'approve',
      ...(gate
        ? { about: { kind: 'gate', id: gate.id }, attempt: gate.attempt, digest: gate.digest }
        : {}),
      by: 'data-owner',
      reason: 'test',
      ...change,
    };
    await handle.signal(messageNames.decide, decision);
    return until(
      'a verdict',
      () => handle.query<Verdict | null, [string]>(messageNames.verdict, decision.id),
      10_000,
      20,
    );
  }

  /** @param title under which the run's history is kept, when histories are recorded */
  async ended(
    handle: WorkflowHandle,
    title = expect.getState().currentTestName ?? '',
  ): Promise<RunView> {
    await handle.result().catch(() => undefined);
    await recordHistory(handle, title.replace(/^pipeline-recovery\S* /, ''));
    return this.status(handle);
  }

  stateOf(view: RunView, step: string): string | undefined {
    return view.steps.find((each) => each.id === step)?.state;
  }
}
