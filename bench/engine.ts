import { randomUUID } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Client, Connection, type WorkflowHandle } from '@temporalio/client';
import { NativeConnection, Worker } from '@temporalio/worker';
import { execa } from 'execa';
import type pg from 'pg';
import { payloadCodec } from '../common/payload-codec.js';
import type { StartEnvelope } from '../common/envelope.js';
import type { JsonObject } from '../language/json.js';
import { migrate, openPool } from '../store/index.js';
import { bundleWorkflows } from '../worker/bundle.js';
import { programFolder, readConfig } from '../worker/config.js';
import { createWorker } from '../worker/create.js';
import { becomeCurrent } from '../worker/deployment/current.js';
import { Counters } from './counters.js';
import { gateSpec, program, stepsRunbook, stepsSpec } from './specs.js';

const buildId = 'bench';

/**
 * The real engine and, on a queue beside it, a bare worker: both in this process, on the same
 * server.
 */
export class Bench {
  private constructor(
    readonly client: Client,
    readonly counters: Counters,
    readonly pool: pg.Pool,
    private readonly closers: (() => Promise<unknown>)[],
  ) {}

  /** @param lengths how many steps the runs will have that are started */
  static async start(
    services: { address: string; databaseUrl: string },
    folder: string,
    lengths: readonly number[],
  ): Promise<Bench> {
    process.env['TEMPORAL_ADDRESS'] = services.address;
    const counters = await Counters.start(services.databaseUrl);
    await writeFile(join(folder, 'targets.yaml'), 'targets: {}\n');
    await writeFile(join(folder, 'secrets.yaml'), 'secrets: {}\n', { mode: 0o600 });
    const code = await bundleWorkflows(join(programFolder, 'bench', 'workflows.js'));
    const pool = openPool(services.databaseUrl);
    counters.watch(pool);
    await migrate(pool);
    const config = readConfig({
      RUNBOOK_TASK_QUEUE: 'bench',
      RUNBOOK_DATABASE_URL: services.databaseUrl,
      RUNBOOK_TARGETS: join(folder, 'targets.yaml'),
      RUNBOOK_SECRETS: join(folder, 'secrets.yaml'),
      RUNBOOK_JOURNALS: join(folder, 'journals'),
    });
    const { worker, connection, commands, deployment } = await createWorker(config, pool, {
      bundle: { code, procedure: 'sha256:bench', buildId },
      catalogue: [gateSpec, ...lengths.map(stepsSpec)],
    });
    const bareConnection = await NativeConnection.connect({ address: services.address });
    const bare = await Worker.create({
      connection: bareConnection,
      taskQueue: 'bare',
      workflowBundle: { code },
      activities: { bareProcess: async () => void (await execa(program)) },
    });
    const running = [worker.run(), bare.run()];
    if (deployment) await becomeCurrent(deployment, buildId, 'always');
    const client = new Client({
      connection: await Connection.connect({ address: services.address }),
      dataConverter: { payloadCodecs: [payloadCodec] },
    });
    return new Bench(client, counters, pool, [
      async () => {
        worker.shutdown();
        bare.shutdown();
        await Promise.all(running);
        commands.close();
      },
      () => client.connection.close(),
      () => connection.close(),
      () => bareConnection.close(),
      () => pool.end(),
      () => counters.stop(),
    ]);
  }

  start(runbook: string, inputs: JsonObject): Promise<WorkflowHandle> {
    const run = `${runbook}-${randomUUID()}`;
    const envelope: StartEnvelope = {
      version: 1,
      id: randomUUID(),
      verb: 'start',
      run,
      runbook,
      inputs,
      by: 'bench',
      reason: 'measure',
    };
    return this.client.workflow.start(runbook, {
      workflowId: run,
      taskQueue: 'bench',
      args: [envelope],
    });
  }

  startSteps(count: number): Promise<WorkflowHandle> {
    return this.start(stepsRunbook(count), {});
  }

  bare(count: number): Promise<WorkflowHandle> {
    return this.client.workflow.start('bareSteps', {
      workflowId: `bare-${randomUUID()}`,
      taskQueue: 'bare',
      args: [count],
    });
  }

  async stop(): Promise<void> {
    for (const close of this.closers) await close();
  }
}
