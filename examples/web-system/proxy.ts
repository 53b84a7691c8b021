import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TargetDeclaration } from '../../language/targets-file.js';
import { caddyServers } from '../../activities/traffic/caddy.js';
import { trafficOf, type TrafficSwitch } from '../../activities/traffic/index.js';
import { findCaddy, findHaproxy } from '../../embedded/binaries.js';
import { cacheFolder } from '../../embedded/home.js';
import { freePort } from '../../embedded/ports.js';
import { endProcess, ServerProcess, startOf } from '../../embedded/process.js';
import { nameOf } from './app/owner.js';
import { compiledProgram } from './programs.js';

/*
 * The proxies that stand in front of the application, each with the pool `web` and the slots given. A slot is empty until
 * the traffic switch puts an instance into it.
 */

export const proxyKinds = ['haproxy', 'caddy'] as const;
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
  port?: number;
  /** Does a restart bring back what the switch changed? true unless said otherwise. */
  remembers?: boolean;
  log?: (line: string) => void;
}

/** Why this proxy cannot be had here; undefined when it can. */
export function proxyMissing(kind: ProxyKind): string | undefined {
  if (kind === 'caddy' || findHaproxy()) return undefined;
  return 'HAProxy is not installed: install it (Debian: apt-get install haproxy) or name it in RUNBOOK_HAPROXY_BIN';
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
    const how = kind === 'haproxy' ? haproxyIn(folder, port, slots, remembers) : await caddyIn(folder, port, slots, remembers);
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
    await endProcess({ pid, started: startOf(pid) ?? '' }, 'SIGKILL', 1_000);
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
    const guarded = [compiledProgram('guard'), nameOf(process.pid), pidFile, program, ...args, ...further];
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

function haproxyIn(folder: string, port: number, slots: readonly string[], remembers: boolean): Kind {
  const socket = join(folder, 'haproxy.sock');
  const pidFile = join(folder, 'haproxy.pid');
  const config = join(folder, 'haproxy.cfg');
  const stateFile = join(folder, 'haproxy.state');
  writeFileSync(stateFile, '');
  writeFileSync(config, haproxyConfig({ socket, stateFile, port, slots, remembers }));
  return {
    program: findHaproxy() ?? 'haproxy',
    args: ['-db', '-f', config],
    resumeArgs: [],
    pidFile,
    facts: { proxy: 'haproxy', pool, socket, ...(remembers ? { stateFile } : {}) },
  };
}

function haproxyConfig(settings: {
  socket: string;
  stateFile: string;
  port: number;
  slots: readonly string[];
  remembers: boolean;
}): string {
  const { socket, stateFile, port, slots, remembers } = settings;
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
${slots.map((slot) => `  server ${slot} 127.0.0.1:1 disabled`).join('\n')}
`;
}

async function caddyIn(folder: string, port: number, slots: readonly string[], remembers: boolean): Promise<Kind> {
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
      apps: { http: { metrics: {}, servers: caddyServers({ pool, listen: `127.0.0.1:${port}`, slots: sockets, nobody }) } },
    }),
  );
  const program = await findCaddy(cacheFolder(), (line) => process.stderr.write(`${line}\n`));
  return {
    program: '/usr/bin/env',
    args: [`XDG_CONFIG_HOME=${folder}`, `XDG_DATA_HOME=${folder}`, program, 'run', '--config', config],
    resumeArgs: remembers ? ['--resume'] : [],
    pidFile,
    facts: { proxy: 'caddy', pool, admin: `http://127.0.0.1:${adminPort}` },
  };
}
