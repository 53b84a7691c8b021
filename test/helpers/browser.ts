import { existsSync } from 'node:fs';

/**
 * The Chromium that is on this machine, if any: nothing is downloaded for it. `CHROMIUM=none` hides
 * it.
 */
export function browserProgram(): string | undefined {
  const given = process.env['CHROMIUM'];
  if (given === 'none') return undefined;
  const candidates = [
    given,
    '/usr/bin/chromium',
    '/usr/bin/chromium-browser',
    '/usr/bin/google-chrome',
  ];
  return candidates.find((path) => path !== undefined && existsSync(path));
}
