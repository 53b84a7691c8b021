import type { IncomingMessage, ServerResponse } from 'node:http';
import type pg from 'pg';
import { checksumOf, type Customers } from './customers.js';
import { placeOrder, readOrder, type Order } from './orders.js';

export interface Answer {
  status: number;
  json: object;
}

/** The business: customers and orders of tenants. */
export class Api {
  constructor(
    private readonly pool: pg.Pool,
    private readonly customers: Customers,
    private readonly release: string,
  ) {}

  async answer(request: IncomingMessage, path: string): Promise<Answer> {
    const [, tenant = '', collection = '', id = ''] = /^\/tenants\/([\w-]+)\/(customers|orders)\/([\w.-]+)$/.exec(path) ?? [];
    const route = `${request.method} ${collection}`;
    switch (route) {
      case 'GET customers':
        return this.readCustomer(tenant, id);
      case 'PUT customers':
        return this.writeCustomer(tenant, id, await bodyOf(request));
      case 'GET orders':
        return this.told(await readOrder(this.pool, tenant, id), 'order');
      case 'POST orders':
        return this.placeOrder(tenant, id, await bodyOf(request));
      default:
        return refusal(404, `there is no ${request.method} ${path}`);
    }
  }

  private async readCustomer(tenant: string, id: string): Promise<Answer> {
    const customer = await this.customers.read(this.pool, tenant, id);
    if (!customer) return refusal(404, 'no such customer');
    return this.told({ tenant, ...customer, checksum: checksumOf(tenant, customer) }, 'customer');
  }

  private async writeCustomer(tenant: string, id: string, body: Record<string, unknown>): Promise<Answer> {
    const { name, revision } = body;
    if (typeof name !== 'string' || name.trim() === '' || name.length > 200 || !Number.isSafeInteger(revision))
      return refusal(422, 'a customer has a name and a revision');
    const customer = { id, name: name.trim().replace(/\s+/g, ' '), revision: revision as number };
    try {
      await this.customers.write(this.pool, tenant, customer);
    } catch (error) {
      if (breaksReference(error)) return refusal(404, 'no such tenant');
      throw error;
    }
    return this.told({ tenant, ...customer, checksum: checksumOf(tenant, customer) }, 'customer');
  }

  private async placeOrder(tenant: string, reference: string, body: Record<string, unknown>): Promise<Answer> {
    const { customer, amount } = body;
    if (typeof customer !== 'string' || !Number.isSafeInteger(amount))
      return refusal(422, 'an order has a customer and an amount');
    const order: Order = { reference, customer, amount: amount as number };
    try {
      if (!(await placeOrder(this.pool, tenant, order))) return refusal(409, 'this reference was used before');
    } catch (error) {
      if (breaksReference(error)) return refusal(404, 'no such tenant or customer');
      throw error;
    }
    return this.told(order, 'order', 201);
  }

  private told(found: object | undefined, what: string, status = 200): Answer {
    return found ? { status, json: { ...found, release: this.release } } : refusal(404, `no such ${what}`);
  }
}

export function refusal(status: number, message: string): Answer {
  return { status, json: { error: message } };
}

export function send(response: ServerResponse, { status, json }: Answer): void {
  const text = JSON.stringify(json);
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }).end(text);
}

function breaksReference(error: unknown): boolean {
  return (error as { code?: string }).code === '23503';
}

/** @returns {} for what is no JSON object; the fields are then missed by whoever reads them */
async function bodyOf(request: IncomingMessage): Promise<Record<string, unknown>> {
  let text = '';
  for await (const chunk of request) {
    text += String(chunk);
    if (text.length > 10_000) return {};
  }
  try {
    const body: unknown = JSON.parse(text);
    return body !== null && typeof body === 'object' ? (body as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
