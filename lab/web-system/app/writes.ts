import { existsSync, readFileSync } from 'node:fs';

/** What the keeper of a site writes each time that the witness has renewed the lease. */
export interface LeaseFile {
  site: string;
  epoch: number;
  /** Milliseconds since 1970. */
  wallUntil: number;
  /**
   * Milliseconds on the machine's monotonic clock: the same for all of its processes, and it goes
   * on while one is stopped.
   */
  monotonicUntil: number;
}

export function monotonicMs(): number {
  return Number(process.hrtime.bigint() / 1_000_000n);
}

/** Has the lease time left, on both clocks? */
export function holds(lease: LeaseFile | undefined): boolean {
  return (
    lease !== undefined && Date.now() < lease.wallUntil && monotonicMs() < lease.monotonicUntil
  );
}

/** @returns undefined when there is none, or it cannot be read */
export function readLease(file: string): LeaseFile | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as LeaseFile;
  } catch {
    return undefined;
  }
}

/**
 * May this instance acknowledge a write? At a site only while the site's lease holds, asked before
 * the write and again when it is committed: whoever was stopped in between must not say that it is
 * done. Elsewhere always.
 */
export class Writes {
  underWay = 0;

  /** @param files undefined: no site, nothing is asked */
  constructor(private readonly files: { lease: string; draining: string } | undefined) {}

  /** Why not; undefined when it may. */
  problem(): string | undefined {
    const { files } = this;
    if (!files) return undefined;
    if (existsSync(files.draining))
      return 'this site is being drained: nothing is written here any more';
    return this.unproven();
  }

  /** As `problem`, for a write that was let in: draining waits for it. */
  unproven(): string | undefined {
    const { files } = this;
    if (!files || holds(readLease(files.lease))) return undefined;
    return 'this site may not write: it does not hold the lease';
  }
}
