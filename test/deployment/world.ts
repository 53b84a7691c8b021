import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect } from '@jest/globals';
import type { WorkflowHandle } from '@temporalio/client';
import { stretched } from '../../embedded/pace.js';
import { freePort } from '../../embedded/ports.js';
import { Load, type LoadOptions } from '../../lab/web-system/load-client.js';
import { instancesOf, runningInstance, startInstance } from '../../lab/web-system/instances.js';
import type { LoadReport } from '../../lab/web-system/load-report.js';
import { proxyHere, type ProxyKind } from '../../lab/web-system/proxy.js';
import { WebSystem } from '../../lab/web-system/system.js';
import { webTarget } from '../../lab/web-system/target.js';
import type { JsonObject } from '../../language/json.js';
import { programFolder } from '../../worker/config.js';
import { createTestDatabase } from '../helpers/database.js';
import { Engine, type EngineOptions } from '../helpers/engine.js';
import { until } from '../../lab/until.js';
import { reloadsOf } from './reloads.js';

const unnoticed = { failures: 0, failed: [] };

export type DeploymentWorldOptions = Pick<EngineOptions, 'workers' | 'program' | 'address'> & {
  slots?: readonly string[];
  everywhere?: boolean;
  /** Does a restarted proxy come back with what it was told? true unless said otherwise. */
  remembers?: boolean;
};

/** The real system under load, and the shipped runbook in front of it. */
export class DeploymentWorld {
  private constructor(
    readonly engine: Engine,
    readonly system: WebSystem,
    private readonly closers: (() => Promise<unknown>)[],
  ) {}

  /** @param proxy HAProxy where it can be had, else Caddy, unless said */
  static async start(
    proxy: ProxyKind = proxyHere(),
    { remembers = true, slots, everywhere, ...workers }: DeploymentWorldOptions = {},
  ): Promise<DeploymentWorld> {
    const folder = await mkdtemp(join(tmpdir(), 'runbook-deploy-'));
    const database = await createTestDatabase('web');
    const where = { ...(slots ? { slots } : {}), ...(everywhere ? { everywhere } : {}) };
    const system = await WebSystem.start(folder, {
      proxy,
      databaseUrl: database.url,
      remembers,
      ...where,
    });
    const shop = webTarget(system);
    // Nobody listens there.
    const prometheus = { url: `http://127.0.0.1:${await freePort()}`, p95: 'vector(0.01)' };
    const engine = await Engine.start({
      ...workers,
      procedures: join(programFolder, 'workflows', 'index.js'),
      targets: JSON.stringify({
        targets: { shop, blind: { ...shop, facts: { ...shop.facts, prometheus } } },
      }),
    });
    return new DeploymentWorld(engine, system, [
      () => engine.stop(),
      () => system.stop(),
      () => database.drop(),
      () => rm(folder, { recursive: true, force: true }),
    ]);
  }

  users(rate = 300, limits: Pick<LoadOptions, 'requests' | 'seconds'> = {}): Load {
    const { url, kind } = this.system.proxy;
    // A new configuration of Caddy or nginx closes idle connections: what RFC 9110 §9.2.2 allows is
    // sent again, orders are not sent.
    return Load.start({
      url,
      rate,
      connections: 8,
      ...limits,
      ...(kind === 'haproxy' ? {} : { orders: 0, retryOnce: true }),
    });
  }

  /**
   * Did users notice no more than the proxy promises? With HAProxy that is nothing. A new
   * configuration of Caddy costs each connection one request at most, and what is answered is right
   * all the same.
   */
  async expectUnnoticed({ failures, failed, lost, connections }: LoadReport): Promise<void> {
    const { proxy } = this.system;
    if (proxy.kind === 'haproxy') return expect({ failures, failed }).toEqual(unnoticed);
    expect(failed.filter(({ instance }) => instance !== null)).toEqual([]);
    expect(lost).toBeLessThanOrEqual(connections * (await reloadsOf(proxy)));
  }

  deploy(version: string, inputs: JsonObject = {}): Promise<WorkflowHandle> {
    const given = {
      service: 'shop',
      version,
      window: '1s',
      watch: '1s',
      min_requests: 20,
      // Machines that run tests are noisy; the slow release takes six times as long.
      max_latency: 4,
      // A start takes as long as the machine lets it.
      ready_within: `${stretched(3_000)}ms`,
      contract: 'later',
    };
    return this.engine.run('zero-downtime-deployment', { ...given, ...inputs });
  }

  /** Approves what the run asks first; nothing when it ends before it asks. */
  async approve(run: WorkflowHandle): Promise<void> {
    const [wait] = (await this.engine.asksOrEnds(run)).waitingFor;
    if (!wait) return;
    if (wait.kind !== 'approval') throw new Error(`${wait.id}: ${JSON.stringify(wait.evidence)}`);
    const verdict = await this.engine.send(run, await this.engine.decision(run));
    if (!verdict.accepted) throw new Error(verdict.message);
  }

  /** Ends a server at once, as nobody should, and starts it again. */
  async breakServer(name: string): Promise<void> {
    const { files, ports } = this.system;
    const instance = runningInstance(files, name);
    if (!instance) throw new Error(`nothing runs on ${name}`);
    process.kill(instance.pid, 'SIGKILL');
    await until('its end', () => Promise.resolve(runningInstance(files, name) === undefined));
    await startInstance(files, { name, version: instance.version, port: ports[name] ?? 0 });
  }

  /** Rolls a run back, whatever it does. */
  async takeBack(run: WorkflowHandle): Promise<void> {
    const { workflowId } = run;
    const decision = {
      version: 1,
      id: randomUUID(),
      run: workflowId,
      verb: 'rollback',
      by: 'operator',
      reason: 'test',
    } as const;
    const verdict = await this.engine.send(run, decision);
    if (!verdict.accepted) throw new Error(verdict.message);
  }

  /** Asks the proxy all the time how many servers carry the users; `stop` tells the fewest. */
  fewestCarrying(): { stop(): Promise<number> } {
    let [going, fewest] = [true, Infinity];
    const watch = async (): Promise<number> => {
      while (going) {
        const { servers } = await this.system.proxy.traffic.observe();
        fewest = Math.min(
          fewest,
          servers.filter(({ weight, up }) => weight > 0 && up !== false).length,
        );
        await delay(20);
      }
      return fewest;
    };
    const watching = watch();
    return {
      stop: () => {
        going = false;
        return watching;
      },
    };
  }

  /** Versions that the proxy itself sends users to, and nothing else runs. */
  async serving(): Promise<string[]> {
    const { servers } = await this.system.proxy.traffic.observe();
    const running = instancesOf(this.system.files);
    const used = servers.filter(({ weight }) => weight > 0).map(({ name }) => name);
    const idle = running
      .filter(({ name }) => !used.includes(name))
      .map(({ name, version }) => `${version} idle on ${name}`);
    return [
      ...used.map(
        (name) => running.find((each) => each.name === name)?.version ?? `nothing on ${name}`,
      ),
      ...idle,
    ];
  }

  async stop(): Promise<void> {
    for (const close of this.closers) await close();
  }
}
