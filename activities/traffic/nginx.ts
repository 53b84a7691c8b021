import { execFile } from 'node:child_process';
import { open, readdir, readFile, rename, stat, writeFile } from 'node:fs/promises';
import { isIPv4, isIPv6 } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import { parseJson } from '../../language/json.js';
import { StepFailure } from '../failure.js';
import { numbersOf, parseAddress, sameText } from './address.js';
import type { Buckets } from './prometheus.js';
import {
  Switch,
  type ObservedServer,
  type ObservedTraffic,
  type ProxyDriver,
  type WantedServer,
} from './switch.js';

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

/** What the pool's access log has to hold: `log_format runbook '…'`. */
export const nginxLogFormat = '"$upstream_addr" "$upstream_status" "$upstream_response_time"';

const answerMs = 5_000;
/**
 * How long new workers may take to start, and old ones to stop taking requests, in milliseconds.
 */
const reloadMs = 15_000;
/** Upper bounds in seconds; nginx tells times in milliseconds. */
const bounds = [
  0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.015, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 1,
  2.5, 5, 10,
];
/** How much of a log is read at once, in bytes. */
const chunkBytes = 1024 * 1024;

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
          `nginx was told to reload, and its old workers still take requests after ${reloadMs / 1_000} s`,
          {
            next: 'Check its error log: it keeps the old configuration when it cannot load the new one.',
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
    const limit = AbortSignal.timeout(answerMs);
    let text: string;
    try {
      const response = await fetch(status, {
        // On a new connection: a reused one may still lead to an old worker.
        headers: { connection: 'close' },
        signal: signal ? AbortSignal.any([signal, limit]) : limit,
      });
      text = await response.text();
    } catch (error) {
      if (signal?.aborted) throw signal.reason;
      const { cause } = error as { cause?: NodeJS.ErrnoException };
      throw new StepFailure(
        'Unreachable',
        `nginx does not answer at ${status} (${cause?.code ?? 'no answer'})`,
        {
          next: 'See whether nginx runs, and where it answers with the pool.',
        },
      );
    }
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
        next: 'Let it answer there with the variable of the pool; docs/operating.md shows the configuration.',
      },
    );
  }

  /** @throws StepFailure Configuration with what nginx says */
  private test(): Promise<void> {
    const { program = 'nginx', config } = this.settings;
    return new Promise((done, failed) => {
      execFile(program, ['-t', '-q', '-c', config], { timeout: answerMs * 2 }, (error, _, said) => {
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

/** Counts the requests of a pool from its access log, starting at the first read. */
class AccessLog {
  private at: { inode: number; offset: number } | undefined;
  private rest = '';
  private readonly counts = new Map<
    string,
    { requests: number; errors: number; latency: Buckets }
  >();

  constructor(private readonly path: string) {}

  countersOf(name: string): { requests: number; errors: number; latency: Buckets } {
    const there = this.counts.get(name);
    if (there) return there;
    const counters = {
      requests: 0,
      errors: 0,
      latency: [...bounds, Infinity].map((bound): [number, number] => [bound, 0]),
    };
    this.counts.set(name, counters);
    return counters;
  }

  /** @param names address → slot @throws StepFailure Configuration */
  async read(names: ReadonlyMap<string, string>): Promise<void> {
    const now = await stat(this.path).catch((error: NodeJS.ErrnoException) => {
      throw new StepFailure(
        'Configuration',
        `the access log of the pool cannot be read: ${this.path} (${error.code ?? 'unknown'})`,
        {
          next: 'Let nginx write it, and let the worker read it; docs/operating.md shows the configuration.',
        },
      );
    });
    this.at ??= { inode: now.ino, offset: now.size };
    // Rotated, or cut.
    if (now.ino !== this.at.inode || now.size < this.at.offset) {
      this.at = { inode: now.ino, offset: 0 };
      this.rest = '';
    }
    const file = await open(this.path);
    try {
      const buffer = Buffer.alloc(chunkBytes);
      for (;;) {
        const { bytesRead } = await file.read(buffer, 0, chunkBytes, this.at.offset);
        if (bytesRead === 0) return;
        this.at.offset += bytesRead;
        const lines = (this.rest + buffer.toString('latin1', 0, bytesRead)).split('\n');
        this.rest = lines.pop() ?? '';
        for (const line of lines) this.count(line, names);
      }
    } finally {
      await file.close();
    }
  }

  /** One request; it has several servers when the first did not answer. */
  private count(line: string, names: ReadonlyMap<string, string>): void {
    const [addresses = [], statuses = [], times = []] = [...line.matchAll(/"([^"]*)"/g)].map(
      ([, list = '']) => list.split(/, | : /),
    );
    for (const [index, address] of addresses.entries()) {
      const name = names.get(address) ?? names.get(sameText(address));
      const status = Number(statuses[index]);
      if (name === undefined || !Number.isFinite(status)) continue;
      const counters = this.countersOf(name);
      const seconds = Number(times[index]);
      counters.requests += 1;
      if (status >= 500) counters.errors += 1;
      counters.latency = counters.latency.map(([bound, count]) => [
        bound,
        count + (seconds <= bound ? 1 : 0),
      ]);
    }
  }
}

/** The workers of a master; leaving ones finish their requests, and take no new ones. */
async function workersOf(master: number): Promise<{ pid: number; isLeaving: boolean }[]> {
  const pids = (await readdir('/proc').catch(() => []))
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
  const workers = await Promise.all(
    pids.map(async (pid) => {
      if (Number((await statOf(pid))[1]) !== master) return [];
      const command = await commandOf(pid);
      return command.startsWith('nginx: worker process')
        ? [{ pid, isLeaving: command.includes('is shutting down') }]
        : [];
    }),
  );
  return workers.flat();
}

/** The fields of /proc/PID/stat after the name: state, parent, …; none for a dead process. */
async function statOf(pid: number): Promise<string[]> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  return text.slice(text.lastIndexOf(')') + 2).split(' ');
}

function commandOf(pid: number): Promise<string> {
  return readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
}

/** The names of each server in the log: an IP address where the pool has a host name. */
async function namesByAddress(
  servers: readonly WantedServer[],
): Promise<ReadonlyMap<string, string>> {
  const names = await Promise.all(
    servers.map(async ({ name, address }): Promise<[string, string][]> => {
      const parsed = address === null ? undefined : parseAddress(address);
      const numbers = parsed ? await numbersOf(parsed) : [];
      return [...new Set([address ?? '', ...numbers])].map((each) => [each, name]);
    }),
  );
  return new Map(names.flat());
}

const established = '01';

/** Connections of this host to each IP address; host names are left out. */
async function establishedTo(addresses: readonly string[]): Promise<Map<string, number>> {
  const wanted = new Map(
    addresses.flatMap((address) => {
      const hex = inHex(address);
      return hex === null ? [] : [[hex, address]];
    }),
  );
  const counts = new Map([...wanted.values()].map((address) => [address, 0]));
  const tables = await Promise.all(
    ['tcp', 'tcp6'].map((name) => readFile(`/proc/net/${name}`, 'utf8').catch(() => '')),
  );
  for (const row of tables.join('\n').split('\n')) {
    const [, , remote = '', state] = row.trim().split(/\s+/);
    const address = state === established ? wanted.get(remote) : undefined;
    if (address !== undefined) counts.set(address, (counts.get(address) ?? 0) + 1);
  }
  return counts;
}

/** An IP address as the kernel writes it: in words of four bytes, each in reversed byte order. */
function inHex(address: string): string | null {
  const parsed = parseAddress(address);
  if (parsed?.kind !== 'tcp') return null;
  const bytes = bytesOf(parsed.host);
  if (bytes === null) return null;
  const hex = (number: number, digits: number): string =>
    number.toString(16).toUpperCase().padStart(digits, '0');
  const words = Array.from({ length: bytes.length / 4 }, (_, index) =>
    bytes
      .slice(index * 4, index * 4 + 4)
      .reverse()
      .map((byte) => hex(byte, 2))
      .join(''),
  );
  return `${words.join('')}:${hex(parsed.port, 4)}`;
}

/** The bytes of an IPv4 or IPv6 address; null for a name. */
function bytesOf(host: string): number[] | null {
  if (isIPv4(host)) return host.split('.').map(Number);
  if (!isIPv6(host)) return null;
  // The canonical IPv6 text has groups of hexadecimal digits only.
  const [head = '', tail] = host.split('::');
  const groups = (text: string): string[] => (text === '' ? [] : text.split(':'));
  const [first, last] = [groups(head), groups(tail ?? '')];
  const zeros = Array.from({ length: 8 - first.length - last.length }, () => '0');
  return [...first, ...zeros, ...last].flatMap((group) => {
    const number = Number.parseInt(group, 16);
    return [number >> 8, number & 255];
  });
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
