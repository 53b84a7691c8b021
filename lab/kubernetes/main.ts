import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cleanUpOnStop } from '../../embedded/stop-request.js';
import { build, BuildTimedOut } from './build.js';
import { Cluster, contextName } from './cluster.js';
import { notBuilt, partNames, parts, program } from './programs.js';

const usage = `A real Kubernetes control plane without Docker, with simulated nodes, Helm and OpenTofu.

  npm run kubernetes                          builds its programs once, then runs it until Ctrl-C
  npm run kubernetes -- build [--minutes N]   only builds them; exit code 75 when that takes longer than N minutes
  npm run kubernetes -- built                 are they built? Exit code 0, or 1 and what is missing
  npm run kubernetes -- up                    only runs it

The build needs Go. It takes eight to ten minutes on two idle cores, and took 16 beside other work; it says how far it is. When it is
broken off, the next one goes on where it was. etcd is not built: install it (Debian: apt-get install etcd-server), or name it in
RUNBOOK_ETCD_BIN.`;

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
  cleanUpOnStop(close);
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
  print('In targets.yaml, with the rights of deploy/kubernetes/role.yaml and no others:');
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

/** @returns milliseconds; undefined when there is no limit, null when it is none */
function limitOf(args: readonly string[]): number | undefined | null {
  if (args.length === 0) return undefined;
  const [flag, minutes = ''] = args;
  const isLimit = args.length === 2 && flag === '--minutes' && Number(minutes) > 0;
  return isLimit ? Number(minutes) * 60_000 : null;
}

const [verb = 'all', ...rest] = process.argv.slice(2);
const limitMs = limitOf(rest);
/** sysexits.h: try again later. */
const tryAgain = 75;
try {
  const known = ['all', 'build', 'built', 'up'].includes(verb);
  if (!known || limitMs === null || (rest.length > 0 && verb !== 'build')) {
    print(usage);
    process.exitCode = ['help', '--help', '-h'].includes(verb) ? 0 : 2;
  } else if (verb === 'built') {
    const missing = notBuilt();
    print(
      missing.length > 0
        ? `not built: ${missing.map((name) => parts[name].title).join(', ')}`
        : `built: ${partNames.map((name) => parts[name].folder()).join(', ')}`,
    );
    process.exitCode = missing.length > 0 ? 1 : 0;
  } else {
    if (verb !== 'up') await build(print, limitMs === undefined ? {} : { limitMs });
    if (verb !== 'build') await up();
  }
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = error instanceof BuildTimedOut ? tryAgain : 1;
}
