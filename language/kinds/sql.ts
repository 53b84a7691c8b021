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

/**
 * All statements run in one transaction, unless it says that there is none; a step of effect `read`
 * runs READ ONLY.
 */
export interface SqlAction {
  kind: 'sql';
  target: string;
  /** The credentials of the target; absent: those of its address. */
  credentials?: string;
  /** The host that it runs on, by its name; absent: any. */
  runsOn?: string;
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
    return `${action.statements.map(statement).join('; ')}${given(action)}${without}${where(action)}`;
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

function where({ target, credentials, runsOn }: SqlAction): string {
  return `${atTarget(target, credentials)}${onHost(runsOn)}`;
}

function statement({ text, values = [] }: SqlStatement): string {
  const given = values.map((value, place) => `$${place + 1} = ${shown(value)}`).join(', ');
  // A comment ends where its line does: in one line it would take what follows with it.
  const lines = text.includes('--') ? inOneLine(text.trim()) : text.trim();
  return `${lines.replaceAll(/\s+/g, ' ')}${given && ` (${given})`}`;
}
