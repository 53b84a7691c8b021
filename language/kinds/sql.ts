import type { Json } from '../json.js';
import type { ActionRules } from './rules.js';
import { atTarget, inOneLine, onHost, shown } from './words.js';

/** Rows of one statement that are handed on; of more, people see these. */
export const mostRows = 200;

export interface SqlStatement {
  text: string;
  values?: readonly Json[];
  /**
   * The output key that holds this statement's rows; unnamed statements keep their row count only.
   */
  as?: string;
}

/** A query on one connection of the target. */
export interface SqlQuery {
  /** What it is, for people, where somebody else than the runbook has written it. */
  called?: string;
  /** Absent: the `postgres` of the target. */
  connection?: string;
  text: string;
  values?: readonly Json[];
}

/** Rows of a read that are handed to the statements. */
export const mostRead = 100_000;

/** What other databases are asked before the statements, each in a READ ONLY transaction. */
export type SqlRead =
  | {
      /** All its rows, and its columns: `{ columns: [{ name, type, category }], rows: […] }`. */
      rows: SqlQuery;
      /** No two rows have the same value in this column. */
      once?: string;
    }
  | {
      /**
       * Sets of keys, which are compared a page at a time. A query gives each key once: its
       * `batch`, and then its texts, in the order of their bytes in UTF-8, null first. The answer
       * counts the `keys` that are in the same sets, by the batch that the first set gives.
       */
      keys: Readonly<Record<string, readonly SqlQuery[]>>;
    };

/**
 * All statements run in one transaction, unless it says that there is none; a step of effect `read`
 * runs READ ONLY.
 */
export interface SqlAction {
  kind: 'sql';
  target: string;
  /** The connection of the target; absent: its `postgres`. */
  connection?: string;
  /** The credentials of the target; absent: those of its address. */
  credentials?: string;
  /** The host that it runs on, by its name; absent: any. */
  runsOn?: string;
  /**
   * Read first. Each statement has the answers as its first parameters, as JSON. Only a step of
   * effect `read` has reads.
   */
  reads?: readonly SqlRead[];
  statements: readonly SqlStatement[];
  /** Names that stand for `{x}` in statements, quoted. */
  identifiers?: Readonly<Record<string, string>>;
  /** Values that stand for `{x}` where no parameter may. */
  literals?: Readonly<Record<string, string | number | boolean>>;
  /** Each statement by itself: what refuses a transaction, such as VACUUM. */
  transaction?: 'none';
  /** Without a transaction: doing it twice is as doing it once. */
  idempotent?: boolean;
  statementTimeoutMs?: number;
  lockTimeoutMs?: number;
  isolation?: 'read committed' | 'repeatable read' | 'serializable';
}

export const sql: ActionRules<SqlAction> = {
  doneBy: 'activity',
  isAtomic: true,
  settles: true,
  isRepeatable: ({ idempotent }) => idempotent === true,
  describe: (action) => {
    const without = action.transaction === 'none' ? ' without a transaction' : '';
    const all = [...(action.reads ?? []).flatMap(readWords), ...action.statements.map(statement)];
    return `${all.join('; ')}${given(action)}${without}${where(action)}`;
  },
  list: (action) => {
    const { statements, transaction } = action;
    if (statements.length < 2) return [];
    const how = transaction === 'none' ? 'without a transaction' : 'in one transaction';
    return [
      `${statements.length} statements ${how}${given(action)}${where(action)}:`,
      ...statements.map((each, at) => `${at + 1}. ${statement(each)}`),
    ];
  },
};

/** The values for the places in the texts. */
function given({ identifiers, literals }: SqlAction): string {
  const places = Object.entries({ ...identifiers, ...literals });
  const values = places.map(([name, value]) => `{${name}} = ${shown(value)}`).join(', ');
  return values && ` with ${values}`;
}

function where({ target, connection, credentials, runsOn }: SqlAction): string {
  return `${byConnection(connection)}${atTarget(target, credentials)}${onHost(runsOn)}`;
}

function byConnection(connection: string | undefined): string {
  return connection === undefined ? '' : ` by connection ${connection}`;
}

function readWords(read: SqlRead): string[] {
  const queries = 'rows' in read ? [read.rows] : Object.values(read.keys).flat();
  return queries.map((query) => `${statement(query)}${byConnection(query.connection)}`);
}

function statement({ text, values = [] }: Pick<SqlStatement, 'text' | 'values'>): string {
  const given = values.map((value, place) => `$${place + 1} = ${shown(value)}`).join(', ');
  // A comment ends where its line does: in one line it would take what follows with it.
  const lines = text.includes('--') ? inOneLine(text.trim()) : text.trim();
  return `${lines.replaceAll(/\s+/g, ' ')}${given && ` (${given})`}`;
}
