import { execFile } from 'node:child_process';
import { readFile, rename, writeFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import { parseJson } from '../../../language/json.js';
import { StepFailure } from '../../failure.js';
import { sameText } from './address.js';
import { askProxy } from './ask-proxy.js';
import {
  type ObservedServer,
  type ObservedTraffic,
  type ProxyDriver,
  Switch,
  type WantedServer,
} from './switch.js';
import { AccessLog } from './nginx-access-log.js';
import { commandOf, establishedTo, namesByAddress, statOf, workersOf } from './nginx-processes.js';

/*
 * nginx by its configuration and a reload. One file holds the pool: its `upstream`, and a variable
 * with the same in JSON, which nginx serves at an internal address. So what is read back is what
 * the running workers have loaded, not what is on disk. A change is written to the file, tested
 * with `nginx -t`, and loaded with HUP: new workers take new requests, old ones end after theirs.
 * That closes idle connections of users. nginx has no counters by server, so the pool's access log
 * is read.
 */

export interface NginxSettings {
  /** Name of the upstream. */
  pool: string;
  /**
   * Path of the file with the pool, which nginx.conf includes at the level of `http`; see
   * `nginxPool`.
   */
  upstream: string;
  /**
   * Where nginx answers with the pool as it is loaded: `location … { return 200 $runbook_POOL; }`.
   */
  status: string;
  /** Path of nginx.conf. */
  config: string;
  /** Path of the file with the pid of its master process. */
  pidFile: string;
  /** Path of the pool's access log, in the format of `nginxLogFormat`. */
  log: string;
  /** nginx itself; `nginx` unless said. */
  program?: string;
}

/**
 * How long new workers may take to start, and old ones to stop taking requests, in milliseconds.
 */
const reloadMs = 15_000;
/** How long a test of the configuration may take, in milliseconds. */
const testMs = 10_000;

const loaded = z.array(
  z.object({ name: z.string(), address: z.string().nullable(), weight: z.number() }),
);

/**
 * The file with a pool. @param servers all slots; names of letters, digits, `.`, `_` and `-`
 * @throws StepFailure Configuration
 */
export function nginxPool(pool: string, servers: readonly WantedServer[]): string {
  const odd = [pool, ...servers.map(({ name }) => name)].find((name) => !/^[\w.-]+$/.test(name));
  if (odd !== undefined)
    throw new StepFailure('Configuration', `${JSON.stringify(odd)} is no name of a pool or a slot`);
  const lines = servers.flatMap(({ address, weight }) =>
    address === null ? [] : [`  server ${address} ${weight > 0 ? `weight=${weight}` : 'down'};`],
  );
  const json = JSON.stringify(
    servers.map(({ name, address, weight }) => ({ name, address, weight })),
  );
  return `# Written by runbook; changes by hand are lost.
upstream ${pool} {
  zone ${pool} 64k;
${lines.length > 0 ? lines.join('\n') : '  server 127.0.0.1:1 down;'}
}
map $server_port $runbook_${pool.replace(/\W/g, '_')} {
  default '${json}';
}
`;
}

export function nginx(settings: NginxSettings): Switch {
  return new Switch(new Nginx(settings));
}

class Nginx implements ProxyDriver {
  private readonly log: AccessLog;

  constructor(private readonly settings: NginxSettings) {
    this.log = new AccessLog(settings.log);
  }

  async observe(signal?: AbortSignal): Promise<ObservedTraffic> {
    const { pool } = this.settings;
    const servers = await this.loadedServers(signal);
    const master = await this.master();
    const old = (await workersOf(master)).filter(({ isLeaving }) => isLeaving).length;
    const connections = await establishedTo(servers.flatMap(({ address }) => address ?? []));
    await this.log.read(await namesByAddress(servers));
    const observed = servers.map(({ name, address, weight }): ObservedServer => {
      const { requests, errors, latency } = this.log.countersOf(name);
      return {
        name,
        address,
        weight,
        up: null,
        // A server without a weight only has the requests that old workers still finish.
        active:
          address === null || (weight === 0 && old === 0) ? 0 : (connections.get(address) ?? old),
        counters: {
          requests,
          errors,
          latency: requests > 0 ? { kind: 'histogram', buckets: latency } : null,
        },
      };
    });
    return { proxy: 'nginx', pool, epoch: await this.startOf(master), servers: observed };
  }

  async update(
    change: readonly WantedServer[],
    observed: ObservedTraffic,
    signal?: AbortSignal,
  ): Promise<void> {
    const { pool, upstream } = this.settings;
    const wanted = observed.servers.map(
      ({ name, address, weight }) =>
        change.find((each) => each.name === name) ?? { name, address, weight },
    );
    const before = await readFile(upstream, 'utf8');
    const master = await this.master();
    const workers = await workersOf(master);
    await replace(upstream, nginxPool(pool, wanted));
    try {
      await this.test();
      process.kill(master, 'SIGHUP');
    } catch (error) {
      await replace(upstream, before);
      if (error instanceof StepFailure) throw error;
      throw new StepFailure(
        'Configuration',
        `nginx cannot be reloaded: this worker may not signal its process ${master}`,
        {
          next: 'Let the worker run as a user who may signal nginx: the same one, or root.',
        },
      );
    }
    const until = Date.now() + reloadMs;
    for (;;) {
      const now = await workersOf(master);
      const taking = now.filter(
        ({ pid, isLeaving }) => !isLeaving && workers.some((each) => each.pid === pid),
      );
      if (now.length > 0 && taking.length === 0 && same(await this.loadedServers(signal), wanted))
        return;
      if (Date.now() > until) {
        throw new StepFailure(
          'VerifyFailed',
          'nginx was told to reload, and its old workers ' +
            `still take requests after ${reloadMs / 1_000} s`,
          {
            next:
              'Check its error log: it keeps the old ' +
              'configuration when it cannot load the new one.',
          },
        );
      }
      await delay(25, undefined, { signal });
    }
  }

  /**
   * What the workers that take requests have loaded.
   * @throws StepFailure Unreachable, Configuration
   */
  private async loadedServers(signal?: AbortSignal): Promise<WantedServer[]> {
    const { status, pool } = this.settings;
    const silence = {
      message: `nginx does not answer at ${status}`,
      next: 'See whether nginx runs, and where it answers with the pool.',
    };
    const { text } = await askProxy(status, {}, silence, signal);
    const parsed = loaded.safeParse(jsonOf(text));
    if (parsed.success)
      return parsed.data.map((each) => ({
        ...each,
        address: each.address === null ? null : sameText(each.address),
      }));
    throw new StepFailure(
      'Configuration',
      `nginx does not say at ${status} what the pool ${pool} is`,
      {
        next:
          'Let it answer there with the variable of the ' +
          'pool; docs/operating.md shows the configuration.',
      },
    );
  }

  /** @throws StepFailure Configuration with what nginx says */
  private test(): Promise<void> {
    const { program = 'nginx', config } = this.settings;
    return new Promise((done, failed) => {
      execFile(program, ['-t', '-q', '-c', config], { timeout: testMs }, (error, _, said) => {
        if (!error) return done();
        failed(
          new StepFailure(
            'Configuration',
            `nginx would not load the new pool: ${said.trim() || error.message}`,
            {
              next: 'Nothing was changed. Try `nginx -t` as the worker does.',
            },
          ),
        );
      });
    });
  }

  /** @throws StepFailure Unreachable */
  private async master(): Promise<number> {
    const { pidFile } = this.settings;
    const pid = Number((await readFile(pidFile, 'utf8').catch(() => '')).trim());
    // The pid may be another process by now.
    if (
      Number.isInteger(pid) &&
      pid > 1 &&
      (await commandOf(pid)).startsWith('nginx: master process')
    )
      return pid;
    throw new StepFailure(
      'Unreachable',
      `nginx does not answer: ${pidFile} names no master process of nginx`,
      {
        next: 'See whether nginx runs on this host.',
      },
    );
  }

  private async startOf(pid: number): Promise<string> {
    return `${pid}@${(await statOf(pid))[19] ?? ''}`;
  }
}

function same(now: readonly WantedServer[], wanted: readonly WantedServer[]): boolean {
  return JSON.stringify(now.map(plain)) === JSON.stringify(wanted.map(plain));
}

function plain({ name, address, weight }: WantedServer): WantedServer {
  return { name, address, weight };
}

/** nginx reads the old or the new file, never half of one. */
async function replace(path: string, text: string): Promise<void> {
  const half = `${path}.${process.pid}`;
  await writeFile(half, text);
  await rename(half, path);
}

function jsonOf(text: string): unknown {
  try {
    return parseJson(text);
  } catch {
    return null;
  }
}
