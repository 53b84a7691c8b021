/**
 * Lays by, in .runbook/cache, all that a clone needs where there is no network: the packages that
 * package-lock.json names, and the programs of the embedded default. A clone with a copy of that
 * folder installs, builds and runs `./runbook dev` offline.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fetchPrograms } from '../dist/embedded/binaries.js';
import { cacheFolder } from '../dist/embedded/home.js';

const root = resolve(import.meta.dirname, '..');
const cache = cacheFolder();
const half = join(cache, `npm.${process.pid}`);
const room = mkdtempSync(join(tmpdir(), 'runbook-offline-'));
try {
  for (const file of ['package.json', 'package-lock.json', '.npmrc'])
    if (existsSync(join(root, file))) cpSync(join(root, file), join(room, file));
  const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';
  const args = [
    'ci',
    '--ignore-scripts',
    '--no-audit',
    '--no-fund',
    '--loglevel=error',
    '--cache',
    half,
  ];
  const { status } = spawnSync(npm, args, { cwd: room, stdio: ['ignore', 2, 2] });
  if (status !== 0) throw new Error('npm could not fetch the packages; what it said is above.');
  const registry = new URL(
    spawnSync(npm, ['config', 'get', 'registry'], { cwd: room, encoding: 'utf8' }).stdout.trim(),
  );
  [registry.username, registry.password] = ['', ''];
  writeFileSync(join(half, 'registry'), `${registry.href}\n`);
  rmSync(join(cache, 'npm'), { recursive: true, force: true });
  renameSync(half, join(cache, 'npm'));
  await fetchPrograms(cache, (line) => process.stderr.write(`${line}\n`));
  process.stdout.write(`${cache} holds all that a clone needs without a network.\n`);
} catch (error) {
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
} finally {
  rmSync(half, { recursive: true, force: true });
  rmSync(room, { recursive: true, force: true });
}
