import { isUtf8 } from 'node:buffer';
import { createHash } from 'node:crypto';

/** Shown of each stream, in bytes: this much of its start, and of its end. */
const shownOfEach = 12 * 1024;
/**
 * Kept beyond what is shown, so that no secret is cut before redaction; longer than any form of
 * one.
 */
const margin = 64 * 1024;

/** Beginning and end of a stream, with size and digest of the whole. */
export class Excerpt {
  bytes = 0;
  private readonly hash = createHash('sha256');
  private readonly head: Buffer[] = [];
  private headBytes = 0;
  private tail: Buffer[] = [];
  private tailBytes = 0;

  private readonly kept: number;

  /** @param shown bytes of beginning and of end each */
  constructor(private readonly shown = shownOfEach) {
    this.kept = shown + margin;
  }

  take(chunk: Buffer): void {
    this.bytes += chunk.length;
    this.hash.update(chunk);
    const room = Math.min(chunk.length, this.kept - this.headBytes);
    if (room > 0) {
      this.head.push(chunk.subarray(0, room));
      this.headBytes += room;
    }
    if (room === chunk.length) return;
    // The last bytes, however long the stream is.
    this.tail.push(Buffer.from(chunk.subarray(Math.max(room, chunk.length - this.kept))));
    this.tailBytes += this.tail.at(-1)?.length ?? 0;
    while (this.tailBytes - (this.tail[0]?.length ?? 0) >= this.kept)
      this.tailBytes -= this.tail.shift()?.length ?? 0;
  }

  private get truncated(): boolean {
    return this.bytes > 2 * this.shown;
  }

  /**
   * All that was kept; redact it, then shorten it. It is altered where it is not what was written:
   * a part was left out, or it held a NUL, which no database text can hold, or what is no UTF-8.
   */
  whole(): { text: string; isAltered: boolean } {
    const gap = this.bytes - this.headBytes - this.tailBytes;
    const middle = gap > 0 ? [Buffer.from(leftOut(gap))] : [];
    const bytes = Buffer.concat([...this.head, ...middle, ...this.tail]);
    return {
      text: bytes.toString('utf8').replaceAll('\0', ''),
      isAltered: this.truncated || bytes.includes(0) || !isUtf8(bytes),
    };
  }

  /**
   * Beginning and end of what was kept, cut between characters.
   * @param clean what redaction made of `whole`
   */
  shorten(clean: string): string {
    const bytes = Buffer.from(clean);
    if (!this.truncated || bytes.length <= 2 * this.shown) return clean;
    let end = this.shown;
    while (isInside(bytes[end])) end -= 1;
    let begin = bytes.length - this.shown;
    while (isInside(bytes[begin])) begin += 1;
    const shown = end + bytes.length - begin;
    const middle = leftOut(Math.max(1, this.bytes - shown));
    return `${bytes.toString('utf8', 0, end)}${middle}${bytes.toString('utf8', begin)}`;
  }

  digest(): string {
    return this.hash.digest('hex');
  }
}

function leftOut(bytes: number): string {
  return `\n… ${bytes} bytes left out …\n`;
}

/** A byte of a character that began before it. */
function isInside(byte: number | undefined): boolean {
  return byte !== undefined && (byte & 0xc0) === 0x80;
}
