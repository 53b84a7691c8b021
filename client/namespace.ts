import protos from '@temporalio/proto';
import { searchAttributes } from '../common/search-attributes.js';
import type { Temporal } from './connect.js';

const { IndexedValueType } = protos.temporal.api.enums.v1;
const secondsADay = 86_400;

/** What each of our search attributes is for Temporal. */
function wanted(): Record<string, number> {
  return Object.fromEntries(
    Object.values(searchAttributes).map(({ name, type }) => [
      name,
      type === 'KEYWORD_LIST'
        ? IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD_LIST
        : IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD,
    ]),
  );
}

/** Our search attributes that the namespace does not have. */
export async function missingSearchAttributes(temporal: Temporal): Promise<string[]> {
  const { customAttributes } = await temporal.within(5_000, () =>
    temporal.connection.operatorService.listSearchAttributes({ namespace: temporal.namespace }),
  );
  return Object.keys(wanted()).filter((name) => !Object.hasOwn(customAttributes ?? {}, name));
}

/** Registers what is missing. @returns the names that were added */
export async function registerSearchAttributes(temporal: Temporal): Promise<string[]> {
  const missing = await missingSearchAttributes(temporal);
  if (missing.length === 0) return [];
  const types = wanted();
  await temporal.within(20_000, () =>
    temporal.connection.operatorService.addSearchAttributes({
      namespace: temporal.namespace,
      searchAttributes: Object.fromEntries(missing.map((name) => [name, types[name] ?? 0])),
    }),
  );
  return missing;
}

/** Days that the namespace keeps runs that have ended. */
export async function retentionDays(temporal: Temporal): Promise<number> {
  const { config } = await temporal.within(5_000, () =>
    temporal.connection.workflowService.describeNamespace({ namespace: temporal.namespace }),
  );
  return Number(config?.workflowExecutionRetentionTtl?.seconds ?? 0) / secondsADay;
}

/** Sets the retention to at least this many days; a longer one stays. */
export async function setRetention(
  temporal: Temporal,
  days: number,
): Promise<{ before: number; after: number }> {
  const before = await retentionDays(temporal);
  if (before >= days) return { before, after: before };
  await temporal.within(10_000, () =>
    temporal.connection.workflowService.updateNamespace({
      namespace: temporal.namespace,
      config: { workflowExecutionRetentionTtl: { seconds: (days * secondsADay) as never } },
    }),
  );
  return { before, after: await retentionDays(temporal) };
}
