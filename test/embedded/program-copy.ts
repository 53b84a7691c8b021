import { cpSync, existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { cacheFolder, projectRoot } from '../../embedded/home.js';

/** What the embedded default needs of our dependencies. */
const packages = ['execa', 'pg', 'yauzl'];

/**
 * Copies what `dev` needs, downloads included, so that another account may run it or it may lie
 * elsewhere: the clone under test can be in a folder that only its owner may enter.
 */
export function copyProgram(to: string): void {
  for (const part of [
    'package.json',
    join('dist', 'embedded'),
    join('dist', 'common'),
    join('test', 'embedded', 'fixtures'),
  ])
    cpSync(join(projectRoot, part), join(to, part), { recursive: true });
  const copied = new Set<string>();
  for (const name of packages) copyPackage(name, projectRoot, to, copied);
  if (existsSync(cacheFolder()))
    cpSync(cacheFolder(), join(to, '.runbook', 'cache'), { recursive: true });
}

/** With its dependencies, each from where Node would find it. */
function copyPackage(name: string, from: string, to: string, copied: Set<string>): void {
  const folder = find(name, from);
  if (folder === undefined || copied.has(folder)) return;
  copied.add(folder);
  cpSync(folder, join(to, folder.slice(projectRoot.length)), { recursive: true });
  const { dependencies = {} } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as {
    dependencies?: Record<string, string>;
  };
  for (const dependency of Object.keys(dependencies)) copyPackage(dependency, folder, to, copied);
}

function find(name: string, from: string): string | undefined {
  for (let folder = from; folder.startsWith(projectRoot); folder = dirname(folder)) {
    const candidate = join(folder, 'node_modules', name);
    if (existsSync(join(candidate, 'package.json'))) return candidate;
  }
  return undefined;
}
