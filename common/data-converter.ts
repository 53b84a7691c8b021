import { DefaultPayloadConverter, type Payload, type PayloadConverter } from '@temporalio/common';

/** Stands for a payload that no converter can read. */
export interface Undecodable {
  undecodable: true;
  encoding: string;
  bytes: number;
}

/**
 * The default converter, except that a payload it cannot read becomes a marker instead of an
 * exception: inside a workflow an exception while a signal is decoded fails the workflow task for
 * ever, and anybody who reaches the server can send such a signal. Bundled with the workflows. It
 * writes what the default converter writes, so workers and clients do not need it.
 */
class TolerantPayloadConverter extends DefaultPayloadConverter implements PayloadConverter {
  override fromPayload<T>(payload: Payload): T {
    try {
      return super.fromPayload<T>(payload);
    } catch {
      const encoding = payload.metadata?.['encoding'];
      const marker: Undecodable = {
        undecodable: true,
        encoding: encoding
          ? Array.from(encoding.slice(0, 40), (byte) => String.fromCharCode(byte)).join('')
          : '',
        bytes: payload.data?.length ?? 0,
      };
      return marker as T;
    }
  }
}

export const payloadConverter = new TolerantPayloadConverter();
