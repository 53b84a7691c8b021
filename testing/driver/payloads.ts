import {
  DefaultFailureConverter,
  defaultPayloadConverter,
  mapFromPayloads,
  toPayloads,
  type Payload,
} from '@temporalio/common';
// Nothing under lib/ is public: see driver.ts.
import { searchAttributePayloadConverter } from '@temporalio/common/lib/converter/payload-search-attributes.js';
import type { coresdk } from '@temporalio/proto';
import type { Json, JsonObject } from '../../language/json.js';

/*
 * Payloads, times and failures of Temporal's protocol, as plain data.
 */

type Duration = NonNullable<
  coresdk.workflow_commands.ScheduleActivity.$Properties['startToCloseTimeout']
>;
export type Payloads = Record<string, Payload>;

export const failureConverter = new DefaultFailureConverter();

export function jsonOf(payloads: readonly Payload[] | null | undefined): Json[] {
  return (payloads ?? []).map((payload) => (valueOf(payload) ?? null) as Json);
}

export function memoOf(fields: Payloads | null | undefined): JsonObject {
  return Object.fromEntries(
    Object.entries(fields ?? {}).map(([name, payload]) => [
      name,
      (valueOf(payload) ?? null) as Json,
    ]),
  );
}

export function attributesOf(fields: Payloads | null | undefined): JsonObject {
  return mapFromPayloads(searchAttributePayloadConverter, fields ?? {}) ?? {};
}

export function textOf(payload: Payload | null | undefined): string {
  const value = valueOf(payload);
  return typeof value === 'string' ? value : '';
}

/** Milliseconds; 0 for none. */
export function msOf(duration: Duration | null | undefined): number {
  return Number(duration?.seconds ?? 0) * 1_000 + (duration?.nanos ?? 0) / 1_000_000;
}

export function timestampOf(ms: number): { seconds: number; nanos: number } {
  return { seconds: Math.floor(ms / 1_000), nanos: Math.round((ms % 1_000) * 1_000_000) };
}

export function valueOf(payload: Payload | null | undefined): unknown {
  return payload ? defaultPayloadConverter.fromPayload(payload) : undefined;
}

export function payloadsOf(values: unknown[]): Payload[] {
  return toPayloads(defaultPayloadConverter, ...values) ?? [];
}

export function isEmpty(fields: Payloads | null | undefined): boolean {
  return Object.keys(fields ?? {}).length === 0;
}
