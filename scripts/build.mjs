/**
 * Compiles everything into dist/, copies what the program reads at run time beside it, bundles the
 * command line and the workflows, and leaves a stamp of what was built. Types are not checked here
 * but by `npm run types`: that takes twenty times as long, and a clone that somebody tries has been
 * checked.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { transformFile } from '@swc/core';
import { bundleClient } from './lib/bundle-client.mjs';
import { sourceFolders, sourceStamp, stampFile } from './lib/stamp.mjs';

const root = resolve(import.meta.dirname, '..');
process.chdir(root);

const stamp = sourceStamp(root);
rmSync('dist', { recursive: true, force: true });
await compile();
for (const folder of ['store', 'lab', 'programs', 'deploy/kubernetes']) copyWhatIsNoCode(folder);
await bundleClient(join(root, 'dist'));
run('dist/worker/bundle.js');
writeFileSync(stampFile(root), stamp);

/** What programs read at run time beside their code: SQL, shell scripts, YAML, change logs. */
function copyWhatIsNoCode(folder) {
  cpSync(folder, join('dist', folder), {
    recursive: true,
    filter: (file) => statSync(file).isDirectory() || !/(\.ts|README\.md)$/.test(file),
  });
}

/** Every TypeScript file of the folders that tsconfig.json names. */
async function compile() {
  const files = sourceFolders(root).flatMap((folder) =>
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
