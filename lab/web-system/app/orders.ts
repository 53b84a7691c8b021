import type pg from 'pg';

export interface Order {
  reference: string;
  customer: string;
  amount: number;
}

/**
 * Places an order; the reference is the client's.
 * @returns false when this reference was used before
 */
export async function placeOrder(
  db: pg.Pool | pg.ClientBase,
  tenant: string,
  order: Order,
): Promise<boolean> {
  const { rowCount } = await db.query(
    'INSERT INTO orders (tenant, reference, customer, amount) VALUES ($1, $2, $3, $4) ' +
      'ON CONFLICT (tenant, reference) DO NOTHING',
    [tenant, order.reference, order.customer, order.amount],
  );
  return rowCount === 1;
}

export async function readOrder(
  db: pg.Pool | pg.ClientBase,
  tenant: string,
  reference: string,
): Promise<Order | undefined> {
  const { rows } = await db.query<Order>(
    `SELECT reference, customer, amount FROM orders WHERE tenant = $1 AND reference = $2`,
    [tenant, reference],
  );
  return rows[0];
}
