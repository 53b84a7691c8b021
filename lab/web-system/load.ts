import { Agent, request as send, type IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { checksumOf } from './app/customers.js';
import { Phase, type Failure, type LoadReport } from './load-report.js';
import { seededName, seededPerTenant, tenants } from './seed.js';

/*
 * Users: several connections that are kept alive, each doing one request after the other and
 * checking what comes back.
 *
 * node load.js --url http://127.0.0.1:8080 [--connections 8] [--rate 200] [--requests 100000]
 * [--seconds 600]
 *                [--orders 0.1] [--retry-once]
 *
 * Reads lines from its standard input: `phase NAME` begins a phase, `report` prints how it stands,
 * `stop` ends it; the input's end ends it too. Prints one line of JSON a time: the report, and
 * nothing else.
 */
const { values } = parseArgs({
  options: {
    url: { type: 'string' },
    connections: { type: 'string', default: '8' },
    rate: { type: 'string', default: '200' },
    requests: { type: 'string', default: '100000' },
    seconds: { type: 'string', default: '600' },
    orders: { type: 'string', default: '0.1' },
    'retry-once': { type: 'boolean', default: false },
  },
});
const url = new URL(values.url ?? '');
if (!['127.0.0.1', 'localhost', '[::1]'].includes(url.hostname)) {
  process.stderr.write('The load stays on this machine: give an address on 127.0.0.1.\n');
  process.exit(2);
}
const connections = bounded(values.connections, 1, 200);
const rate = bounded(values.rate, 1, 5_000);
const requestLimit = bounded(values.requests, 1, 2_000_000);
const endAt = performance.now() + bounded(values.seconds, 1, 3_600) * 1_000;
const orderShare = Number(values.orders);
const answerLimitMs = 15_000;
/** Failures kept one by one; the others are counted. */
const failuresKept = 50_000;

const total = new Phase();
const phases: Record<string, Phase> = { start: new Phase() };
let phaseName = 'start';
const failed: Failure[] = [];
let sent = 0;
let opened = 0;
let stopping = false;

interface Asked {
  method: 'GET' | 'PUT' | 'POST';
  path: string;
  body?: object;
  /** @returns what is wrong with the answer, if anything */
  judge: (status: number, json: Record<string, unknown>) => string | null;
  /** Told how it ended; not told when that is unknown. */
  done?: () => void;
}

/** What a customer is. */
interface Content {
  name: string;
  revision: number;
}

/** What came of sending it once. */
interface Outcome {
  status: number | null;
  error: string | null;
  release: string | null;
  instance: string | null;
  connection: number;
  requestOnConnection: number;
  mayRepeat: boolean;
}

/** Numbers of connections and of the requests on each. */
const known = new WeakMap<Socket, { connection: number; requests: number }>();

/** One user: a connection, and customers of its own whose content it knows. */
class User {
  private readonly agent = new Agent({ keepAlive: true, maxSockets: 1 });
  /**
   * What each of its customers may be by now: more than one, or none at all, where a write was not
   * answered.
   */
  private readonly written = new Map<string, (Content | null)[]>();
  private revision = 0;
  private requests = 0;

  constructor(private readonly number: number) {}

  async work(): Promise<void> {
    const everyMs = (1_000 * connections) / rate;
    for (
      let next = performance.now() + (everyMs * this.number) / connections;
      !over();
      next += everyMs
    ) {
      const wait = next - performance.now();
      if (wait > 0) await delay(wait);
      // A user who was kept waiting does not send all that was missed at once.
      else next -= wait;
      if (over()) break;
      sent += 1;
      await this.one(this.choose());
    }
    this.agent.destroy();
  }

  private choose(): Asked {
    this.requests += 1;
    const tenant = tenants[(this.number + this.requests) % tenants.length] ?? '';
    const dice = (this.requests * 7919 + this.number * 104_729) % 1_000;
    if (dice < orderShare * 1_000) return this.order(tenant);
    if (dice < 300) return this.write(tenant);
    if (dice < 500 && this.written.size > 0) return this.readWritten();
    return this.readSeeded(tenant, dice);
  }

  private readSeeded(tenant: string, dice: number): Asked {
    const index = 1 + ((dice * 31 + this.requests) % seededPerTenant);
    const id = `s${index}`;
    return {
      method: 'GET',
      path: `/tenants/${tenant}/customers/${id}`,
      judge: isOneOf(tenant, id, [{ name: seededName(index), revision: 0 }]),
    };
  }

  private readWritten(): Asked {
    const keys = [...this.written.keys()];
    const key = keys[this.requests % keys.length] ?? '';
    const [tenant = '', id = ''] = key.split('/');
    return {
      method: 'GET',
      path: `/tenants/${tenant}/customers/${id}`,
      judge: isOneOf(tenant, id, this.written.get(key) ?? []),
    };
  }

  private write(tenant: string): Asked {
    const id = `u${process.pid}-${this.number}-${this.requests % 20}`;
    this.revision += 1;
    const now = { name: `Given${this.revision} Family ${this.number}`, revision: this.revision };
    const key = `${tenant}/${id}`;
    const before = this.written.get(key) ?? [null];
    this.written.set(key, [...before, now]);
    return {
      method: 'PUT',
      path: `/tenants/${tenant}/customers/${id}`,
      body: now,
      judge: isOneOf(tenant, id, [now]),
      done: () => void this.written.set(key, [now]),
    };
  }

  private order(tenant: string): Asked {
    const reference = `o${process.pid}-${this.number}-${this.requests}`;
    const order = { customer: `s${1 + (this.requests % seededPerTenant)}`, amount: this.requests };
    return {
      method: 'POST',
      path: `/tenants/${tenant}/orders/${reference}`,
      body: order,
      judge: (status, json) =>
        status === 201 && json['reference'] === reference && json['amount'] === order.amount
          ? null
          : `the order was answered with ${status} ${JSON.stringify(json).slice(0, 200)}`,
    };
  }

  private async one(asked: Asked): Promise<void> {
    // A request belongs to the phase that it began in.
    const phase = phases[phaseName];
    const name = phaseName;
    const begun = performance.now();
    let outcome = await this.sendOnce(asked);
    if (outcome.error !== null && outcome.mayRepeat && values['retry-once']) {
      for (const each of [phase, total]) if (each) each.repeated += 1;
      outcome = await this.sendOnce(asked);
    }
    const { error, release, instance, ...rest } = outcome;
    if (error === null) asked.done?.();
    for (const each of [phase, total])
      each?.count(performance.now() - begun, error !== null, release, instance);
    if (error !== null && failed.length < failuresKept)
      failed.push({
        at: new Date().toISOString(),
        phase: name,
        request: `${asked.method} ${asked.path}`,
        error,
        release,
        instance,
        ...rest,
      });
  }

  private sendOnce({ method, path, body, judge }: Asked): Promise<Outcome> {
    return new Promise((resolve) => {
      const text = body && JSON.stringify(body);
      const request = send(url, {
        path,
        method,
        agent: this.agent,
        timeout: answerLimitMs,
        headers:
          text === undefined
            ? {}
            : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) },
      });
      let socket: Socket | undefined;
      let place = { connection: 0, requests: 0 };
      let receivedBefore = 0;
      let answered: IncomingMessage | undefined;
      let isConnected = false;
      let isOutOfTime = false;
      /** Of an answer to this request. */
      const isUntouched = (): boolean => !answered && socket?.bytesRead === receivedBefore;
      const settle = (error: string | null): void =>
        resolve({
          status: answered?.statusCode ?? null,
          error,
          release: headerOf(answered, 'x-release'),
          instance: headerOf(answered, 'x-instance'),
          connection: place.connection,
          requestOnConnection: place.requests,
          mayRepeat:
            error !== null &&
            (!isConnected || (method !== 'POST' && !isOutOfTime && isUntouched())),
        });
      request.once('socket', (used) => {
        socket = used;
        place = known.get(used) ?? { connection: (opened += 1), requests: 0 };
        place.requests += 1;
        known.set(used, place);
        receivedBefore = used.bytesRead;
        if (used.connecting) used.once('connect', () => (isConnected = true));
        else isConnected = true;
      });
      request.once('timeout', () => {
        isOutOfTime = true;
        request.destroy(new Error(`no answer within ${answerLimitMs / 1_000} s`));
      });
      request.once('error', (error: NodeJS.ErrnoException) =>
        settle(`${error.code ?? ''} ${error.message}`.trim()),
      );
      request.once('response', (response) => {
        answered = response;
        let content = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => (content += chunk));
        response.once('error', (error) => settle(`the answer broke off: ${error.message}`));
        response.once('end', () => settle(judge(response.statusCode ?? 0, parsed(content))));
      });
      request.end(text);
    });
  }
}

