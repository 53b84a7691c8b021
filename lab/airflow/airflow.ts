import { spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, delimiter, join } from 'node:path';
import { freePort } from '../../embedded/ports.js';
import { stretched } from '../../embedded/pace.js';
import { until } from '../until.js';
import { withClient } from '../with-client.js';
import { nameOf } from '../web-system/app/owner.js';
import { guard } from './guard-file.js';
import { kill, killSession } from './session.js';

/** Who may log in, with their roles. */
const people = { operator: 'op', onlooker: 'viewer' } as const;

/** The servers of Airflow. A triggerer is only needed where a task waits deferred. */
type Part = 'api-server' | 'scheduler' | 'dag-processor' | 'triggerer';

/** The addresses of what an Airflow works on. */
export interface Addresses {
  /** The database of its tasks. */
  warehouse: string;
  /** A database of its own. SQLite would refuse changes while a task writes. */
  metadata: string;
  /** A repository of Git, with more DAGs, in versions; its branch `main`. */
  repository?: string;
}

/** A real Airflow in a folder of its own, with servers on loopback. */
export class Airflow {
  readonly passwords = { operator: randomBytes(9).toString('hex'), onlooker: 'only-looks' };
  private readonly running = new Map<Part, ChildProcess>();
  private token = '';

  private constructor(
    private readonly program: string,
    readonly home: string,
    private readonly port: number,
    private readonly logPort: number,
    private readonly addresses: Addresses,
  ) {}

