import type { Stage } from './schema.js';

/** How a corrupt batch differs from what its checkpoint claims. */
export type CorruptMode = 'missing' | 'duplicate' | 'altered';

export interface Place {
  stage: Stage;
  batch: number;
}

/** What goes wrong in the next jobs, as it does in real pipelines. For tests and demos; never set otherwise. */
export interface Faults {
  /** Milliseconds that every batch takes longer. */
  slowMs?: number;
  /** The job's process kills itself in mid-batch: rows written, nothing committed. */
  crashAt?: Place;
  /** The batch commits rows that differ from what its checkpoint claims, and the job dies in the batch after it. */
  corruptCheckpoint?: Place & { mode: CorruptMode };
  /** Stage transform cannot process the record with this key. */
  poison?: number;
  /** The batch finds no disk space. */
  diskFull?: Place;
  /** The batch loses its database connection. */
  databaseLost?: Place;
  /** The service accepts a restart and says that it is done, without doing anything. */
  ignoreRestart?: boolean;
}

export function isAt(place: Place | undefined, stage: Stage, batch: number): boolean {
  return place?.stage === stage && place.batch === batch;
}

/** As a power cut would: no handler runs, nothing is written. */
export function dieAtOnce(): never {
  process.kill(process.pid, 'SIGKILL');
  // The signal is on its way; nothing more may be done.
  for (;;);
}
