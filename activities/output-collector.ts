import { createHash, type Hash } from 'node:crypto';
import { StringDecoder } from 'node:string_decoder';
import type { OutputChunk } from '../store/index.js';
import type { Redactor, StreamRedactor } from './redact.js';

type Stream = OutputChunk['stream'];

/** How often output is shipped, so that `logs -f` follows, in milliseconds. */
const shipEveryMs = 200;
/** Kept of one attempt, in bytes: its first half and its last. */
const keptHead = 4 * 1024 * 1024;
const keptTail = 4 * 1024 * 1024;
/**
 * When a program prints faster than the record takes it, the middle is lost; memory stays bounded.
 */
const maxWaiting = 1024 * 1024;

export interface OutputTotals {
  bytes: number;
  sha256: string;
  truncated: boolean;
}

/**
 * The output of an attempt: redacted, shipped to the record while it runs, head and tail kept. Size
 * and digest are of the whole output as printed. Never slows the program down, never grows without
 * bound.
 */
export class OutputCollector {
  private readonly decoders = new Map<Stream, StringDecoder>();
  private readonly streams = new Map<Stream, StreamRedactor>();
  private readonly hash: Hash = createHash('sha256');
  private readonly timer: NodeJS.Timeout;
  private waiting: OutputChunk[] = [];
  private waitingBytes = 0;
  private tail: OutputChunk[] = [];
  private tailBytes = 0;
  private shipped = 0;
  private seq = 0;
  private total = 0;
  private truncated = false;
  private shipping: Promise<void> = Promise.resolve();

  constructor(
    private readonly sink: (chunks: OutputChunk[]) => Promise<void>,
    private readonly redactor: Redactor,
  ) {
    this.timer = setInterval(() => this.ship(), shipEveryMs);
  }

  write(stream: Stream, chunk: Uint8Array | string): void {
    const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
    this.hash.update(bytes);
    this.total += bytes.length;
    let decoder = this.decoders.get(stream);
    if (!decoder) this.decoders.set(stream, (decoder = new StringDecoder('utf8')));
    let clean = this.streams.get(stream);
    if (!clean) this.streams.set(stream, (clean = this.redactor.stream()));
    this.keep(
      stream,
      clean.write(decoder.write(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length))),
    );
  }

  /** Stops shipping: the worker that continues the attempt ships all of it again. */
  abandon(): void {
    clearInterval(this.timer);
    this.waiting = [];
  }

  /** Ships the rest. If the record refuses it the output is lost, but the step is not failed. */
  async close(): Promise<OutputTotals> {
    clearInterval(this.timer);
    for (const [stream, decoder] of this.decoders)
      this.keep(stream, this.streams.get(stream)?.write(decoder.end()) ?? '');
    for (const [stream, clean] of this.streams) this.keep(stream, clean.end());
    this.waiting.push(...this.tail);
    this.tail = [];
    this.ship();
    await this.shipping;
    return { bytes: this.total, sha256: this.hash.digest('hex'), truncated: this.truncated };
  }

  private keep(stream: Stream, text: string): void {
    if (text === '') return;
    const chunk: OutputChunk = {
      stream,
      seq: (this.seq += 1),
      at: new Date().toISOString(),
      bytes: Buffer.from(text),
    };
    if (this.shipped + this.waitingBytes < keptHead && this.waitingBytes < maxWaiting) {
      this.waiting.push(chunk);
      this.waitingBytes += chunk.bytes.length;
      return;
    }
    this.tail.push(chunk);
    this.tailBytes += chunk.bytes.length;
    while (this.tailBytes > keptTail && this.tail.length > 1) {
      this.tailBytes -= this.tail.shift()?.bytes.length ?? 0;
      this.truncated = true;
    }
  }

  private ship(): void {
    if (this.waiting.length === 0) return;
    const chunks = this.waiting;
    this.waiting = [];
    this.shipping = this.shipping.then(async () => {
      try {
        await this.sink(chunks);
      } catch {
        this.truncated = true;
      }
      const size = chunks.reduce((sum, chunk) => sum + chunk.bytes.length, 0);
      this.shipped += size;
      this.waitingBytes = Math.max(0, this.waitingBytes - size);
    });
  }
}
