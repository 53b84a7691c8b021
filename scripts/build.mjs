/**
 * Compiles everything into dist/, copies what the program reads at run time beside it, bundles the
 * workflows, and leaves a stamp of what was built. Types are not checked here but by `npm run
 * types`: that takes twenty times as long, and a clone that somebody tries has been checked.
 */
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { transformFile } from '@swc/core';
import { sourceStamp, stampFile } from './lib/stamp.mjs';

const root = resolve(import.meta.dirname, '..');
process.chdir(root);

const stamp = sourceStamp(root);
rmSync('dist', { recursive: true, force: true });
await compile();
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

/** Every TypeScript file of the folders that tsconfig.json names. */
async function compile() {
  const { include } = JSON.parse(readFileSync('tsconfig.json', 'utf8'));
  const files = include.flatMap((folder) =>
    readdirSync(folder, { recursive: true })
      .filter((name) => name.endsWith('.ts'))
      .map((name) => join(folder, name)),
  );
  await Promise.all(files.map(compileFile));
}

async function compileFile(file) {
  const { code, map } = await transformFile(file, {
    swcrc: false,
    sourceMaps: true,
    module: { type: 'es6' },
    jsc: {
      target: 'es2022',
      parser: { syntax: 'typescript' },
      transform: { verbatimModuleSyntax: true },
    },
  });
  const output = join('dist', file.replace(/\.ts$/, '.js'));
  mkdirSync(dirname(output), { recursive: true });
  writeFileSync(output, `${code}//# sourceMappingURL=${basename(output)}.map\n`);
  writeFileSync(`${output}.map`, map);
}

function run(...args) {
  const { status } = spawnSync(process.execPath, args, { stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
}
