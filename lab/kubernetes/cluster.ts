import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { freePort } from '../../embedded/ports.js';
import { ServerProcess } from '../../embedded/process.js';
import { nameOf } from '../web-system/app/owner.js';
import { compiledProgram } from '../web-system/programs.js';
import { findEtcd, kubernetesMissing, program } from './programs.js';

/** Who deploys: a user with the rights of role.yaml and no others. */
export const deployer = 'shop-deployer';
export const contextName = 'example';

/**
 * Only these: what else the controllers of a cluster look after does not exist here, and costs
 * time.
 */
const controllers = [
  'deployment-controller',
  'replicaset-controller',
  'garbage-collector-controller',
  'namespace-controller',
  'horizontal-pod-autoscaler-controller',
  'job-controller',
];

const readyMs = 60_000;

/** A file beside this one. */
export function fileOf(name: string): string {
  return fileURLToPath(new URL(`./${name}`, import.meta.url));
}

/** A file that users apply to their own clusters. */
const deployFile = (name: string): string => fileOf(`../../deploy/kubernetes/${name}`);

/**
 * A real Kubernetes control plane (etcd, API server, controllers, scheduler) on free ports of this
 * machine, with a simulated node: rollouts, undo, scaling, rights and failures are real, the pods
 * run nothing. It ends with the process that started it.
 */
export class Cluster {
  private readonly servers: ServerProcess[] = [];

  private constructor(private readonly folder: string) {}

  /**
   * @param folder of its own
   * @throws Error when something is missing or does not start; then nothing is left running
   */
  static async start(folder: string, log?: (line: string) => void): Promise<Cluster> {
    const missing = kubernetesMissing();
    if (missing) throw new Error(missing);
    mkdirSync(folder, { recursive: true });
    const cluster = new Cluster(folder);
    try {
      await cluster.startAll(log);
    } catch (error) {
      await cluster.stop();
      throw error;
    }
    return cluster;
  }

  /** For whoever may do everything. */
  get adminConfig(): string {
    return join(this.folder, 'admin.kubeconfig');
  }

  /** For `deployer`. */
  get deployerConfig(): string {
    return join(this.folder, 'deployer.kubeconfig');
  }

  /** kubectl as the administrator. @returns what it printed @throws Error with what it said */
  async kubectl(...args: readonly string[]): Promise<string> {
    const { stdout } = await execa(
      program('kubectl'),
      [`--kubeconfig=${this.adminConfig}`, ...args],
      { stdin: 'ignore' },
    );
    return stdout;
  }

  /** A namespace in which `deployer` may deploy `shop`, with the example's Deployment in it. */
  async makeShop(namespace: string): Promise<void> {
    await this.kubectl('create', 'namespace', namespace);
    await this.kubectl(
      'apply',
      `--namespace=${namespace}`,
      ...[deployFile('role.yaml'), fileOf('shop.yaml'), deployFile('canary.yaml')].flatMap(
        (file) => ['-f', file],
      ),
    );
    await this.kubectl(
      'rollout',
      'status',
      `--namespace=${namespace}`,
      'deployment/shop',
      '--timeout=60s',
    );
  }

  /** Processes, in the order in which they were started. */
  get running(): string[] {
    return this.servers.filter(({ ended }) => !ended).map(({ title, id }) => `${title} ${id.pid}`);
  }

  /** The last one started first. */
  async stop(): Promise<void> {
    for (const server of this.servers.splice(0).reverse()) await server.stop('SIGTERM', 5_000);
  }

