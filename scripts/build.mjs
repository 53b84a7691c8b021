/**
 * Compiles everything into dist/, copies what the program reads at run time beside it, bundles the workflows, and leaves
 * a stamp of what was built.
 */
import { spawnSync } from 'node:child_process';
import { chmodSync, cpSync, existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { sourceStamp, stampFile } from './lib/stamp.mjs';

const root = resolve(import.meta.dirname, '..');
process.chdir(root);

const stamp = sourceStamp(root);
rmSync('dist', { recursive: true, force: true });
run('node_modules/typescript/bin/tsc', '-p', '.');
for (const folder of [
  'store/migrations',
  'examples/web-system/migrations',
  'examples/web-system/changelogs',
])
  cpSync(folder, join('dist', folder), { recursive: true });
for (const file of assets()) {
  mkdirSync(dirname(join('dist', file)), { recursive: true });
  cpSync(file, join('dist', file));
}
chmodSync('dist/client/main.js', 0o755);
run('dist/worker/bundle.js');
writeFileSync(stampFile(root), stamp);

/** Files that are read at run time and are no TypeScript. */
function assets() {
  const ofSites = ['archive-wal.sh', 'restore-wal.sh', 'guard.sql'].map(
    (name) => `examples/web-system/sites/${name}`,
  );
  const ofCluster = ['canary', 'node', 'role', 'shop', 'stages'].map(
    (name) => `examples/kubernetes/${name}.yaml`,
  );
  return ['examples/pipeline/schema.sql', ...ofSites, ...ofCluster].filter((file) =>
    existsSync(file),
  );
}

function run(...args) {
  const { status } = spawnSync(process.execPath, args, { stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
}
