import { createHash } from 'node:crypto';

/** Kept of each stream for the output, in bytes: so much of its beginning, and of its end. */
const keptOfEach = 12 * 1024;

/** Beginning and end of a stream, with size and digest of the whole. */
export class Excerpt {
  bytes = 0;
  private readonly hash = createHash('sha256');
  private head = Buffer.alloc(0);
  private tail = Buffer.alloc(0);

  /** @param kept bytes of beginning and of end each */
  constructor(private readonly kept = keptOfEach) {}

  take(chunk: Buffer): void {
    this.bytes += chunk.length;
    this.hash.update(chunk);
    let rest = chunk;
    if (this.head.length < this.kept) {
      const room = this.kept - this.head.length;
      this.head = Buffer.concat([this.head, chunk.subarray(0, room)]);
      rest = chunk.subarray(room);
    }
    if (rest.length >= this.kept) this.tail = Buffer.from(rest.subarray(-this.kept));
    else if (rest.length > 0) this.tail = Buffer.concat([this.tail, rest]).subarray(-this.kept);
  }

  get truncated(): boolean {
    return this.bytes > this.head.length + this.tail.length;
  }

  /** For people; what is read by code is kept whole elsewhere. Cut between characters, decoded once. */
  text(): string {
    if (!this.truncated) return printable(Buffer.concat([this.head, this.tail]));
    const head = this.head.subarray(0, endOfCharacters(this.head));
    const tail = this.tail.subarray(startOfCharacters(this.tail));
    const left = this.bytes - head.length - tail.length;
    return `${printable(head)}\n… ${left} bytes left out …\n${printable(tail)}`;
  }

  digest(): string {
    return this.hash.digest('hex');
  }
}

/** Text of any bytes: what is no UTF-8 shows as U+FFFD, NUL (which no database text can hold) is left out. */
function printable(bytes: Buffer): string {
  return bytes.toString('utf8').replaceAll('\0', '');
}

/** UTF-8: a character has at most four bytes, and all but its first begin with the bits 10. */
const longestCharacter = 4;
const continues = (byte: number | undefined): boolean => ((byte ?? 0) & 0xc0) === 0x80;

/** Where the last whole character ends; bytes that are no UTF-8 stay as they are. */
function endOfCharacters(bytes: Buffer): number {
  for (let back = 1; back < longestCharacter && back <= bytes.length; back += 1) {
    const byte = bytes[bytes.length - back] ?? 0;
    if (continues(byte)) continue;
    const length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;
    return length > back ? bytes.length - back : bytes.length;
  }
  return bytes.length;
}

/** Where the first whole character begins. */
function startOfCharacters(bytes: Buffer): number {
  let start = 0;
  while (start < longestCharacter - 1 && continues(bytes[start])) start += 1;
  return start;
}
