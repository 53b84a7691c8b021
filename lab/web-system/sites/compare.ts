import { checksumOf } from '../app/customers.js';
import { databaseUrl, superuser, withDatabase } from './database.js';
import { contentIn } from './file-vault.js';
import { readJournal, type JournalEntry } from './journal.js';
import { placesOf, type SiteConfig } from './site-config.js';

export interface NotThere extends JournalEntry {
  why: string;
}

export interface Comparison {
  acknowledged: number;
  /** Acknowledged and at the site, row by row and file by file. */
  there: number;
  lost: NotThere[];
  /** There, but not what was written. */
  wrong: NotThere[];
  /**
   * Writes of which the client does not know what became of them, and how many of those are at the
   * site.
   */
  unknown: number;
  unknownThere: number;
  newestThere: string | null;
  oldestLost: string | null;
  /**
   * The newest acknowledged write up to the failure that is there with all that were acknowledged
   * before it.
   */
  recoveredUntil: string | null;
  /**
   * From there to the failure, milliseconds; null when no failure is given, or nothing is there.
   */
  rpoMs: number | null;
}

interface Found {
  /** Tenant and id → revision and checksum. */
  customer: Map<string, { revision: number; checksum: string }>;
  order: Map<string, string>;
  upload: Map<string, string>;
}

/**
 * Is every write that was acknowledged at this site?
 * @param journal the writer's
 * @param failedAt milliseconds since 1970
 */
export async function compare(
  journal: string,
  config: SiteConfig,
  failedAt?: number,
): Promise<Comparison> {
  const entries = readJournal(journal);
  const found = await contentOf(config);
  const { files } = placesOf(config);
  const known = writesOf(entries);
  const judge = (entry: JournalEntry): { lost: string } | { wrong: string } | undefined => {
    if (entry.kind === 'customer') return judgeCustomer(entry, found.customer, known);
    const there = found[entry.kind].get(keyOf(entry));
    if (there === undefined) return { lost: 'there is no such row' };
    if (there !== entry.checksum) return { wrong: `the row says ${there}` };
    if (entry.kind === 'order') return undefined;
    const content = contentIn(files, entry.checksum);
    if (content === 'missing') return { lost: 'its content is not there' };
    return content === 'wrong' ? { wrong: 'its content is another one' } : undefined;
  };

  const acknowledged = entries.filter(({ outcome }) => outcome === 'acknowledged');
  const unknown = entries.filter(({ outcome }) => outcome === 'unknown');
  const lost: NotThere[] = [];
  const wrong: NotThere[] = [];
  let newestThere: string | null = null;
  let recoveredUntil: string | null = null;
  for (const entry of acknowledged) {
    const verdict = judge(entry);
    if (!verdict) newestThere = entry.at;
    else if ('lost' in verdict) lost.push({ ...entry, why: verdict.lost });
    else wrong.push({ ...entry, why: verdict.wrong });
    const beforeFailure = failedAt === undefined || Date.parse(entry.at) <= failedAt;
    if (beforeFailure && lost.length + wrong.length === 0) recoveredUntil = entry.at;
  }
  return {
    acknowledged: acknowledged.length,
    there: acknowledged.length - lost.length - wrong.length,
    lost,
    wrong,
    unknown: unknown.length,
    unknownThere: unknown.filter((entry) => judge(entry) === undefined).length,
    newestThere,
    oldestLost: lost[0]?.at ?? null,
    recoveredUntil,
    rpoMs:
      failedAt === undefined || recoveredUntil === null
        ? null
        : Math.max(0, failedAt - Date.parse(recoveredUntil)),
  };
}

/** A later revision stands for the earlier ones, when it is one that was written. */
function judgeCustomer(
  entry: JournalEntry,
  customers: Found['customer'],
  known: ReadonlyMap<string, string>,
): { lost: string } | { wrong: string } | undefined {
  const there = customers.get(keyOf(entry));
  if (!there) return { lost: 'there is no such row' };
  if (there.revision < entry.revision) return { lost: `the row is of revision ${there.revision}` };
  const wanted = known.get(`${keyOf(entry)}@${there.revision}`);
  return there.checksum === wanted
    ? undefined
    : { wrong: `nobody wrote what revision ${there.revision} says` };
}

function keyOf({ tenant, id }: { tenant: string; id: string }): string {
  return `${tenant}/${id}`;
}

function writesOf(entries: readonly JournalEntry[]): Map<string, string> {
  return new Map(
    entries
      .filter(({ kind }) => kind === 'customer')
      .map((entry) => [`${keyOf(entry)}@${entry.revision}`, entry.checksum] as const),
  );
}

function contentOf(config: SiteConfig): Promise<Found> {
  return withDatabase(databaseUrl(config, superuser), async (client) => {
    const customers = await client.query<{
      tenant: string;
      id: string;
      name: string;
      revision: number;
    }>('SELECT tenant, id, full_name AS name, revision FROM customers');
    const orders = await client.query<{
      tenant: string;
      id: string;
      customer: string;
      amount: number;
    }>('SELECT tenant, reference AS id, customer, amount FROM orders');
    const files = await client.query<{ tenant: string; id: string; sha256: string }>(
      'SELECT tenant, name AS id, sha256 FROM files',
    );
    return {
      customer: new Map(
        customers.rows.map(
          (row) =>
            [
              keyOf(row),
              { revision: row.revision, checksum: checksumOf(row.tenant, row) },
            ] as const,
        ),
      ),
      order: new Map(
        orders.rows.map((row) => [keyOf(row), `${row.customer}/${row.amount}`] as const),
      ),
      upload: new Map(files.rows.map((row) => [keyOf(row), row.sha256] as const)),
    };
  });
}
