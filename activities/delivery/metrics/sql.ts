import { z } from 'zod';
import type { Json } from '../../../language/json.js';
import type { AnalysisNumbers } from '../../../language/kinds/delivery/analysis.js';
import type { TargetDeclaration } from '../../../language/targets-file.js';
import { StepFailure } from '../../failure.js';
import type { AttemptContext, Handler } from '../../handler.js';
import { parametersIn } from './placeholders.js';
import type { Answer, Group, MetricsSource, Span, Readings } from './readings.js';

/*
 * A query on a database with an access log, or sums of one. It runs in a transaction that cannot
 * write.
 */

const statementMs = 5_000;

const facts = z.strictObject({
  /** The target with the database; the target itself unless said. */
  target: z.string().min(1).optional(),
  // With a parameter it is sent as one statement: it cannot end the transaction and begin another.
  query: z.string().max(20_000).includes('$from', 'must use $from: it is asked about a window'),
});

/** Column → number; p95_ms and memory_bytes may be left out. */
const columns = {
  requests: 'requests',
  errors: 'errors',
  p95_ms: 'p95Ms',
  memory_bytes: 'memoryBytes',
} as const;
type Column = keyof typeof columns;

/** @throws StepFailure Configuration */
export function sqlSource(
  target: TargetDeclaration,
  context: AttemptContext,
  sql: Handler<'sql'>,
): MetricsSource {
  const parsed = facts.safeParse(target.facts['metrics_sql']);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new StepFailure(
      'Configuration',
      `facts.metrics_sql of target ${target.name}: ` +
        `${[issue?.path.join('.'), issue?.message].filter(Boolean).join(': ')}`,
      { next: 'docs/deploying.md, "Where the numbers come from", shows what belongs there.' },
    );
  }
  return new SqlMetrics(
    target.name,
    parsed.data.target ?? target.name,
    parsed.data.query,
    context,
    sql,
  );
}

class SqlMetrics implements MetricsSource {
  readonly name: string;
  /** Which optional columns the query returns is only known once it runs. */
  readonly provides: readonly (keyof AnalysisNumbers)[] = ['requests', 'errors'];

  constructor(
    private readonly target: string,
    private readonly database: string,
    private readonly query: string,
    private readonly context: AttemptContext,
    private readonly sql: Handler<'sql'>,
  ) {
    this.name = `the database of target ${database}`;
  }

  async read(group: Group, span: Span, signal: AbortSignal): Promise<Answer> {
    const statement = parametersIn(this.query, group, span);
    const answer = await this.sql(
      {
        kind: 'sql',
        target: this.database,
        statements: [{ text: statement.text, values: statement.values, as: 'found' }],
        statementTimeoutMs: statementMs,
      },
      { ...this.context, signal, effect: 'read', resumedFrom: null },
    );
    const rows = (answer as { found: Record<string, Json>[] }).found;
    const [row] = rows;
    if (rows.length > 1)
      throw this.misconfigured(
        `returns ${rows.length} rows, and one is needed: combine the servers, without GROUP BY`,
      );
    const readings: Readings = { requests: null, errors: null };
    if (!row) return { readings, warnings: [] };
    for (const column of ['requests', 'errors'] as const) {
      if (!(column in row)) throw this.misconfigured(`returns no column ${column}`);
    }
    for (const [column, name] of Object.entries(columns)) {
      if (column in row) readings[name] = this.numberOf(column as Column, row[column] ?? null);
    }
    return { readings, warnings: [] };
  }

  /** A sum arrives as text, so that no digit is lost. */
  private numberOf(column: Column, given: Json): number | null {
    if (given === null) return null;
    const number =
      typeof given === 'number'
        ? given
        : typeof given === 'string' && given.trim() !== ''
          ? Number(given)
          : NaN;
    if (given === 'NaN') return null;
    if (!Number.isFinite(number) || number < 0)
      throw this.misconfigured(`returns ${JSON.stringify(given)} as ${column}`);
    return number;
  }

  private misconfigured(what: string): StepFailure {
    return new StepFailure(
      'Configuration',
      `facts.metrics_sql.query of target ${this.target} ${what}`,
      {
        next: 'Try the query in the database, and correct it in targets.yaml.',
      },
    );
  }
}
