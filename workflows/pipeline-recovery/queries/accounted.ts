import type { PipelineStage } from '../../../language/pipeline.js';
import { quotedTable } from '../../../language/sql-name.js';
import { inDataset, of, sameKey, type Asked, type Parameters } from './parts.js';

/**
 * Whether the key of the row was left out on purpose: rejected for another reason than that it came
 * twice, or set aside.
 * @param stage that left it out; absent: any
 */
export function isAccountedFor(
  asked: Asked,
  { alias, key }: { alias: string; key: readonly string[] },
  parameters: Parameters,
  stage?: PipelineStage,
): string {
  const { rejects, setAside } = asked.data;
  const ways: string[] = [];
  if (rejects) {
    const conditions = [
      inDataset(asked, rejects, 'r', parameters),
      sameKey('r', rejects.key, alias, key),
    ];
    if (rejects.stage !== undefined && stage)
      conditions.push(`${of('r', rejects.stage)} = ${parameters.of(stage.name)}`);
    if (rejects.reason !== undefined && rejects.repeated.length > 0) {
      const reason = of('r', rejects.reason);
      const repeated = parameters.of([...rejects.repeated], 'text[]');
      conditions.push(`(${reason} IS NULL OR ${reason}::text <> ALL (${repeated}))`);
    }
    ways.push(existsIn(quotedTable(rejects.table), 'r', conditions));
  }
  if (setAside) {
    const conditions = [
      inDataset(asked, setAside, 'd', parameters),
      sameKey('d', setAside.key, alias, key),
    ];
    ways.push(existsIn(quotedTable(setAside.table), 'd', conditions));
  }
  return ways.length === 0 ? 'false' : `(${ways.join('\n       OR ')})`;
}

/** Whether the table has a row of which all of it holds. */
export function existsIn(table: string, alias: string, conditions: readonly string[]): string {
  return `EXISTS (SELECT 1 FROM ${table} ${alias} WHERE ${conditions.join(' AND ')})`;
}
