import { createHash } from 'node:crypto';

/** Kept of each stream for the output, in bytes: beginning and end. */
const keptHead = 12 * 1024;
const keptTail = 12 * 1024;

/** Beginning and end of a stream, with size and digest of the whole. */
export class Excerpt {
  bytes = 0;
  private readonly hash = createHash('sha256');
  private head = Buffer.alloc(0);
  private tail = Buffer.alloc(0);

  take(chunk: Buffer): void {
    this.bytes += chunk.length;
    this.hash.update(chunk);
    let rest = chunk;
    if (this.head.length < keptHead) {
      const room = keptHead - this.head.length;
      this.head = Buffer.concat([this.head, chunk.subarray(0, room)]);
      rest = chunk.subarray(room);
    }
    if (rest.length >= keptTail) this.tail = Buffer.from(rest.subarray(-keptTail));
    else if (rest.length > 0) this.tail = Buffer.concat([this.tail, rest]).subarray(-keptTail);
  }

  get truncated(): boolean {
    return this.bytes > this.head.length + this.tail.length;
  }

  text(): string {
    const left = this.bytes - this.head.length - this.tail.length;
    const middle = left > 0 ? `\n… ${left} bytes left out …\n` : '';
    return `${printable(this.head)}${middle}${printable(this.tail)}`;
  }

  digest(): string {
    return this.hash.digest('hex');
  }
}

/** Text of any bytes: what is no UTF-8 shows as U+FFFD, NUL (which no database text can hold) is left out. */
function printable(bytes: Buffer): string {
  return bytes.toString('utf8').replaceAll('\0', '');
}
