import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { WorkflowHandle } from '@temporalio/client';
import { pendingAttempts } from '../../client/pending.js';
import { startPipeline, type PipelineProcess } from '../../lab/pipeline/client.js';
import { declaration as flights } from '../../lab/pipeline/declaration.js';
import { declaration } from '../../lab/strikes/declaration.js';
import { StrikesService } from '../../lab/strikes/service.js';
import { until } from '../../lab/until.js';
import { programFolder } from '../../worker/config.js';
import { createTestDatabase, type TestDatabase } from './database.js';
import { databaseAccess, RecoveryRuns } from './recovery-runs.js';

const { run, data } = declaration;
const [received, named, booked] = data.stages as [object, object, object];
const control = join(programFolder, 'lab', 'strikes', 'control.js');

/** The ways in which one service is known to workers: each name is a target. */
export const shapeNames = ['job-api', 'two-databases', 'program'] as const;
export type ShapeName = (typeof shapeNames)[number];

/**
 * Services without transactions, each with data of its own, and the job API of the example, which
 * has them. One worker recovers all: the example is target `flights`.
 */
export class ServiceShapes {
  private constructor(
    readonly recovery: RecoveryRuns,
    private readonly services: Record<ShapeName, StrikesService>,
    readonly flights: PipelineProcess,
    private readonly databases: TestDatabase[],
  ) {}

  static async start(): Promise<ServiceShapes> {
    const databases: TestDatabase[] = [];
    const another = async (): Promise<string> => {
      const database = await createTestDatabase('shape');
      databases.push(database);
      return database.url;
    };
    const service = async (bookedUrl?: string): Promise<StrikesService> =>
      StrikesService.start({
        ...{ databaseUrl: await another(), rows: 2_000, chunk: 200 },
        ...(bookedUrl === undefined ? {} : { bookedUrl }),
      });
    const books = await another();
    const services = {
      'job-api': await service(),
      'two-databases': await service(books),
      program: await service(),
    };
    const token = randomBytes(12).toString('hex');
    const databaseUrl = await another();
    const example = await startPipeline({ databaseUrl, token, rows: 8_000, batch: 500 });
    const known = (name: string, url: string, of: string, more: object) => {
      const { postgres } = databaseAccess(of, 'password');
      const http = { address: url, bearer: `${name}-token` };
      return { kind: 'pipeline', environment: 'test', postgres, http, ...more };
    };
    const target = (name: ShapeName, more: object) =>
      known(name, services[name].url, services[name].databaseUrl, more);
    const apart = { ...data, stages: [received, named, { ...booked, connection: 'books' }] };
    const program = { path: process.execPath, args: [control, services.program.url] };
    const targets = {
      'job-api': target('job-api', { pipeline: declaration }),
      'two-databases': target('two-databases', {
        pipeline: { run, data: apart },
        connections: { books: databaseAccess(books, 'password').postgres },
      }),
      program: target('program', {
        credentials: { main: { env: { STRIKES_TOKEN: 'program-token' } } },
        pipeline: { run: { program: { ...program, stops: true, restartsCompleted: true } }, data },
      }),
      flights: known('flights', example.url, databaseUrl, { pipeline: flights }),
    };
    const { password } = databaseAccess(books, 'password');
    const tokens = Object.fromEntries([
      ...shapeNames.map((name) => [`${name}-token`, services[name].token]),
      ['flights-token', token],
    ]) as Record<string, string>;
    const started = await RecoveryRuns.start({
      targets,
      secrets: { ...tokens, password },
    });
    return new ServiceShapes(new RecoveryRuns(started), services, example, databases);
  }

  of(name: ShapeName): StrikesService {
    return this.services[name];
  }

  /** Waits until the step of the run has found nobody at the address of its service. */
  async seesOutage(handle: WorkflowHandle, step = 'follow'): Promise<void> {
    await until(`step ${step} to find nobody`, async () =>
      pendingAttempts(await handle.describe()).some(
        ({ step: path, attempt, progress }) =>
          path.includes(step) && (attempt > 1 || progress?.['trouble'] !== undefined),
      ),
    );
  }

  async stop(): Promise<void> {
    await this.recovery?.stop();
    for (const service of Object.values(this.services)) await service.stop();
    await this.flights.stop();
    for (const database of this.databases) await database.drop();
  }
}
