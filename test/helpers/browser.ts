import { existsSync } from 'node:fs';

/** The Chromium that is on this machine, if any: nothing is downloaded for it. */
export function browserProgram(): string | undefined {
  const candidates = [
    process.env['CHROMIUM'],
    '/usr/bin/chromium',
    '/usr/bin/chromium-browser',
    '/usr/bin/google-chrome',
  ];
  return candidates.find((path) => path !== undefined && existsSync(path));
}
