/*
 * The exact points at which a worker dies. A step of a run that names a point stops there for good;
 * when nothing more arrives for a moment, the process kills itself, with every step standing
 * exactly where it stopped.
 */

export const points = [
  'before-claim',
  'after-claim',
  'in-effect',
  'after-effect',
  'before-report',
  'before-answer',
] as const;
/**
 * `before-report`: the effect has happened, and nothing is written. `before-answer`: it is in the
 * record, and Temporal does not know it.
 */
export type Point = (typeof points)[number];
