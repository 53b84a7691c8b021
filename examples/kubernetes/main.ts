import { mkdtempSync, rmSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from './build.js';
import { Cluster, contextName } from './cluster.js';
import { program } from './programs.js';

const usage = `A real Kubernetes control plane without Docker, with simulated nodes.

  npm run kubernetes                 builds its programs once (needs Go; some minutes), then runs it until Ctrl-C
  npm run kubernetes -- build        only builds them
  npm run kubernetes -- up           only runs it

etcd is not built: install it (Debian: apt-get install etcd-server), or name it in RUNBOOK_ETCD_BIN.`;

const namespace = 'shop';

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

async function up(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'kubernetes-'));
  const starting = Cluster.start(folder);
  const close = async (): Promise<void> => {
    await starting.then((cluster) => cluster.stop()).catch(() => undefined);
    rmSync(folder, { recursive: true, force: true });
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    const exit = (): void => process.exit(128 + constants.signals[signal]);
    process.once(signal, () => void close().then(exit, exit));
  }
  try {
    const cluster = await starting;
    await cluster.makeShop(namespace);
    tell(cluster);
  } catch (error) {
    await close();
    throw error;
  }
  await new Promise<never>(() => setInterval(() => undefined, 2 ** 30));
}

function tell(cluster: Cluster): void {
  print(`export KUBECONFIG=${cluster.adminConfig}`);
  print(`alias kubectl=${program('kubectl')}`);
  print('');
  print('In targets.yaml, with the rights of examples/kubernetes/role.yaml and no others:');
  print(`  shop:
    kind: web-service
    environment: example
    facts:
      platform: kubernetes
      kubeconfig: ${cluster.deployerConfig}
      context: ${contextName}
      namespace: ${namespace}
      deployment: shop
      container: web
      image: registry.example/shop
      canary: shop-canary
      kubectl: ${program('kubectl')}`);
  print('');
  print(`It runs until Ctrl-C: ${cluster.running.join(', ')}`);
}

const [verb = 'all', ...rest] = process.argv.slice(2);
try {
  if (!['all', 'build', 'up'].includes(verb) || rest.length > 0) {
    print(usage);
    process.exitCode = ['help', '--help', '-h'].includes(verb) ? 0 : 2;
  } else {
    if (verb !== 'up') await build(print);
    if (verb !== 'build') await up();
  }
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
