import { randomBytes } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { startServices } from '../../embedded/services.js';
import { startPipeline, type Faults, type PipelineProcess } from '../pipeline/client.js';

export interface StackOptions {
  /** Rows of the source that the pipeline reads; all unless given. */
  rows?: number;
  batch?: number;
}

/** Temporal, PostgreSQL and the example pipeline, each a real process of its own, with targets and secrets to match. */
export class Stack {
  private constructor(
    readonly folder: string,
    readonly uiUrl: string,
    readonly pipeline: PipelineProcess,
    /** Environment of workers. */
    readonly workerEnv: Record<string, string>,
    /** Environment of the command line. */
    readonly cliEnv: Record<string, string>,
    private readonly closers: (() => Promise<unknown>)[],
  ) {}

  /** @param folder of its own, for data, targets and secrets */
  static async start(folder: string, faults: Faults = {}, options: StackOptions = {}): Promise<Stack> {
    await mkdir(folder, { recursive: true });
    const services = await startServices({ home: folder, databases: ['runbook', 'pipeline'] });
    const token = randomBytes(18).toString('base64url');
    const database = new URL(services.database('pipeline'));
    const pipeline = await startPipeline({ databaseUrl: database.href, token, faults, ...options });

    const password = decodeURIComponent(database.password);
    database.password = '';
    await writeFile(join(folder, 'targets.yaml'), targetsFile(pipeline.url, database.href));
    await writeFile(join(folder, 'secrets.yaml'), secretsFile, { mode: 0o600 });
    const shared = {
      TEMPORAL_ADDRESS: services.address,
      RUNBOOK_DATABASE_URL: services.database('runbook'),
      RUNBOOK_UI_URL: services.uiUrl,
      RUNBOOK_TASK_QUEUE: 'runbooks',
    };
    const files = { RUNBOOK_TARGETS: join(folder, 'targets.yaml'), RUNBOOK_SECRETS: join(folder, 'secrets.yaml') };
    const secrets = { FLIGHTS_API_TOKEN: token, FLIGHTS_DATABASE_PASSWORD: password };
    const workerEnv = { ...shared, ...files, ...secrets, RUNBOOK_HEARTBEAT_MS: '3000' };
    return new Stack(folder, services.uiUrl, pipeline, workerEnv, { ...shared, ...files }, [
      () => pipeline.stop(),
      () => services.stop(),
    ]);
  }

  async stop(): Promise<void> {
    for (const close of this.closers) await close();
  }
}

function targetsFile(api: string, database: string): string {
  return `targets:
  flights:
    kind: pipeline
    environment: demo
    isolated: true
    description: flights through extract, clean, transform, load
    http: { address: "${api}", bearer: flights-api-token }
    postgres: { address: "${database}", password: flights-database-password }
    facts: { pipeline: flights, dataset: flights }
`;
}

const secretsFile = `secrets:
  flights-api-token: { from: "env:FLIGHTS_API_TOKEN", targets: [flights] }
  flights-database-password: { from: "env:FLIGHTS_DATABASE_PASSWORD", targets: [flights] }
`;
