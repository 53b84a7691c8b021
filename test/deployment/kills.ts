import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { WorkflowHandle } from '@temporalio/client';
import { rulesOfQuestion } from '../../common/questions.js';
import type { RunState, RunView } from '../../common/view.js';
import { describeServers } from '../../activities/delivery/traffic/switch.js';
import type { Load } from '../../lab/web-system/load-client.js';
import { publishRelease, release } from '../../lab/web-system/releases.js';
import type { ProxyKind } from '../../lab/web-system/proxy.js';
import type { JsonObject } from '../../language/json.js';
import type { TrafficServer } from '../../language/kinds/delivery/traffic.js';
import { getAttempts, getRun } from '../../store/index.js';
import { programFolder } from '../../worker/config.js';
import { patiently } from '../helpers/restarts.js';
import { OwnTemporal } from '../helpers/own-temporal.js';
import { DeploymentWorld } from './world.js';

const program = join(programFolder, 'test', 'deployment', 'worker.js');
/** A proxy that was started again is to do what the run believes before this time is over. */
const againWithinMs = 15_000;
/**
 * Between a phase of the users and what happens in it: requests that are under way end in the phase
 * that they began in.
 */
const marginMs = 300;

export type Victim = 'worker' | 'temporal' | 'proxy';

export interface Death {
  victim: Victim;
  /** When: as soon as this step is under way, and so many milliseconds later. */
  step: string;
  afterMs: number;
}

export interface StormyDeployment {
  version: string;
  flaw?: 'fails' | null;
  generation: 2 | 3;
  deaths: readonly Death[];
  inputs?: JsonObject;
}

/** Steps of the shift that a run comes to for certain, unless its release is bad. */
const moments = [
  'shift/smoke',
  'shift/baseline',
  'shift/rehearse.2',
  'shift/weight',
  'shift/measure',
  'shift/weight.2',
  'shift/measure.2',
  'shift/weight.3',
  'shift/measure.3',
  'watch/measure',
];

/** So many deaths at random moments of a shift. */
export function randomDeaths(count: number): Death[] {
  const any = (limit: number): number => Math.floor(Math.random() * limit);
  const victims = ['worker', 'temporal', 'proxy'] as const;
  const first = any(victims.length);
  return Array.from({ length: count }, () => ({ place: any(moments.length), afterMs: any(800) }))
    .sort((a, b) => a.place - b.place)
    .map(({ place, afterMs }, index) => ({
      // Each of them once before any of them twice.
      victim: victims[(first + index) % victims.length] ?? 'proxy',
      step: moments[place] ?? '',
      afterMs,
    }));
}

export interface Ended {
  state: RunState;
  /** What the run says of itself when it did not succeed. */
  why: string;
  deaths: Record<Victim, number>;
  /** Weights that the run believes in, by its record, and those that the proxy has, in words. */
  believed: string;
  found: string;
  /**
   * How long a proxy that was started again did something else than the run believed, in
   * milliseconds; null: until the end.
   */
  wrongMs: (number | null)[];
  /**
   * Users' requests while the proxy was there and did what it was told, and those of them that
   * failed.
   */
  requests: number;
  failures: number;
}

/** Deployments while their worker, the Temporal server and the proxy are killed. */
export class Storm {
  private constructor(
    private readonly temporal: OwnTemporal,
    readonly world: DeploymentWorld,
  ) {}

  /** @param remembers does a restarted proxy come back with what it was told? */
  static async start(proxy: ProxyKind, remembers: boolean): Promise<Storm> {
    const temporal = await OwnTemporal.start();
    try {
      return new Storm(
        temporal,
        await DeploymentWorld.start(proxy, {
          address: temporal.address,
          workers: 1,
          program,
          remembers,
        }),
      );
    } catch (error) {
      await temporal.stop();
      throw error;
    }
  }

  async stop(): Promise<void> {
    await this.world.stop();
    await this.temporal.stop();
  }

  /** From here on the worker believes that the proxy does what it was told last. */
  async withoutReadback(): Promise<void> {
    const { engine } = this.world;
    await engine.killWorkers();
    await engine.startWorker({ DEPLOYMENT_OFF: 'readback' });
  }

