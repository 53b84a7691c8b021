import { randomBytes } from 'node:crypto';
import { expect } from '@jest/globals';
import { startPipeline, type PipelineProcess } from '../../lab/pipeline/client.js';
import { declaration } from '../../lab/pipeline/declaration.js';
import type { Stage } from '../../lab/pipeline/schema.js';
import { freePort } from '../../embedded/ports.js';
import { createTestDatabase, type TestDatabase } from './database.js';
import { databaseAccess, RecoveryRuns } from './recovery-runs.js';

/** The example pipeline, as a test has started it. */
interface Example {
  token: string;
  password: string;
  /** Where target `flights-away` has its API, and nobody listens. */
  away: string;
  pipeline: PipelineProcess;
  source: TestDatabase;
}

/** Recoveries of the example pipeline. */
export class Recovery extends RecoveryRuns {
  private constructor(
    started: ConstructorParameters<typeof RecoveryRuns>[0],
    private readonly example: Example,
  ) {
    super(started);
  }

  static async startExample(): Promise<Recovery> {
    const source = await createTestDatabase('pipeline');
    const token = `tok-${randomBytes(12).toString('hex')}`;
    const pipeline = await startPipeline({
      ...{ databaseUrl: source.url, token },
      ...{ rows: 8_000, batch: 500 },
    });
    const { postgres, password } = databaseAccess(source.url, 'flights-password');
    const away = `127.0.0.1:${await freePort()}`;
    const flights = (address: string, bearer: string) => ({
      kind: 'pipeline',
      environment: 'test',
      http: { address, bearer },
      postgres,
      pipeline: declaration,
    });
    const started = await RecoveryRuns.start({
      targets: {
        flights: flights(pipeline.url, 'flights-token'),
        'flights-denied': flights(pipeline.url, 'wrong-token'),
        'flights-away': flights(`http://${away}`, 'flights-token'),
      },
      secrets: {
        'flights-token': token,
        'wrong-token': 'not-the-token-at-all',
        'flights-password': password,
      },
    }).catch(async (error: unknown) => {
      await pipeline.stop();
      throw error;
    });
    return new Recovery(started, { token, password, away, pipeline, source });
  }

  get token(): string {
    return this.example.token;
  }

  get password(): string {
    return this.example.password;
  }

  get away(): string {
    return this.example.away;
  }

  get pipeline(): PipelineProcess {
    return this.example.pipeline;
  }

  override async stop(): Promise<void> {
    await super.stop();
    await this.pipeline.stop();
    await this.example.source.drop();
  }

  /** As `PipelineProcess.failedJob`. */
  failedJob(faults: Parameters<PipelineProcess['failedJob']>[0]): Promise<string> {
    return this.pipeline.failedJob(faults);
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
}