  private async startAll(log: ((line: string) => void) | undefined): Promise<void> {
    const [etcdPort, peerPort, apiPort, kwokPort] = await Promise.all([
      freePort(),
      freePort(),
      freePort(),
      freePort(),
    ]);
    const etcd = `http://127.0.0.1:${etcdPort}`;
    const peer = `http://127.0.0.1:${peerPort}`;
    this.writeIdentities(apiPort);
    await this.run('etcd', findEtcd() ?? 'etcd', log, () => answers(`${etcd}/health`), [
      `--data-dir=${join(this.folder, 'etcd')}`,
      `--listen-client-urls=${etcd}`,
      `--advertise-client-urls=${etcd}`,
      `--listen-peer-urls=${peer}`,
      `--initial-advertise-peer-urls=${peer}`,
      `--initial-cluster=default=${peer}`,
    ]);
    await this.run(
      'kube-apiserver',
      program('kube-apiserver'),
      log,
      () => this.succeeds('get', '--raw', '/readyz'),
      [
        `--etcd-servers=${etcd}`,
        `--secure-port=${apiPort}`,
        '--bind-address=127.0.0.1',
        `--cert-dir=${join(this.folder, 'certs')}`,
        `--token-auth-file=${join(this.folder, 'tokens.csv')}`,
        '--authorization-mode=RBAC',
        '--service-account-issuer=https://example.invalid',
        `--service-account-key-file=${join(this.folder, 'accounts.pub')}`,
        `--service-account-signing-key-file=${join(this.folder, 'accounts.key')}`,
        // Pods here run under no account, and no controller would take the taint of a new node
        // away.
        '--disable-admission-plugins=ServiceAccount,TaintNodesByCondition',
        '--service-cluster-ip-range=10.99.0.0/16',
        // Lists as streams need etcd 3.4.31: with an older one, such as Debian's, each watch of
        // kwok would end at once.
        '--feature-gates=WatchList=false',
      ],
    );
    const always = (): Promise<boolean> => Promise.resolve(true);
    await this.run('kube-controller-manager', program('kube-controller-manager'), log, always, [
      `--kubeconfig=${this.adminConfig}`,
      `--controllers=${controllers.join(',')}`,
      '--secure-port=0',
      '--leader-elect=false',
    ]);
    await this.run('kube-scheduler', program('kube-scheduler'), log, always, [
      `--kubeconfig=${this.adminConfig}`,
      '--secure-port=0',
      '--leader-elect=false',
    ]);
    await this.run('kwok', program('kwok'), log, always, [
      `--kubeconfig=${this.adminConfig}`,
      `--config=${fileOf('stages.yaml')}`,
      '--manage-all-nodes=true',
      `--server-address=127.0.0.1:${kwokPort}`,
    ]);
    await this.kubectl('apply', '-f', fileOf('node.yaml'));
    await this.kubectl('wait', '--for=condition=Ready', 'node/node-0', '--timeout=60s');
  }

  /**
   * Keys of service accounts, tokens of the two users, and how each of them reaches the API server.
   */
  private writeIdentities(port: number): void {
    const write = (name: string, text: string): void =>
      writeFileSync(join(this.folder, name), text, { mode: 0o600 });
    const { privateKey, publicKey } = generateKeyPairSync('rsa', {
      modulusLength: 2048,
      privateKeyEncoding: { type: 'pkcs1', format: 'pem' },
      publicKeyEncoding: { type: 'spki', format: 'pem' },
    });
    write('accounts.key', privateKey);
    write('accounts.pub', publicKey);
    const [admin, other] = [randomBytes(24).toString('hex'), randomBytes(24).toString('hex')];
    write('tokens.csv', `${admin},admin,admin,system:masters\n${other},${deployer},${deployer}\n`);
    const config = (user: string, token: string): string =>
      JSON.stringify({
        apiVersion: 'v1',
        kind: 'Config',
        clusters: [
          {
            name: contextName,
            // The API server makes the certificate when it starts.
            cluster: {
              server: `https://127.0.0.1:${port}`,
              'certificate-authority': join(this.folder, 'certs', 'apiserver.crt'),
            },
          },
        ],
        users: [{ name: user, user: { token } }],
        contexts: [{ name: contextName, context: { cluster: contextName, user } }],
        'current-context': contextName,
      });
    write('admin.kubeconfig', config('admin', admin));
    write('deployer.kubeconfig', config(deployer, other));
  }

  private async run(
    title: string,
    path: string,
    log: ((line: string) => void) | undefined,
    ready: () => Promise<boolean>,
    args: readonly string[],
  ): Promise<void> {
    const pidFile = join(this.folder, `${title}.pid`);
    const guarded = [compiledProgram('guard'), nameOf(process.pid), pidFile, path, ...args];
    const server = ServerProcess.start(title, process.execPath, guarded, { log, cwd: this.folder });
    this.servers.push(server);
    await server.untilReady(async () => existsSync(pidFile) && (await ready()), readyMs);
  }

  private succeeds(...args: readonly string[]): Promise<boolean> {
    return this.kubectl(...args).then(
      () => true,
      () => false,
    );
  }
}

function answers(url: string): Promise<boolean> {
  return fetch(url, { signal: AbortSignal.timeout(1_000) }).then(
    ({ ok }) => ok,
    () => false,
  );
}
