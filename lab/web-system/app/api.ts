import type { IncomingMessage, ServerResponse } from 'node:http';
import type pg from 'pg';
import { checksumOf, type Customers } from './customers.js';
import { bytesOf, jsonOf } from './body.js';
import { placeOrder, readOrder, type Order } from './orders.js';
import type { SiteSide } from './site.js';

export interface Answer {
  status: number;
  json: object;
  /** Content instead of JSON. */
  bytes?: Buffer;
  /** It tells the client that something is written for good. */
  acknowledges?: true;
}

const collections = /^\/tenants\/([\w-]+)\/(customers|orders|files)\/([\w.-]+)$/;

/** The business: customers, orders and files of tenants. */
export class Api {
  constructor(
    private readonly pool: pg.Pool,
    private readonly customers: Customers,
    private readonly release: string,
    private readonly site: SiteSide,
  ) {}

  async answer(request: IncomingMessage, path: string): Promise<Answer> {
    const [, loggingIn] = /^\/tenants\/([\w-]+)\/login$/.exec(path) ?? [];
    if (loggingIn !== undefined && request.method === 'POST')
      return this.logIn(loggingIn, await jsonOf(request));
    const [, tenant = '', collection = '', id = ''] = collections.exec(path) ?? [];
    const { sessions } = this.site;
    if (sessions && tenant !== '') {
      const session = sessions.of(request.headers.authorization);
      if (!session) return refusal(401, 'log in first');
      if (session.tenant !== tenant) return refusal(403, 'this is another tenant');
    }
    const route = `${request.method} ${collection}`;
    switch (route) {
      case 'GET customers':
        return this.readCustomer(tenant, id);
      case 'PUT customers':
        return this.write(async () => this.writeCustomer(tenant, id, await jsonOf(request)));
      case 'GET orders':
        return this.told(await readOrder(this.pool, tenant, id), 'order');
      case 'POST orders':
        return this.write(async () => this.placeOrder(tenant, id, await jsonOf(request)));
      case 'GET files':
        return this.readFile(tenant, id);
      case 'PUT files':
        return this.write(async () =>
          this.writeFile(tenant, id, await bytesOf(request, this.site.uploadLimitBytes)),
        );
      default:
        return refusal(404, `there is no ${request.method} ${path}`);
    }
  }

  /**
   * Asked once more when the answer is sent: what is committed is acknowledged only if the lease
   * still holds then.
   */
  private async write(work: () => Promise<Answer>): Promise<Answer> {
    const { writes } = this.site;
    const problem = writes.problem();
    if (problem !== undefined) return refusal(503, problem);
    writes.underWay += 1;
    try {
      return await work();
    } catch (error) {
      if (refusedByDatabase(error))
        return refusal(503, 'the database of this site may not be written');
      throw error;
    } finally {
      writes.underWay -= 1;
    }
  }

  private async logIn(
    tenant: string,
    { user, password }: Record<string, unknown>,
  ): Promise<Answer> {
    const { sessions } = this.site;
    if (!sessions) return refusal(404, 'nobody logs in here');
    if (typeof user !== 'string' || typeof password !== 'string')
      return refusal(422, 'a log-in has a user and a password');
    const session = await sessions.logIn(this.pool, tenant, user, password);
    return session ? { status: 200, json: session } : refusal(401, 'user or password is not right');
  }

  private async readFile(tenant: string, name: string): Promise<Answer> {
    const file = await this.site.uploads?.read(this.pool, tenant, name);
    if (!file) return refusal(404, 'no such file');
    const { bytes, ...upload } = file;
    return { status: 200, json: upload, bytes };
  }

  private async writeFile(
    tenant: string,
    name: string,
    bytes: Buffer | undefined,
  ): Promise<Answer> {
    const { uploads } = this.site;
    if (!uploads) return refusal(404, 'no files are kept here');
    if (!bytes) return refusal(413, `a file has at most ${this.site.uploadLimitBytes} bytes`);
    try {
      return this.told(
        { tenant, ...(await uploads.write(this.pool, tenant, name, bytes)) },
        'file',
        200,
        true,
      );
    } catch (error) {
      if (breaksReference(error)) return refusal(404, 'no such tenant');
      throw error;
    }
  }

  private async readCustomer(tenant: string, id: string): Promise<Answer> {
    const customer = await this.customers.read(this.pool, tenant, id);
    if (!customer) return refusal(404, 'no such customer');
    return this.told({ tenant, ...customer, checksum: checksumOf(tenant, customer) }, 'customer');
  }

  private async writeCustomer(
    tenant: string,
    id: string,
    body: Record<string, unknown>,
  ): Promise<Answer> {
    const { name, revision } = body;
    if (
      typeof name !== 'string' ||
      name.trim() === '' ||
      name.length > 200 ||
      !Number.isSafeInteger(revision)
    )
      return refusal(422, 'a customer has a name and a revision');
    const customer = { id, name: name.trim().replace(/\s+/g, ' '), revision: revision as number };
    try {
      await this.customers.write(this.pool, tenant, customer);
    } catch (error) {
      if (breaksReference(error)) return refusal(404, 'no such tenant');
      throw error;
    }
    return this.told(
      { tenant, ...customer, checksum: checksumOf(tenant, customer) },
      'customer',
      200,
      true,
    );
  }

  private async placeOrder(
    tenant: string,
    reference: string,
    body: Record<string, unknown>,
  ): Promise<Answer> {
    const { customer, amount } = body;
    if (typeof customer !== 'string' || !Number.isSafeInteger(amount))
      return refusal(422, 'an order has a customer and an amount');
    const order: Order = { reference, customer, amount: amount as number };
    try {
      if (!(await placeOrder(this.pool, tenant, order)))
        return refusal(409, 'this reference was used before');
    } catch (error) {
      if (breaksReference(error)) return refusal(404, 'no such tenant or customer');
      throw error;
    }
    return this.told(order, 'order', 201, true);
  }

  private told(
    found: object | undefined,
    what: string,
    status = 200,
    acknowledges = false,
  ): Answer {
    if (!found) return refusal(404, `no such ${what}`);
    return {
      status,
      json: { ...found, release: this.release },
      ...(acknowledges ? { acknowledges } : {}),
    };
  }
}

export function refusal(status: number, message: string): Answer {
  return { status, json: { error: message } };
}

export function send(response: ServerResponse, { status, json, bytes }: Answer): void {
  if (status === 503) response.setHeader('retry-after', '1');
  if (bytes) {
    response
      .writeHead(status, {
        'content-type': 'application/octet-stream',
        'content-length': bytes.length,
      })
      .end(bytes);
    return;
  }
  const text = JSON.stringify(json);
  response
    .writeHead(status, {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(text),
    })
    .end(text);
}

/**
 * A standby, or a database whose site has lost its lease (the code that the site's own guard
 * raises).
 */
function refusedByDatabase(error: unknown): boolean {
  const { code } = error as { code?: string };
  return code === '25006' || code === 'WS001';
}

function breaksReference(error: unknown): boolean {
  return (error as { code?: string }).code === '23503';
}
