import { z } from 'zod';
import { stages, type Stage } from './schema.js';

const place = z.strictObject({ stage: z.enum(stages), batch: z.int().min(1) });
const corruptModes = ['missing', 'duplicate', 'altered'] as const;

/**
 * What goes wrong in the next jobs, as it does in real pipelines. For tests and demos; never set
 * otherwise.
 */
export const faultsSchema = z.strictObject({
  /** Milliseconds that every batch takes longer. */
  slowMs: z.int().min(0).optional(),
  /** The job's process kills itself in mid-batch: rows written, nothing committed. */
  crashAt: place.optional(),
  /**
   * The batch commits rows that differ from what its checkpoint claims, and the job dies in the
   * batch after it.
   */
  corruptCheckpoint: place.extend({ mode: z.enum(corruptModes) }).optional(),
  /** Stage transform cannot process the record with this key. */
  poison: z.int().optional(),
  /** The job stands still in mid-batch until its process is ended. */
  holdsAt: place.optional(),
  /** The service dies of a request to this path: before it is done, or before it is answered. */
  diesOn: z.strictObject({ path: z.string(), when: z.enum(['asked', 'done']) }).optional(),
  /** The batch finds no disk space. */
  diskFull: place.optional(),
  /** The batch loses its database connection. */
  databaseLost: place.optional(),
  /** The service accepts a restart and says that it is done, without doing anything. */
  ignoreRestart: z.boolean().optional(),
});

export type Faults = z.infer<typeof faultsSchema>;
export type Place = z.infer<typeof place>;
/** How a corrupt batch differs from what its checkpoint claims. */
export type CorruptMode = (typeof corruptModes)[number];

export function isAt(place: Place | undefined, stage: Stage, batch: number): boolean {
  return place?.stage === stage && place.batch === batch;
}

/** As a power cut would: no handler runs, nothing is written. */
export function dieAtOnce(): never {
  process.kill(process.pid, 'SIGKILL');
  // The signal is on its way; nothing more may be done.
  for (;;);
}
