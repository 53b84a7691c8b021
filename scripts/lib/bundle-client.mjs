/**
 * Packs the command line and the libraries that it uses into a few files, which Node loads in a
 * quarter less processor time than its five hundred. What a verb needs alone stays a file of its
 * own, loaded with that verb.
 */
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { runInNewContext } from 'node:vm';
import { build } from 'esbuild';

const folder = 'chunks';
/**
 * Compiled to machine code, or too large for a command line: only `worker` and `dev` load them.
 * `sh-syntax` reads a file that lies beside it.
 */
const libraries = ['@temporalio/worker', '@temporalio/core-bridge', '@swc/core', 'sh-syntax'];
/** CommonJS libraries call it, and a module has none. */
const requireForLibraries = `import { createRequire as createBundleRequire } from 'node:module';
const require = createBundleRequire(import.meta.url);`;

/**
 * Replaces `client/main.js`, and says in `client/chunks/contents.json` which files each part of it
 * holds and which parts it loads first.
 * @param {string} dist folder of the compiled program
 */
export async function bundleClient(dist) {
  const main = join(dist, 'client', 'main.js');
  const outdir = join(dist, 'client', folder);
  const { metafile } = await build({
    entryPoints: [main],
    outdir,
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    // Errors are told apart by the names of their classes.
    keepNames: true,
    metafile: true,
    external: libraries,
    banner: { js: requireForLibraries },
    plugins: [keepsPlace(outdir), descriptorsAsJson()],
    logLevel: 'warning',
  });
  writeFileSync(main, `#!/usr/bin/env node\nimport './${folder}/main.js';\n`);
  chmodSync(main, 0o755);
  writeFileSync(join(outdir, 'contents.json'), JSON.stringify(contents(metafile, dist)));
}

/** A file that asks where it is stays there, a file of its own. */
function keepsPlace(outdir) {
  return {
    name: 'keeps-place',
    setup({ onResolve }) {
      onResolve({ filter: /^\.{1,2}\// }, ({ path, resolveDir, kind }) => {
        const file = resolve(resolveDir, path);
        if (kind === 'entry-point' || file.includes('/node_modules/')) return undefined;
        if (!readFileSync(file, 'utf8').includes('import.meta.')) return undefined;
        return { path: relative(outdir, file), external: true };
      });
    },
  };
}

/**
 * Temporal's descriptors are an object of 1.4 MB, written as code. Node reads it as JSON in a third
 * of the time. A quarter of it is the API of Temporal Cloud, which no verb calls.
 */
function descriptorsAsJson() {
  return {
    name: 'descriptors-as-json',
    setup({ onLoad }) {
      onLoad({ filter: /@temporalio\/proto\/protos\/json-module\.js$/ }, ({ path }) => {
        const code = readFileSync(path, 'utf8');
        const [, before, literal, after] =
          /^([^]*\.addJSON\()(\{[^]*\})(\);[^]*)$/.exec(code) ?? [];
        if (literal === undefined) throw new Error(`${path} is written otherwise than before.`);
        const descriptors = runInNewContext(`(${literal})`);
        delete descriptors.temporal.nested.api.nested.cloud;
        const json = JSON.stringify(JSON.stringify(descriptors));
        return { contents: `${before}JSON.parse(${json})${after}` };
      });
    },
  };
}

/** Of each part: the files that it holds, and the parts that are loaded before it runs. */
function contents({ outputs }, dist) {
  return Object.fromEntries(
    Object.entries(outputs).map(([file, { inputs, imports }]) => [
      relative(join(dist, 'client', folder), resolve(file)),
      {
        holds: Object.keys(inputs).map((input) => relative(dist, resolve(input))),
        loads: imports
          .filter(({ kind, external }) => kind === 'import-statement' && !external)
          .map(({ path }) => relative(join(dist, 'client', folder), resolve(path))),
      },
    ]),
  );
}
