import { open, stat } from 'node:fs/promises';
import { StepFailure } from '../../failure.js';
import { sameText } from './address.js';
import type { Buckets } from './prometheus.js';

/** What the pool's access log has to hold: `log_format runbook '…'`. */
export const nginxLogFormat = '"$upstream_addr" "$upstream_status" "$upstream_response_time"';
/** Upper bounds in seconds; nginx tells times in milliseconds. */
const bounds = [
  0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.015, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 1,
  2.5, 5, 10,
];
/** How much of a log is read at once, in bytes. */
const chunkBytes = 1024 * 1024;

/** Counts the requests of a pool from its access log, starting at the first read. */
export class AccessLog {
  private at: { inode: number; offset: number } | undefined;
  private rest = '';
  private readonly counts = new Map<
    string,
    { requests: number; errors: number; latency: Buckets }
  >();

  constructor(private readonly path: string) {}

  countersOf(name: string): { requests: number; errors: number; latency: Buckets } {
    const there = this.counts.get(name);
    if (there) return there;
    const counters = {
      requests: 0,
      errors: 0,
      latency: [...bounds, Infinity].map((bound): [number, number] => [bound, 0]),
    };
    this.counts.set(name, counters);
    return counters;
  }

  /** @param names address → slot @throws StepFailure Configuration */
  async read(names: ReadonlyMap<string, string>): Promise<void> {
    const now = await stat(this.path).catch((error: NodeJS.ErrnoException) => {
      throw new StepFailure(
        'Configuration',
        `the access log of the pool cannot be read: ${this.path} (${error.code ?? 'unknown'})`,
        {
          next:
            'Let nginx write it, and let the worker read ' +
            'it; docs/operating.md shows the configuration.',
        },
      );
    });
    this.at ??= { inode: now.ino, offset: now.size };
    // Rotated, or cut.
    if (now.ino !== this.at.inode || now.size < this.at.offset) {
      this.at = { inode: now.ino, offset: 0 };
      this.rest = '';
    }
    const file = await open(this.path);
    try {
      const buffer = Buffer.alloc(chunkBytes);
      for (;;) {
        const { bytesRead } = await file.read(buffer, 0, chunkBytes, this.at.offset);
        if (bytesRead === 0) return;
        this.at.offset += bytesRead;
        const lines = (this.rest + buffer.toString('latin1', 0, bytesRead)).split('\n');
        this.rest = lines.pop() ?? '';
        for (const line of lines) this.count(line, names);
      }
    } finally {
      await file.close();
    }
  }

  /** One request; it has several servers when the first did not answer. */
  private count(line: string, names: ReadonlyMap<string, string>): void {
    const [addresses = [], statuses = [], times = []] = [...line.matchAll(/"([^"]*)"/g)].map(
      ([, list = '']) => list.split(/, | : /),
    );
    for (const [index, address] of addresses.entries()) {
      const name = names.get(address) ?? names.get(sameText(address));
      const status = Number(statuses[index]);
      if (name === undefined || !Number.isFinite(status)) continue;
      const counters = this.countersOf(name);
      const seconds = Number(times[index]);
      counters.requests += 1;
      if (status >= 500) counters.errors += 1;
      counters.latency = counters.latency.map(([bound, count]) => [
        bound,
        count + (seconds <= bound ? 1 : 0),
      ]);
    }
  }
}
