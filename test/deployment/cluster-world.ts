import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { WorkflowHandle } from '@temporalio/client';
import type { Verdict } from '../../common/envelope.js';
import type { DeskVerb } from '../../common/questions.js';
import type { RunView, WaitView } from '../../common/view.js';
import { type Cluster, contextName } from '../../lab/kubernetes/cluster.js';
import { program } from '../../lab/kubernetes/programs.js';
import type { JsonObject } from '../../language/json.js';
import { programFolder } from '../../worker/config.js';
import { Engine } from '../helpers/engine.js';
import { until } from '../../lab/until.js';

const repository = 'registry.example/shop';

/** A Deployment as far as the tests look at it. */
interface Found {
  metadata: { generation: number; annotations: Record<string, string> };
  spec: { replicas: number; template: { spec: { containers: { image: string }[] } } };
  status: { availableReplicas?: number; replicas?: number };
}

/**
 * One service in a namespace of its own, as a target: `shop` there, deployed by a user who has no
 * rights but those of role.yaml.
 */
export class Shop {
  private readonly folder: string;
  readonly namespace: string;

  constructor(
    readonly cluster: Cluster,
    readonly target: string,
    folder: string,
  ) {
    this.namespace = target;
    this.folder = join(folder, target);
    mkdirSync(this.folder);
    writeFileSync(join(this.folder, 'kubectl'), wrapper(this.folder));
    chmodSync(join(this.folder, 'kubectl'), 0o755);
  }

  get declaration(): JsonObject {
    return {
      kind: 'web-service',
      environment: 'test',
      facts: {
        platform: 'kubernetes',
        kubeconfig: this.cluster.deployerConfig,
        context: contextName,
        namespace: this.namespace,
        deployment: 'shop',
        container: 'web',
        image: repository,
        ...(this.target === 'canary' ? { canary: 'shop-canary' } : {}),
        kubectl: join(this.folder, 'kubectl'),
      },
    };
  }

  /** kubectl as somebody else, who may do everything. */
  kubectl(...args: readonly string[]): Promise<string> {
    return this.cluster.kubectl(`--namespace=${this.namespace}`, ...args);
  }

  async found(name = 'shop'): Promise<Found> {
    return JSON.parse(await this.kubectl('get', `deployment/${name}`, '-o', 'json')) as Found;
  }

  /** Number of the revision that runs: one more for each rollout, and for each way back. */
  async revision(): Promise<number> {
    return Number((await this.found()).metadata.annotations['deployment.kubernetes.io/revision']);
  }

  /** Tag of the image that the Deployment wants now. */
  async tag(name = 'shop'): Promise<string | undefined> {
    return (await this.found(name)).spec.template.spec.containers[0]?.image.split(':').at(-1);
  }

  /** Images of the pods, without those that are being ended. */
  async podTags(): Promise<string[]> {
    interface Pods {
      items: {
        metadata: { deletionTimestamp?: string };
        spec: { containers: { image: string }[] };
      }[];
    }
    const { items } = JSON.parse(await this.kubectl('get', 'pods', '-o', 'json')) as Pods;
    return items
      .filter(({ metadata }) => metadata.deletionTimestamp === undefined)
      .map(({ spec }) => spec.containers[0]?.image.split(':').at(-1) ?? '');
  }

  /** Calls that changed or followed something, in order, as `set image`, `rollout undo` … */
  get calls(): string[] {
    const file = join(this.folder, 'calls');
    return existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n') : [];
  }

  /** The next call of this kind does this first, as shell text; `real` is the real kubectl. */
  meddle(call: string, script: string): void {
    writeFileSync(join(this.folder, call.replace(' ', '-')), script);
  }

  /** Says, from a script of `meddle`, that it is there; then waits until it may go on. */
  get pause(): string {
    const [there, go] = ['there', 'go'].map((name) => join(this.folder, name));
    return `touch '${there}'; while [ ! -e '${go}' ]; do sleep 0.05; done`;
  }

  async paused(): Promise<void> {
    await until('kubectl to be there', () =>
      Promise.resolve(existsSync(join(this.folder, 'there'))),
    );
  }

  goOn(): void {
    writeFileSync(join(this.folder, 'go'), '');
  }

