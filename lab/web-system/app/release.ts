import { readFileSync } from 'node:fs';

/** What is wrong with a release on purpose. */
export const flaws = [
  'crashes',
  'fails',
  'slow',
  'leaks',
  'needs-schema',
  'never-ready',
  'unsafe-expand',
] as const;
export type Flaw = (typeof flaws)[number];

/**
 * The generations of the code: 1 knows `full_name`, 2 writes both, 3 knows `given_name` and
 * `family_name` only.
 */
export type Generation = 1 | 2 | 3;

/** `release.json` beside the program: what this artefact is. */
export interface Release {
  version: string;
  generation: Generation;
  flaw: Flaw | null;
}

/** The release that this program was published as. */
export function thisRelease(): Release {
  return JSON.parse(readFileSync(new URL('./release.json', import.meta.url), 'utf8')) as Release;
}