  /** Deploys, approves, kills, and waits until the run has ended or asks people. */
  async deploy({
    version,
    flaw = null,
    generation,
    deaths,
    inputs = {},
  }: StormyDeployment): Promise<Ended> {
    const { world } = this;
    publishRelease(world.system.files.releases, release(version, generation, flaw));
    const users = world.users(200);
    try {
      // Times say little while everything is killed; bad releases are found by their errors here.
      const run = await world.deploy(version, { min_requests: 5, max_latency: 20, ...inputs });
      await world.approve(run);
      const done: Record<Victim, number> = { worker: 0, temporal: 0, proxy: 0 };
      const wrongMs: (number | null)[] = [];
      for (const { victim, step, afterMs } of deaths) {
        if (!(await this.reached(run, step))) break;
        await delay(afterMs);
        done[victim] += 1;
        if (victim === 'worker') await world.engine.killWorker();
        if (victim === 'temporal') await this.temporal.kill9AndRestart();
        if (victim === 'proxy') wrongMs.push(await this.killProxy(run, users));
      }
      const view = await this.endedOrAsking(run);
      // Nobody answers what it asks.
      if (!view.endedAt) await run.terminate();
      const report = await users.stop();
      const calm = Object.entries(report.phases).filter(([name]) => !name.startsWith('away'));
      return {
        state: view.state,
        why:
          view.problem?.message ??
          view.waitingFor.map(({ id, evidence }) => `${id}: ${JSON.stringify(evidence)}`).join(),
        deaths: done,
        wrongMs,
        believed: describeServers(await this.believed(run)),
        found: describeServers(await this.found()),
        requests: calm.reduce((sum, [, { requests }]) => sum + requests, 0),
        failures: calm.reduce((sum, [, { failures }]) => sum + failures, 0),
      };
    } finally {
      users.kill();
    }
  }

  /** Is the step under way? false: the run ended or asks before it came there. */
  private async reached(run: WorkflowHandle, step: string): Promise<boolean> {
    return patiently(async () => {
      const view = await this.world.engine.status(run);
      if (view.steps.some(({ id }) => id === step)) return true;
      if (isOver(view)) return false;
      throw new Error(`${run.workflowId} does not come to ${step}`);
    });
  }

  private async killProxy(run: WorkflowHandle, users: Load): Promise<number | null> {
    const { proxy } = this.world.system;
    users.phase(`away-${performance.now()}`);
    await delay(marginMs);
    await proxy.kill9();
    await proxy.restart();
    const began = performance.now();
    for (;;) {
      const [believed, found] = [
        describeServers(await this.believed(run)),
        describeServers(await this.found()),
      ];
      const tookMs = performance.now() - began;
      const agree = believed === found;
      if (agree) {
        await delay(marginMs);
        users.phase('calm');
        return Math.round(tookMs);
      }
      const view = await getRun(this.world.engine.pool, run.workflowId);
      if (tookMs > againWithinMs || (view && isOver(view))) return null;
      await delay(50);
    }
  }

  /** What the run has told the proxy last, as its record says. */
  private async believed(run: WorkflowHandle): Promise<TrafficServer[]> {
    const attempts = await getAttempts(this.world.engine.pool, run.workflowId);
    const told = attempts
      .filter(({ kind, state }) => kind === 'traffic' && state === 'succeeded')
      .sort((a, b) => (a.endedAt ?? '').localeCompare(b.endedAt ?? ''))
      .flatMap(({ output }) => (output as { after?: TrafficServer[] } | null)?.after ?? [])
      .reduce(
        (servers, server) => servers.set(server.name, server),
        new Map<string, TrafficServer>(),
      );
    return [...told.values()].sort(byName);
  }

  /** What the proxy itself says. */
  private async found(): Promise<TrafficServer[]> {
    const { servers } = await this.world.system.proxy.traffic.observe();
    return [...servers].sort(byName);
  }

  private endedOrAsking(run: WorkflowHandle): Promise<RunView> {
    return patiently(async () => {
      const view = await getRun(this.world.engine.pool, run.workflowId);
      if (view && isOver(view)) return view;
      throw new Error(`${run.workflowId} does not end: ${view?.state}`);
    }, 180_000);
  }
}

function isOver({ endedAt, waitingFor }: RunView): boolean {
  return (
    endedAt !== null ||
    waitingFor.some(({ kind }) => rulesOfQuestion(kind).state === 'needs-operator')
  );
}

const byName = (a: TrafficServer, b: TrafficServer): number => a.name.localeCompare(b.name);
