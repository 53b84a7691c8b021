import type { IncomingMessage } from 'node:http';

/** @returns undefined when it is larger than allowed */
export async function bytesOf(
  request: IncomingMessage,
  limitBytes: number,
): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request) {
    size += (chunk as Buffer).length;
    if (size > limitBytes) return undefined;
    chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks);
}

/** @returns {} for what is no JSON object; the fields are then missed by whoever reads them */
export async function jsonOf(request: IncomingMessage): Promise<Record<string, unknown>> {
  const bytes = await bytesOf(request, 10_000);
  try {
    const body: unknown = JSON.parse(bytes?.toString('utf8') ?? '');
    return body !== null && typeof body === 'object' ? (body as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
