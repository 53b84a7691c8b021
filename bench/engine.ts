import { randomUUID } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Client, Connection, type WorkflowHandle } from '@temporalio/client';
import { DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import { execa } from 'execa';
import { payloadCodec } from '../common/payload-codec.js';
import type { StartEnvelope } from '../common/envelope.js';
import type { JsonObject } from '../language/json.js';
import { migrate, openPool } from '../store/index.js';
import { bundleWorkflows } from '../worker/bundle.js';
import { programFolder, readConfig } from '../worker/config.js';
import { createWorker } from '../worker/create.js';
import { benchGateSpec, benchStepsSpec } from './specs.js';

/** The real engine and, on a queue beside it, a bare worker: both in this process, on the same server. */
export class Bench {
  private constructor(
    readonly client: Client,
    private readonly closers: (() => Promise<unknown>)[],
  ) {}

  static async start(services: { address: string; databaseUrl: string }, folder: string): Promise<Bench> {
    process.env['TEMPORAL_ADDRESS'] = services.address;
    Runtime.install({ logger: new DefaultLogger('ERROR') });
    await writeFile(join(folder, 'targets.yaml'), 'targets: {}\n');
    await writeFile(join(folder, 'secrets.yaml'), 'secrets: {}\n', { mode: 0o600 });
    const code = await bundleWorkflows(join(programFolder, 'bench', 'workflows.js'));
    const pool = openPool(services.databaseUrl);
    await migrate(pool);
    const config = readConfig({
      RUNBOOK_TASK_QUEUE: 'bench',
      RUNBOOK_DATABASE_URL: services.databaseUrl,
      RUNBOOK_TARGETS: join(folder, 'targets.yaml'),
      RUNBOOK_SECRETS: join(folder, 'secrets.yaml'),
      RUNBOOK_JOURNALS: join(folder, 'journals'),
    });
    const { worker, connection, commands } = await createWorker(config, pool, {
      bundle: { code, procedure: 'sha256:bench' },
      catalogue: [benchStepsSpec, benchGateSpec],
    });
    const bareConnection = await NativeConnection.connect({ address: services.address });
    const bare = await Worker.create({
      connection: bareConnection,
      taskQueue: 'bare',
      workflowBundle: { code },
      activities: { bareProcess: async () => void (await execa('/usr/bin/true')) },
    });
    const running = [worker.run(), bare.run()];
    const client = new Client({
      connection: await Connection.connect({ address: services.address }),
      dataConverter: { payloadCodecs: [payloadCodec] },
    });
    return new Bench(client, [
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
    return this.client.workflow.start(runbook, { workflowId: run, taskQueue: 'bench', args: [envelope] });
  }

  bare(count: number): Promise<WorkflowHandle> {
    return this.client.workflow.start('bareSteps', { workflowId: `bare-${randomUUID()}`, taskQueue: 'bare', args: [count] });
  }

  async stop(): Promise<void> {
    for (const close of this.closers) await close();
  }
}
