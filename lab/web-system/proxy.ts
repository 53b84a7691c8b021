import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TargetDeclaration } from '../../language/targets-file.js';
import { caddyServers } from '../../activities/delivery/traffic/caddy.js';
import { nginxLogFormat } from '../../activities/delivery/traffic/nginx-access-log.js';
import { nginxPool } from '../../activities/delivery/traffic/nginx.js';
import { trafficOf } from '../../activities/delivery/traffic/index.js';
import type { TrafficSwitch } from '../../activities/delivery/traffic/switch.js';
import { findCaddy, findHaproxy, findNginx, isHaproxyHere } from '../../embedded/binaries.js';
import { cacheFolder } from '../../embedded/home.js';
import { freePort } from '../../embedded/ports.js';
import { endProcess, ServerProcess, startOf } from '../../embedded/process.js';
import { nameOf } from './app/owner.js';
import { compiledProgram } from './programs.js';

/*
 * The proxies that stand in front of the application, each with the pool `web` and the slots given.
 * A slot is empty until the traffic switch puts an instance into it.
 */

export const proxyKinds = ['haproxy', 'caddy', 'nginx'] as const;
export type ProxyKind = (typeof proxyKinds)[number];

export const pool = 'web';

interface Kind {
  program: string;
  args: string[];
  pidFile: string;
  facts: TargetDeclaration['facts'];
  /** Told when it is to come back as it was. */
  resumeArgs: string[];
}

export interface ProxyOptions {
  slots?: readonly string[];
  /** Where HAProxy's configuration says that a slot is; an empty slot unless said. */
  declared?: Readonly<Record<string, string>>;
  port?: number;
  /** Does a restart bring back what the switch changed? true unless said otherwise. */
  remembers?: boolean;
  log?: (line: string) => void;
}

/** Why this proxy cannot be had here; undefined when it can. */
export function proxyMissing(kind: ProxyKind): string | undefined {
  if (kind === 'nginx' && !findNginx())
    return (
      'nginx is not installed: install it (Debian: apt-get ' +
      'install nginx-light) or name it in RUNBOOK_NGINX_BIN'
    );
  if (kind !== 'haproxy' || isHaproxyHere()) return undefined;
  return (
    'HAProxy is not installed, and not packaged for this platform: ' +
    'install it (brew install haproxy) or name it in RUNBOOK_HAPROXY_BIN'
  );
}

/** HAProxy where it is installed or packaged, else Caddy, which can be had everywhere. */
export function proxyHere(): ProxyKind {
  return proxyMissing('haproxy') ? 'caddy' : 'haproxy';
}

/** A proxy's process. It ends with the process that started it. */
export class Proxy {
  private server: ServerProcess | undefined;

  private constructor(
    readonly kind: ProxyKind,
    readonly url: string,
    private readonly how: Kind,
    private readonly log: ((line: string) => void) | undefined,
  ) {}

  /** @param folder of its own @throws Error when it cannot be had or does not start */
  static async start(kind: ProxyKind, folder: string, options: ProxyOptions = {}): Promise<Proxy> {
    mkdirSync(folder, { recursive: true });
    const missing = proxyMissing(kind);
    if (missing) throw new Error(missing);
    const port = options.port ?? (await freePort());
    const slots = options.slots ?? ['blue', 'green'];
    const remembers = options.remembers ?? true;
    const how = await kinds[kind](folder, port, slots, remembers, options.declared ?? {});
    const proxy = new Proxy(kind, `http://127.0.0.1:${port}`, how, options.log);
    await proxy.run([]);
    return proxy;
  }

  /** What a target of this proxy declares. */
  get facts(): TargetDeclaration['facts'] {
    return this.how.facts;
  }

  get traffic(): TrafficSwitch {
    return trafficOf({ name: this.kind, facts: this.facts });
  }

  /** Process number of the proxy itself. */
  get pid(): number {
    return Number(readFileSync(this.how.pidFile, 'utf8').trim());
  }

  async kill9(): Promise<void> {
    const { pid } = this;
    const own = this.kind === 'nginx' ? childrenOf(pid) : [];
    for (const each of [pid, ...own])
      await endProcess({ pid: each, started: startOf(each) ?? '' }, 'SIGKILL', 1_000);
    await this.server?.stop();
  }

  /** Starts it again after its end, on the same port. */
  restart(): Promise<void> {
    return this.run(this.how.resumeArgs);
  }

  async stop(): Promise<void> {
    await this.server?.stop();
  }

  private async run(further: readonly string[]): Promise<void> {
    const { program, args, pidFile } = this.how;
    rmSync(pidFile, { force: true });
    const guarded = [
      compiledProgram('guard'),
      nameOf(process.pid),
      pidFile,
      program,
      ...args,
      ...further,
    ];
    this.server = ServerProcess.start(this.kind, process.execPath, guarded, { log: this.log });
    const { traffic } = this;
    const answers = (): Promise<boolean> =>
      traffic.observe().then(
        () => existsSync(pidFile),
        () => false,
      );
    try {
      await this.server.untilReady(answers, 10_000);
    } catch (error) {
      await this.stop();
      throw error;
    }
  }
}

const kinds: Record<
  ProxyKind,
  (
    folder: string,
    port: number,
    slots: readonly string[],
    remembers: boolean,
    declared: Readonly<Record<string, string>>,
  ) => Kind | Promise<Kind>
> = { haproxy: haproxyIn, caddy: caddyIn, nginx: nginxIn };

/** nginx's workers outlive a master that was killed. */
function childrenOf(pid: number): number[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
    .split(' ')
    .filter(Boolean)
    .map(Number);
}

