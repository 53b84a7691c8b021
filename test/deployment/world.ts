import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { WorkflowHandle } from '@temporalio/client';
import { Load, type LoadOptions } from '../../examples/web-system/load-client.js';
import { instancesOf } from '../../examples/web-system/instances.js';
import { proxyMissing, type ProxyKind } from '../../examples/web-system/proxy.js';
import { WebSystem } from '../../examples/web-system/system.js';
import { webTarget } from '../../examples/web-system/target.js';
import type { JsonObject } from '../../language/json.js';
import { programFolder } from '../../worker/config.js';
import { createTestDatabase } from '../helpers/database.js';
import { Engine, type EngineOptions } from '../helpers/engine.js';

export type DeploymentWorldOptions = Pick<EngineOptions, 'workers' | 'program' | 'address'> & {
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

  /** @param proxy HAProxy where it is installed, else Caddy, unless said */
  static async start(
    proxy: ProxyKind = proxyMissing('haproxy') ? 'caddy' : 'haproxy',
    { remembers = true, ...options }: DeploymentWorldOptions = {},
  ): Promise<DeploymentWorld> {
    const folder = await mkdtemp(join(tmpdir(), 'runbook-deploy-'));
    const database = await createTestDatabase('web');
    const system = await WebSystem.start(folder, { proxy, databaseUrl: database.url, remembers });
    const engine = await Engine.start({
      ...options,
      procedures: join(programFolder, 'workflows', 'index.js'),
      targets: JSON.stringify({ targets: { shop: webTarget(system) } }),
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
    // Each change of Caddy's configuration closes idle connections: what RFC 9110 §9.2.2 allows is sent again, orders are not sent.
    return Load.start({ url, rate, connections: 8, ...limits, ...(kind === 'caddy' ? { orders: 0, retryOnce: true } : {}) });
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
      ready_within: '3s',
      contract: 'later',
    };
    return this.engine.run('zero-downtime-deployment', { ...given, ...inputs });
  }

  /** Approves what the run asks first; nothing when it ends before it asks. */
  async approve(run: WorkflowHandle): Promise<void> {
    const ended = run.result().then(
      () => null,
      () => null,
    );
    const wait = await Promise.race([ended, this.engine.waiting(run)]);
    if (wait === null) return;
    if (wait.kind !== 'approval') throw new Error(`${wait.id}: ${JSON.stringify(wait.evidence)}`);
    const verdict = await this.engine.send(run, await this.engine.decision(run));
    if (!verdict.accepted) throw new Error(verdict.message);
  }

  /** Versions that the proxy itself sends users to, and nothing else runs. */
  async serving(): Promise<string[]> {
    const { servers } = await this.system.proxy.traffic.observe();
    const running = instancesOf(this.system.files);
    const used = servers.filter(({ weight }) => weight > 0).map(({ name }) => name);
    const idle = running.filter(({ name }) => !used.includes(name)).map(({ name, version }) => `${version} idle on ${name}`);
    return [...used.map((name) => running.find((each) => each.name === name)?.version ?? `nothing on ${name}`), ...idle];
  }

  async stop(): Promise<void> {
    for (const close of this.closers) await close();
  }
}
