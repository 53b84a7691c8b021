import { createHash, randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { bundleFile, bundleWorkflows, shippedEntry } from '../../worker/bundle.js';
import { programFolder } from '../../worker/config.js';

/** Goes with each build, so that what is in it is never of another one. */
const folder = join(programFolder, 'test-bundles');

/**
 * As `bundleWorkflows`, once for all tests of a build: it costs more than a second.
 * @param entry compiled module that exports workflows
 */
export async function testBundle(entry: string): Promise<string> {
  return readFile(await testBundleFile(entry), 'utf8');
}

/** @param entry as for `testBundle` @returns the file that holds the bundle */
export async function testBundleFile(entry: string): Promise<string> {
  if (entry === shippedEntry) return bundleFile;
  const file = join(folder, `${createHash('sha256').update(entry).digest('hex')}.js`);
  if (existsSync(file)) return file;
  const code = await bundleWorkflows(entry);
  await mkdir(folder, { recursive: true });
  // Others look for it at the same time: they see all of it or nothing.
  const half = `${file}.${randomUUID()}`;
  await writeFile(half, code);
  await rename(half, file);
  return file;
}
