import { join } from 'node:path';
import { expect } from '@jest/globals';
import type { WorkflowHandle } from '@temporalio/client';
import { programFolder } from '../../worker/config.js';
import { OwnTemporal } from '../helpers/own-temporal.js';
import { OwnPostgres } from '../helpers/own-postgres.js';
import { DisasterWorld } from './world.js';

export type Victim = 'worker' | 'temporal' | 'record';
/** Who dies, and the step during which it does. */
export type Death = readonly [Victim, string];

/**
 * What recovers the system can be killed: the worker, the Temporal server, the PostgreSQL server
 * that has the record.
 */
export class MortalWorld {
  private constructor(
    readonly world: DisasterWorld,
    private readonly temporal: OwnTemporal,
    private readonly record: OwnPostgres,
  ) {}

  static async start(): Promise<MortalWorld> {
    const [temporal, record] = await Promise.all([
      OwnTemporal.start(),
      OwnPostgres.start('record'),
    ]);
    const program = join(programFolder, 'test', 'deployment', 'worker.js');
    const executor = {
      address: temporal.address,
      databaseUrl: record.url('record'),
      workers: 1,
      program,
    };
    return new MortalWorld(await DisasterWorld.start({}, executor), temporal, record);
  }

  /** Kills one after the other, each once the run has come to its step; each comes back. */
  async die(run: WorkflowHandle, deaths: readonly Death[]): Promise<void> {
    const kill: Record<Victim, () => Promise<void>> = {
      worker: () => this.world.engine.killWorker(),
      temporal: () => this.temporal.kill9AndRestart(),
      record: () => this.record.restart('SIGKILL'),
    };
    for (const [victim, step] of deaths) {
      expect(await this.world.reached(run, step)).toBe(true);
      await kill[victim]();
    }
  }

  async stop(): Promise<void> {
    await this.world.stop();
    await this.temporal.stop();
    await this.record.stop();
  }
}