async function haproxyIn(
  folder: string,
  port: number,
  slots: readonly string[],
  remembers: boolean,
  declared: Readonly<Record<string, string>>,
): Promise<Kind> {
  const socket = join(folder, 'haproxy.sock');
  const pidFile = join(folder, 'haproxy.pid');
  const config = join(folder, 'haproxy.cfg');
  const stateFile = join(folder, 'haproxy.state');
  writeFileSync(stateFile, '');
  writeFileSync(config, haproxyConfig({ socket, stateFile, port, slots, remembers, declared }));
  return {
    program: await findHaproxy(cacheFolder(), sayFetched),
    args: ['-db', '-f', config],
    resumeArgs: [],
    pidFile,
    facts: { proxy: 'haproxy', pool, socket, ...(remembers ? { stateFile } : {}) },
  };
}

const sayFetched = (line: string): void => void process.stderr.write(`${line}\n`);

function haproxyConfig(settings: {
  socket: string;
  stateFile: string;
  port: number;
  slots: readonly string[];
  remembers: boolean;
  declared: Readonly<Record<string, string>>;
}): string {
  const { socket, stateFile, port, slots, remembers, declared } = settings;
  return `global
  stats socket ${socket} mode 600 level admin
  stats timeout 30s
  maxconn 2000
  nbthread 1
${remembers ? `  server-state-file ${stateFile}\n` : ''}
defaults
  mode http
${remembers ? '  load-server-state-from-file global\n' : ''}  timeout connect 2s
  timeout client 60s
  timeout server 60s
  timeout http-keep-alive 60s
  # Only a connection that was refused is tried elsewhere: nothing was sent yet.
  retries 2
  option redispatch 1
  retry-on conn-failure

frontend users
  bind 127.0.0.1:${port}
  default_backend ${pool}

backend ${pool}
  balance roundrobin
  option httpchk GET /ready
  default-server check inter 500ms fall 2 rise 1 init-addr last,none
${slots.map((slot) => `  server ${slot} ${declared[slot] ?? '127.0.0.1:1 disabled'}`).join('\n')}
`;
}

async function caddyIn(
  folder: string,
  port: number,
  slots: readonly string[],
  remembers: boolean,
): Promise<Kind> {
  const adminPort = await freePort();
  const config = join(folder, 'caddy.json');
  const pidFile = join(folder, 'caddy.pid');
  const sockets = Object.fromEntries(slots.map((slot) => [slot, join(folder, `${slot}.sock`)]));
  const nobody = join(folder, 'nobody.sock');
  writeFileSync(
    config,
    JSON.stringify({
      admin: { listen: `127.0.0.1:${adminPort}` },
      // What is changed is kept in the folder of the configuration, for a start with --resume.
      storage: { module: 'file_system', root: join(folder, 'storage') },
      logging: { logs: { default: { level: 'WARN' } } },
      apps: {
        http: {
          metrics: {},
          servers: caddyServers({ pool, listen: `127.0.0.1:${port}`, slots: sockets, nobody }),
        },
      },
    }),
  );
  const program = await findCaddy(cacheFolder(), sayFetched);
  return {
    program: '/usr/bin/env',
    args: [
      `XDG_CONFIG_HOME=${folder}`,
      `XDG_DATA_HOME=${folder}`,
      program,
      'run',
      '--config',
      config,
    ],
    resumeArgs: remembers ? ['--resume'] : [],
    pidFile,
    facts: { proxy: 'caddy', pool, admin: `http://127.0.0.1:${adminPort}` },
  };
}

/** What is told to nginx lies in a file: a restart brings it back in any case. */
async function nginxIn(folder: string, port: number, slots: readonly string[]): Promise<Kind> {
  const [upstream, config, log] = [
    join(folder, 'pool.conf'),
    join(folder, 'nginx.conf'),
    join(folder, 'access.log'),
  ];
  const pidFile = join(folder, 'nginx.pid');
  const statusPort = await freePort();
  const program = findNginx() ?? 'nginx';
  const empty = slots.map((name) => ({ name, address: null, weight: 0 }));
  writeFileSync(upstream, nginxPool(pool, empty));
  writeFileSync(log, '');
  writeFileSync(config, nginxConfig({ folder, upstream, log, pidFile, port, statusPort }));
  const status = `http://127.0.0.1:${statusPort}/${pool}`;
  return {
    program,
    args: ['-c', config],
    resumeArgs: [],
    pidFile,
    facts: { proxy: 'nginx', pool, upstream, status, config, pidFile, log, program },
  };
}

function nginxConfig(settings: {
  folder: string;
  upstream: string;
  log: string;
  pidFile: string;
  port: number;
  statusPort: number;
}): string {
  const { folder, upstream, log, pidFile, port, statusPort } = settings;
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (kind) => `  ${kind}_temp_path ${folder}/${kind};`,
  );
  return `daemon off;
worker_processes 1;
pid ${pidFile};
error_log ${folder}/error.log warn;
${process.getuid?.() === 0 ? 'user root;\n' : ''}events { worker_connections 1024; }
http {
${temporary.join('\n')}
  keepalive_timeout 60s;
  keepalive_requests 1000000;
  log_format runbook '${nginxLogFormat}';
  access_log off;
  include ${upstream};

  server {
    listen 127.0.0.1:${port};
    access_log ${log} runbook;
    location / {
      proxy_pass http://${pool};
      proxy_set_header Host $host;
      # Only a connection that was refused is tried elsewhere: nothing was sent yet.
      proxy_next_upstream error;
    }
  }
  server {
    listen 127.0.0.1:${statusPort};
    location = /${pool} { return 200 $runbook_${pool}; }
  }
}
`;
}