  /** How many pods took requests, each time that the API server said something of it. */
  async sample(
    name = 'shop',
  ): Promise<{ least(): number; most(): number; count(): number; stop(): Promise<void> }> {
    const path = 'jsonpath={.status.availableReplicas}{"\\n"}';
    const args = [
      `--kubeconfig=${this.cluster.adminConfig}`,
      `--namespace=${this.namespace}`,
      'get',
      `deployment/${name}`,
      '--watch',
      '-o',
      path,
    ];
    const child = spawn(program('kubectl'), args, { stdio: ['ignore', 'pipe', 'ignore'] });
    const seen: number[] = [];
    createInterface({ input: child.stdout }).on('line', (line) => seen.push(Number(line)));
    await until('the watch to begin', () => Promise.resolve(seen.length > 0));
    return {
      least: () => Math.min(...seen),
      most: () => Math.max(...seen),
      count: () => seen.length,
      stop: async () => {
        const ended = once(child, 'exit');
        child.kill();
        await ended;
      },
    };
  }
}

/** Real kubectl, which a test can do something before, after or instead of. */
function wrapper(folder: string): string {
  return `#!/bin/sh
real='${program('kubectl')}'
call=
case " $* " in
  *' set image '*) call='set image' ;;
  *' rollout undo '*) call='rollout undo' ;;
  *' rollout status '*) call='rollout status' ;;
  *' scale '*) call='scale' ;;
esac
if [ -n "$call" ]; then
  echo "$call" >> '${folder}/calls'
  meddle='${folder}'/$(echo "$call" | tr ' ' '-')
  if mv "$meddle" "$meddle.now" 2>/dev/null; then . "$meddle.now"; fi
fi
exec "$real" "$@"
`;
}

/** The shipped runbook against a real control plane. */
export class ClusterWorld {
  private constructor(
    readonly cluster: Cluster,
    readonly engine: Engine,
    readonly shops: ReadonlyMap<string, Shop>,
    private readonly closers: (() => Promise<unknown>)[],
  ) {}

  /** @param names of the shops, each a target in a namespace of its own */
  static async start(
    cluster: Cluster,
    names: readonly string[],
    options: { workers?: number } = {},
  ): Promise<ClusterWorld> {
    const folder = await mkdtemp(join(tmpdir(), 'runbook-shops-'));
    const shops = new Map(names.map((name) => [name, new Shop(cluster, name, folder)]));
    await Promise.all(names.map((name) => cluster.makeShop(name)));
    const engine = await Engine.start({
      ...options,
      procedures: join(programFolder, 'workflows', 'index.js'),
      targets: JSON.stringify({
        targets: Object.fromEntries([...shops].map(([name, shop]) => [name, shop.declaration])),
      }),
    });
    return new ClusterWorld(cluster, engine, shops, [
      () => engine.stop(),
      () => rm(folder, { recursive: true, force: true }),
    ]);
  }

  shop(name: string): Shop {
    return this.shops.get(name)!;
  }

  /** Deploys, and gives the approval when it is asked for. */
  async deploy(shop: Shop, version: string, inputs: JsonObject = {}): Promise<WorkflowHandle> {
    const given = {
      service: shop.target,
      version,
      strategy: 'rolling',
      window: '2s',
      watch: '2s',
      ready_within: '90s',
      contract: 'later',
    };
    const run = await this.engine.run('zero-downtime-deployment', { ...given, ...inputs });
    const [wait] = (await this.engine.asksOrEnds(run)).waitingFor;
    if (wait?.kind === 'approval') {
      const verdict = await this.engine.send(run, await this.engine.decision(run));
      if (!verdict.accepted) throw new Error(verdict.message);
      await until('the approval to be taken', async () => {
        const { waitingFor } = await this.engine.status(run);
        return !waitingFor.some(({ id }) => id === 'approve');
      });
    }
    return run;
  }

  /** The question of a step, once it is asked. */
  async asked(run: WorkflowHandle, step: string): Promise<WaitView> {
    return until(`${step} to ask`, async () => {
      const view = await this.engine.status(run).catch(() => null);
      if (!view) return undefined;
      if (view.endedAt !== null)
        throw new Error(`the run ended as ${view.state}: ${view.problem?.message}`);
      return view.waitingFor.find(({ id }) => id === step);
    });
  }

  async answer(run: WorkflowHandle, verb: DeskVerb): Promise<Verdict> {
    const verdict = await this.engine.send(run, await this.engine.decision(run, { verb }));
    if (!verdict.accepted) throw new Error(verdict.message);
    return verdict;
  }

  ended(run: WorkflowHandle): Promise<RunView> {
    return this.engine.ended(run);
  }

  async stop(): Promise<void> {
    for (const close of this.closers) await close();
  }
}
