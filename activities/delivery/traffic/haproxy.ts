import { rename, writeFile } from 'node:fs/promises';
import { createConnection } from 'node:net';
import { StepFailure } from '../../failure.js';
import { addressText, numbersOf, parseAddress, tcp } from './address.js';
import {
  Switch,
  type ObservedServer,
  type ObservedTraffic,
  type ProxyDriver,
  type WantedServer,
} from './switch.js';

/*
 * HAProxy by its runtime API: weights and states of a running process change without a reload, so
 * that no connection is touched. Such changes are lost when HAProxy is restarted or reloaded,
 * unless a state file keeps them (`server-state-file` and `load-server-state-from-file global`).
 * Otherwise they have to be applied again.
 */

export interface HaproxySettings {
  /** Path of the `stats socket`, which needs `level admin`. */
  socket: string;
  /** Name of the backend; its servers are the slots. */
  pool: string;
  /** Path of the `server-state-file`, when this host has it: written after each change. */
  stateFile?: string;
}

const answerMs = 5_000;
/** Forced, inherited and by DNS; not the configured one (4), which the runtime API can override. */
const maintenance = 1 | 2 | 32;
const drained = 8 | 16;
/** `srv_op_state`: stopped, starting, running, stopping. */
const stopped = '0';
/**
 * The address of a server on a Unix socket: HAProxy does not report which, and cannot change it.
 */
const bySocket = 'unix';

export function haproxy(settings: HaproxySettings): Switch {
  return new Switch(new Haproxy(settings));
}

class Haproxy implements ProxyDriver {
  /** The address of each server in HAProxy, also while nothing runs there. */
  private addresses = new Map<string, string>();

  constructor(private readonly settings: HaproxySettings) {
    if (!/^[\w.:-]+$/.test(settings.pool))
      throw new StepFailure(
        'Configuration',
        `${JSON.stringify(settings.pool)} is no name of a backend`,
      );
  }

  async observe(signal?: AbortSignal): Promise<ObservedTraffic> {
    const { pool } = this.settings;
    const [info, states, stats] = [
      await this.ask('show info', signal),
      await this.ask(`show servers state ${pool}`, signal),
      await this.ask(`show stat ${pool} 4 -1`, signal),
    ];
    const [, header = '', ...rows] = states.trim().split('\n');
    if (!header.startsWith('# ')) {
      throw new StepFailure('Configuration', `HAProxy has no backend ${pool} (${states.trim()})`, {
        next: 'Name one of its backends, and give the stats socket `level admin`.',
      });
    }
    const columns = header.slice(2).split(' ');
    const counted = csv(stats);
    this.addresses = new Map();
    const servers = rows.map((row) => {
      const state = Object.fromEntries(
        row.split(' ').map((value, index) => [columns[index] ?? '', value]),
      );
      this.addresses.set(state['srv_name'] ?? '', addressOf(state));
      return serverOf(
        state,
        counted.find((each) => each['svname'] === state['srv_name']),
      );
    });
    const [, pid = ''] = /^Pid: (\d+)/m.exec(info) ?? [];
    const [, started = ''] = /^Start_time_sec: (\d+)/m.exec(info) ?? [];
    const epoch = `${pid}@${started}`;
    return { proxy: 'haproxy', pool, epoch, started: epoch, servers };
  }

  async update(
    change: readonly WantedServer[],
    observed: ObservedTraffic,
    signal?: AbortSignal,
  ): Promise<void> {
    const { pool, stateFile } = this.settings;
    const before = (name: string): number =>
      observed.servers.find((each) => each.name === name)?.weight ?? 0;
    // Servers that get more come first: so at any moment some server takes requests.
    const ordered = [...change].sort(
      (a, b) => b.weight - before(b.name) - (a.weight - before(a.name)),
    );
    const commands = ordered.flatMap(({ name, address, weight }) => {
      const server = `set server ${pool}/${name}`;
      if (address === null) return [`${server} weight 0`, `${server} state maint`];
      return [
        ...(this.has(name, address) ? [] : [`${server} ${movedTo(name, address)}`]),
        `${server} weight ${weight}`,
        `${server} state ${weight > 0 ? 'ready' : 'drain'}`,
      ];
    });
    await this.ask(commands.join('; '), signal);
    if (stateFile !== undefined)
      await keep(stateFile, await this.ask('show servers state', signal));
  }

  has(name: string, address: string): boolean {
    return this.addresses.get(name) === address;
  }

