import { randomUUID } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { programFolder } from '../../worker/config.js';
import { Driver } from '../../testing/driver/driver.js';
import { testBundle } from '../helpers/bundle.js';

/** Modules whose exports are the workflows. */
export type Entry = 'workflows/index' | 'test/engine/procedures' | 'test/driver/procedures';

/**
 * Opens a driver on the bundle of an entry. RUNBOOK_MEASURED names a folder with a bundle that
 * measures what it runs (scripts/lib/program-copy.mjs); what it counts is written to
 * RUNBOOK_COVERAGE when the driver is closed.
 */
export async function openDriver(entry: Entry): Promise<Driver> {
  const measured = process.env['RUNBOOK_MEASURED'];
  if (!measured)
    return Driver.create({ code: await testBundle(join(programFolder, `${entry}.js`)) });
  const counted: Record<string, unknown> = {};
  const folder = process.env['RUNBOOK_COVERAGE'];
  return Driver.create({
    code: readFileSync(join(measured, `${entry}.bundle`), 'utf8'),
    globals: {
      __coverage__: unfrozen(counted),
      __fault__: (globalThis as { __fault__?: unknown }).__fault__,
    },
    closed: () => {
      if (folder) writeFileSync(join(folder, `${randomUUID()}.json`), JSON.stringify(counted));
    },
  });
}

/**
 * The sandbox freezes what it finds on its global, down to the last object, but takes an empty
 * frozen one for done.
 */
function unfrozen(counted: Record<string, unknown>): object {
  return new Proxy(Object.freeze({}), {
    get: (_, name) => counted[String(name)],
    set: (_, name, value) => Reflect.set(counted, name, value),
  });
}