  /** With the DAGs of this folder, all of them read and none paused. */
  static async start(program: string, addresses: Addresses): Promise<Airflow> {
    const home = await mkdtemp(join(tmpdir(), 'runbook-airflow-'));
    const ports = [await freePort(), await freePort()] as const;
    const airflow = new Airflow(program, home, ...ports, addresses);
    await cp(join(process.cwd(), 'lab', 'airflow', 'dags'), airflow.dags, { recursive: true });
    await writeFile(join(home, 'passwords.json'), JSON.stringify(airflow.passwords));
    await airflow.command('db', 'migrate');
    await airflow.readDags();
    await airflow.begin('api-server', 'scheduler');
    return airflow;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  get dags(): string {
    return join(this.home, 'dags');
  }

  /** The file that the DAG `arrivals` waits for. */
  get arrival(): string {
    return join(this.home, 'arrived');
  }

  async stop(): Promise<void> {
    await this.end('SIGTERM', ...this.running.keys());
    await rm(this.home, { recursive: true, force: true });
  }

  /** Reads the DAGs once: no process of its own looks at them all the time. */
  async readDags(): Promise<void> {
    await this.command('dags', 'reserialize');
  }

  /** Starts servers, and returns when they answer. */
  async begin(...parts: Part[]): Promise<void> {
    for (const part of parts) {
      const args = part === 'api-server' ? [part, '--workers', '1'] : [part];
      this.running.set(part, this.spawn(args, `${part}.log`));
    }
    await until('Airflow to answer', () => this.isHealthy(parts), 90_000);
    this.token = await this.login();
  }

  /** Ends servers with all their processes, tasks included. */
  async end(signal: NodeJS.Signals, ...parts: Part[]): Promise<void> {
    await Promise.all(
      parts.map(async (part) => {
        const child = this.running.get(part);
        this.running.delete(part);
        if (!child?.pid || child.exitCode !== null || child.signalCode !== null) return;
        const exited = once(child, 'exit');
        const leader = child.pid;
        if (signal === 'SIGKILL') killSession(leader);
        else kill(-leader, signal);
        const timer = setTimeout(() => killSession(leader), stretched(10_000));
        await exited;
        clearTimeout(timer);
        killSession(leader);
      }),
    );
  }

  /** Kills the servers, and the tasks that are at work. */
  async powerCut(dag: string): Promise<void> {
    const { task_instances: working } = await this.ask<{ task_instances: { pid: number }[] }>(
      'GET',
      `/dags/${dag}/dagRuns/~/taskInstances?state=running`,
    );
    const ended = this.end('SIGKILL', ...this.running.keys());
    for (const { pid } of working) kill(pid, 'SIGKILL');
    await ended;
  }

  /** Triggers a DAG run. @param date its logical date, which it may lack @returns its id */
  async trigger(dag: string, conf: object = {}, date: string | null = null): Promise<string> {
    const body = { logical_date: date, conf };
    const run = await this.ask<{ dag_run_id: string }>('POST', `/dags/${dag}/dagRuns`, body);
    return run.dag_run_id;
  }

  /** Gives the pool of all tasks so many slots. */
  async setSlots(slots: number): Promise<void> {
    await this.ask('PATCH', '/pools/default_pool?update_mask=slots', {
      ...{ pool: 'default_pool', slots, include_deferred: false },
    });
  }

  /** Waits until the DAG run has ended. @returns how */
  async ended(dag: string, run: string): Promise<string> {
    return until(`${run} to end`, async () => {
      const path = `/dags/${dag}/dagRuns/${encodeURIComponent(run)}`;
      const { state } = await this.ask<{ state: string }>('GET', path);
      return /^(success|failed)$/.test(state) && state;
    });
  }

  /**
   * Takes the versions of code from a DAG run and its tasks, as those lack them that are older than
   * Airflow 3, or whose bundle keeps none.
   */
  async forgetVersion(dag: string, run: string): Promise<void> {
    await withClient(this.addresses.metadata, async (client) => {
      for (const change of [
        'UPDATE dag_run SET bundle_version = NULL, created_dag_version_id = NULL',
        'UPDATE task_instance SET dag_version_id = NULL',
      ])
        await client.query(`${change} WHERE dag_id = $1 AND run_id = $2`, [dag, run]);
    });
  }

  /** A request to the API of version 2. */
  async ask<T>(method: string, path: string, body?: object): Promise<T> {
    const response = await fetch(`${this.url}/api/v2${path}`, {
      method,
      headers: { authorization: `Bearer ${this.token}`, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return (text === '' ? null : JSON.parse(text)) as T;
  }

  async login(user: keyof typeof people = 'operator'): Promise<string> {
    const response = await fetch(`${this.url}/auth/token`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ username: user, password: this.passwords[user] }),
    });
    return ((await response.json()) as { access_token: string }).access_token;
  }

  async command(...args: string[]): Promise<void> {
    const child = this.spawn(args, 'commands.log');
    const [code] = (await once(child, 'exit')) as [number | null];
    if (code !== 0) throw new Error(`airflow ${args.join(' ')}: exit ${code}, see ${this.home}`);
  }

  /** It ends with this process, and leads a session of its own. */
  private spawn(args: readonly string[], logFile: string): ChildProcess {
    const log = openSync(join(this.home, logFile), 'a');
    const guarded = [guard, nameOf(process.pid), this.home, this.program, ...args];
    const child = spawn(process.execPath, guarded, {
      ...{ env: this.environment, detached: true, stdio: ['ignore', log, log] },
    });
    closeSync(log);
    return child;
  }

  private async isHealthy(parts: readonly Part[]): Promise<boolean> {
    const response = await fetch(`${this.url}/api/v2/monitor/health`).catch(() => undefined);
    if (!response?.ok) return false;
    const health = (await response.json()) as Record<string, { status: string | null }>;
    return parts
      .filter((part) => part !== 'api-server' && part !== 'dag-processor')
      .every((part) => health[part]?.status === 'healthy');
  }

  private get bundles(): object[] {
    const folder = 'airflow.dag_processing.bundles.local.LocalDagBundle';
    const git = 'airflow.providers.git.bundles.git.GitDagBundle';
    return [
      { name: 'dags-folder', classpath: folder, kwargs: {} },
      ...(this.addresses.repository === undefined
        ? []
        : [
            {
              ...{ name: 'repository', classpath: git },
              kwargs: { repo_url: this.addresses.repository, tracking_ref: 'main' },
            },
          ]),
    ];
  }

  /** Small: one process for each server, and no look that nobody needs. */
  private get environment(): NodeJS.ProcessEnv {
    const settings = {
      ...{ CORE__DAGS_FOLDER: this.dags, CORE__LOAD_EXAMPLES: 'False', CORE__PARALLELISM: '2' },
      CORE__SIMPLE_AUTH_MANAGER_USERS: Object.entries(people)
        .map(([user, role]) => `${user}:${role}`)
        .join(','),
      CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE: join(this.home, 'passwords.json'),
      ...{ CORE__DAGS_ARE_PAUSED_AT_CREATION: 'False', CORE__EXECUTOR: 'LocalExecutor' },
      CORE__EXECUTION_API_SERVER_URL: `${this.url}/execution/`,
      ...{ API__PORT: `${this.port}`, API__HOST: '127.0.0.1', API__BASE_URL: this.url },
      // The same for all servers, also after a restart.
      ...{ API__SECRET_KEY: this.passwords.operator, API_AUTH__JWT_SECRET: this.home.padEnd(64) },
      ...{ SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT: '20', SCHEDULER__PARSING_PROCESSES: '1' },
      SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL: '3',
      SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL: '5',
      DATABASE__SQL_ALCHEMY_CONN: driven('postgresql+psycopg2', this.addresses.metadata),
      DATABASE__SQL_ALCHEMY_CONN_ASYNC: driven('postgresql+asyncpg', this.addresses.metadata),
      // A busy machine is no failure of a task.
      WORKERS__EXECUTION_API_TIMEOUT: '60',
      LOGGING__WORKER_LOG_SERVER_PORT: `${this.logPort}`,
      DAG_PROCESSOR__DAG_BUNDLE_STORAGE_PATH: join(this.home, 'bundles'),
      DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST: JSON.stringify(this.bundles),
    };
    return {
      ...process.env,
      ...{
        AIRFLOW_HOME: this.home,
        STRIKES_DATABASE: this.addresses.warehouse,
        STRIKES_ARRIVAL: this.arrival,
        AIRFLOW_CONN_FS_DEFAULT: 'fs://',
        PYTHONDONTWRITEBYTECODE: '1',
      },
      PATH: [dirname(this.program), process.env['PATH']].join(delimiter),
      ...Object.fromEntries(
        Object.entries(settings).map(([name, value]) => [`AIRFLOW__${name}`, value]),
      ),
    };
  }
}

/** The address, for a driver of Python. */
function driven(scheme: string, address: string): string {
  return address.replace(/^\w+(?=:)/, scheme);
}
