import { randomBytes } from 'node:crypto';
import { Agent, request as send } from 'node:http';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { checksumOf } from '../app/customers.js';
import { whenOwnerEnds } from '../app/owner.js';
import { sha256Of } from '../app/uploads.js';
import { tenants } from '../seed.js';
import { note, type JournalEntry } from './journal.js';
import type { Login } from './seed-site.js';
import type { WriterReport } from './writer-client.js';

/*
 * Users that write all the time, and note what was acknowledged:
 *
 *   node writer.js --url http://127.0.0.1:8080 --journal FILE [--rate 30] [--clients 2]
 *
 * The log-in is in the environment, WEB_WRITER={"user":…,"password":…}. Each client has a tenant,
 * logs in, and sends one request after the other: customers, orders and files. Reads lines from its
 * standard input: `report` prints how it stands, `stop` ends it; the input's end ends it too.
 */
const { values } = parseArgs({
  options: {
    url: { type: 'string', default: '' },
    journal: { type: 'string', default: '' },
    rate: { type: 'string', default: '30' },
    clients: { type: 'string', default: '2' },
  },
});
const login = JSON.parse(process.env['WEB_WRITER'] ?? '{}') as Login;
const clientsPerTenant = Number(values.clients);
const everyMs = (1_000 * clientsPerTenant * tenants.length) / Number(values.rate);
const answerLimitMs = 5_000;
const customersEach = 20;
const largestFile = 16_384;

let stopping = false;
const counts = { requests: 0, acknowledged: 0, unknown: 0, logIns: 0, refusedLogIns: 0 };
const byInstance: Record<string, number> = {};
let lastAcknowledged = Date.now();
let longestGap = { from: '', to: '', ms: 0 };

interface Answer {
  status: number;
  by: string | null;
  json: Record<string, unknown>;
}

/** One user of one tenant. */
class Client {
  private readonly agent = new Agent({ keepAlive: true, maxSockets: 1 });
  private token = '';
  private count = 0;

  constructor(
    private readonly tenant: string,
    private readonly number: number,
  ) {}

  async work(): Promise<void> {
    while (!stopping) {
      const begun = performance.now();
      if (this.token === '') await this.logIn();
      else await this.write();
      await delay(Math.max(1, everyMs - (performance.now() - begun)));
    }
    this.agent.destroy();
  }

  private async logIn(): Promise<void> {
    counts.logIns += 1;
    const { status, json } = await this.send(
      'POST',
      `/tenants/${this.tenant}/login`,
      Buffer.from(JSON.stringify(login)),
    );
    if (status === 200) this.token = String(json['token']);
    else counts.refusedLogIns += 1;
  }

  private async write(): Promise<void> {
    this.count += 1;
    const dice = this.count % 10;
    if (dice < 6) await this.customer();
    else if (dice < 8) await this.order();
    else await this.upload();
  }

  private async customer(): Promise<void> {
    const id = `w${process.pid}-${this.number}-${this.count % customersEach}`;
    const content = { name: `Given${this.count} Family${this.number}`, revision: this.count };
    const checksum = checksumOf(this.tenant, { id, ...content });
    const answer = await this.send(
      'PUT',
      `/tenants/${this.tenant}/customers/${id}`,
      Buffer.from(JSON.stringify(content)),
    );
    this.note(answer, answer.status === 200 && answer.json['checksum'] === checksum, {
      ...{ kind: 'customer', id, revision: this.count, checksum },
    });
  }

  private async order(): Promise<void> {
    const id = `w${process.pid}-${this.number}-${this.count}`;
    const order = { customer: `s${1 + (this.count % 100)}`, amount: this.count };
    const answer = await this.send(
      'POST',
      `/tenants/${this.tenant}/orders/${id}`,
      Buffer.from(JSON.stringify(order)),
    );
    this.note(answer, answer.status === 201, {
      kind: 'order',
      id,
      revision: 0,
      checksum: `${order.customer}/${order.amount}`,
    });
  }

  private async upload(): Promise<void> {
    const id = `w${process.pid}-${this.number}-${this.count}.bin`;
    const bytes = randomBytes(1 + ((this.count * 7919) % largestFile));
    const checksum = sha256Of(bytes);
    const answer = await this.send('PUT', `/tenants/${this.tenant}/files/${id}`, bytes);
    this.note(answer, answer.status === 200 && answer.json['sha256'] === checksum, {
      kind: 'upload',
      id,
      revision: 0,
      checksum,
    });
  }

  private note(
    answer: Answer,
    acknowledged: boolean,
    what: Pick<JournalEntry, 'kind' | 'id' | 'revision' | 'checksum'>,
  ): void {
    // Its session is over, or the site that gave it is gone.
    if (answer.status === 401) this.token = '';
    note(values.journal, {
      at: new Date().toISOString(),
      outcome: acknowledged ? 'acknowledged' : 'unknown',
      tenant: this.tenant,
      ...what,
      by: answer.by,
    });
    counts.requests += 1;
    counts[acknowledged ? 'acknowledged' : 'unknown'] += 1;
    if (!acknowledged) return;
    byInstance[answer.by ?? 'none'] = (byInstance[answer.by ?? 'none'] ?? 0) + 1;
    const now = Date.now();
    if (now - lastAcknowledged > longestGap.ms)
      longestGap = {
        from: new Date(lastAcknowledged).toISOString(),
        to: new Date(now).toISOString(),
        ms: now - lastAcknowledged,
      };
    lastAcknowledged = now;
  }

  private send(method: string, path: string, body: Buffer): Promise<Answer> {
    return new Promise((resolve) => {
      const nobody: Answer = { status: 0, by: null, json: {} };
      const request = send(new URL(path, values.url), {
        method,
        agent: this.agent,
        timeout: answerLimitMs,
        headers: { authorization: `Bearer ${this.token}`, 'content-length': body.length },
      });
      request.once('timeout', () => request.destroy(new Error('no answer')));
      request.once('error', () => resolve(nobody));
      request.once('response', (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => (text += chunk));
        response.once('error', () => resolve(nobody));
        response.once('end', () => {
          const by = response.headers['x-instance'];
          resolve({
            status: response.statusCode ?? 0,
            by: typeof by === 'string' ? by : null,
            json: parsed(text),
          });
        });
      });
      request.end(body);
    });
  }
}

function parsed(text: string): Record<string, unknown> {
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    return {};
  }
}

function printReport(): void {
  const now = Date.now();
  const report: WriterReport = {
    ...counts,
    byInstance,
    lastAcknowledgedAt: counts.acknowledged > 0 ? new Date(lastAcknowledged).toISOString() : null,
    silentMs: now - lastAcknowledged,
    longestGap,
  };
  process.stdout.write(`${JSON.stringify(report)}\n`);
}

const orders = createInterface({ input: process.stdin });
orders.on('line', (line) => {
  if (line === 'stop') stopping = true;
  if (line === 'report') printReport();
});
orders.once('close', () => (stopping = true));
whenOwnerEnds(process.env['WEB_OWNER'], () => process.exit(0));

const clients = tenants.flatMap((tenant, index) =>
  Array.from(
    { length: clientsPerTenant },
    (_, number) => new Client(tenant, index * clientsPerTenant + number),
  ),
);
await Promise.all(clients.map((client) => client.work()));
orders.close();
process.stdin.destroy();
printReport();