function isOneOf(tenant: string, id: string, allowed: readonly (Content | null)[]): Asked['judge'] {
  return (status, json) => {
    const right = allowed.some((content) =>
      content === null
        ? status === 404 && json['error'] === 'no such customer'
        : status === 200 &&
          json['id'] === id &&
          json['name'] === content.name &&
          json['revision'] === content.revision &&
          json['checksum'] === checksumOf(tenant, { id, ...content }),
    );
    if (right) return null;
    return (
      `answered ${status} ${JSON.stringify(json).slice(0, 200)}, expected ` +
      `${JSON.stringify(allowed).slice(0, 200)}`
    );
  };
}

function headerOf(response: IncomingMessage | undefined, name: string): string | null {
  const value = response?.headers[name];
  return typeof value === 'string' ? value : null;
}

function parsed(text: string): Record<string, unknown> {
  try {
    const json: unknown = JSON.parse(text);
    return json !== null && typeof json === 'object' ? (json as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

function over(): boolean {
  return stopping || sent >= requestLimit || performance.now() >= endAt;
}

function bounded(text: string, least: number, most: number): number {
  const number = Number(text);
  if (Number.isFinite(number) && number >= least && number <= most) return number;
  process.stderr.write(`${text} is not between ${least} and ${most}.\n`);
  process.exit(2);
}

function printReport(): void {
  const report: LoadReport = {
    ...total.report(),
    connections,
    opened,
    phases: Object.fromEntries(
      Object.entries(phases).map(([name, phase]) => [name, phase.report()]),
    ),
    failed,
  };
  process.stdout.write(`${JSON.stringify(report)}\n`);
}

const orders = createInterface({ input: process.stdin });
orders.on('line', (line) => {
  const [what, name = ''] = line.trim().split(' ');
  if (what === 'stop') stopping = true;
  if (what === 'report') printReport();
  if (what !== 'phase' || name === '') return;
  phases[phaseName]?.end();
  phases[name] ??= new Phase();
  phaseName = name;
});
orders.once('close', () => (stopping = true));
process.once('SIGTERM', () => (stopping = true));
process.once('SIGINT', () => (stopping = true));

await Promise.all(Array.from({ length: connections }, (_, number) => new User(number).work()));
phases[phaseName]?.end();
total.end();
orders.close();
process.stdin.destroy();
printReport();