  /**
   * HAProxy takes IP addresses only. @throws StepFailure Configuration when a name does not resolve
   */
  async proxyAddressOf(address: string, said: string | null): Promise<string> {
    const parsed = parseAddress(address);
    if (parsed?.kind !== 'tcp') return address;
    const numbers = await numbersOf(parsed);
    const [number] = numbers;
    if (number === undefined)
      throw new StepFailure('Configuration', `the host name in ${address} does not resolve`, {
        next: 'HAProxy takes IP addresses only: give one, or correct the name.',
      });
    // A name with several addresses keeps its current one.
    return said !== null && numbers.includes(said) ? said : number;
  }

  /** @throws StepFailure Unreachable */
  private ask(command: string, signal?: AbortSignal): Promise<string> {
    const { socket: path } = this.settings;
    return new Promise((answered, failed) => {
      const socket = createConnection({ path });
      // Node's own `signal` option leaves its listener behind with each connection.
      const abort = (): void => void socket.destroy(new Error('aborted'));
      signal?.addEventListener('abort', abort, { once: true });
      socket.once('close', () => signal?.removeEventListener('abort', abort));
      if (signal?.aborted) abort();
      let text = '';
      socket
        .setEncoding('utf8')
        .setTimeout(answerMs, () =>
          socket.destroy(new Error(`no answer within ${answerMs / 1_000} s`)),
        );
      socket.on('data', (chunk: string) => (text += chunk));
      const unreachable = (why: string): void =>
        failed(
          new StepFailure('Unreachable', `HAProxy does not answer at its socket ${path} (${why})`, {
            next:
              'See whether HAProxy runs on this host and ' +
              'whether the worker may write to the socket.',
          }),
        );
      // Every answer ends with an empty line: if it is missing, HAProxy has died.
      socket.once('end', () =>
        text.endsWith('\n\n') ? answered(text) : unreachable('it broke off'),
      );
      socket.once('error', (error) => {
        if (signal?.aborted) failed(signal.reason as Error);
        else unreachable((error as NodeJS.ErrnoException).code ?? error.message);
      });
      socket.end(`${command}\n`);
    });
  }
}

/** @throws StepFailure AnswerUnusable when a counter is missing: that does not mean zero */
function serverOf(
  state: Record<string, string>,
  counted: Record<string, string> | undefined,
): ObservedServer {
  const admin = Number(state['srv_admin_state']);
  const count = (column: string): number => {
    const value = counted?.[column];
    if (value !== undefined) return Number(value);
    throw new StepFailure(
      'AnswerUnusable',
      "HAProxy's statistics say nothing of " +
        `${counted ? `${column} of ` : ''}server ${state['srv_name'] ?? ''}`,
      { next: 'Is its release one that docs/operating.md names, and is the socket its own?' },
    );
  };
  // Requests without an answer are in neither req_tot nor hrsp_5xx: broken off (eresp), or refused,
  // and then sent to another server (wredis) or not (econ); one that found no other server counts
  // as both.
  const unanswered = count('eresp') + Math.max(count('econ'), count('wredis'));
  const requests = count('req_tot') + unanswered;
  return {
    name: state['srv_name'] ?? '',
    address: (admin & maintenance) === 0 ? addressOf(state) : null,
    weight: (admin & (maintenance | drained)) === 0 ? Number(state['srv_uweight']) : 0,
    up: (admin & maintenance) === 0 && state['srv_op_state'] !== stopped,
    active: count('scur') + count('qcur'),
    counters: {
      requests,
      errors: count('hrsp_5xx') + unanswered,
      latency: requests > 0 ? { kind: 'mean', ms: count('ttime') } : null,
    },
  };
}

function addressOf(state: Record<string, string>): string {
  const { srv_addr: host = '', srv_port: port = '' } = state;
  return host === '-' ? bySocket : addressText(tcp(host, Number(port)));
}

/** @throws StepFailure Configuration when HAProxy cannot take the address at run time */
function movedTo(name: string, address: string): string {
  const parsed = parseAddress(address);
  if (parsed?.kind === 'tcp') return `addr ${parsed.host} port ${parsed.port}`;
  throw new StepFailure(
    'Configuration',
    `HAProxy cannot change the address of ${name} to ${address} while it runs`,
    {
      next:
        'Its runtime API takes an IP address and a port. Declare the socket in its ' +
        'configuration: then it can be drained and put back.',
    },
  );
}

function csv(text: string): Record<string, string>[] {
  const [header = '', ...rows] = text.trim().split('\n');
  const columns = header.replace(/^# /, '').split(',');
  return rows.map((row) =>
    Object.fromEntries(row.split(',').map((value, index) => [columns[index] ?? '', value])),
  );
}

/** HAProxy reads the old or the new file, never half of one. */
async function keep(path: string, state: string): Promise<void> {
  const half = `${path}.${process.pid}`;
  await writeFile(half, `${state.trim()}\n`);
  await rename(half, path);
}
