import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, expect, test } from '@jest/globals';
import { build, stop } from 'esbuild';

const root = resolve(import.meta.dirname, '..', '..');
const { include: sourceFolders } = JSON.parse(
  readFileSync(join(root, 'tsconfig.json'), 'utf8'),
) as { include: string[] };

afterAll(() => stop());

/** The files of folders, each with those that it imports when it runs: types do not count. */
async function importsOf(
  project: string,
  folders: readonly string[],
): Promise<Map<string, string[]>> {
  const files = folders.flatMap((folder) =>
    readdirSync(join(project, folder), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts'))
      .map((name) => join(folder, name)),
  );
  const contents = files.map((file) => `import './${file}';`).join('\n');
  const { metafile } = await build({
    stdin: { contents, resolveDir: project },
    absWorkingDir: project,
    bundle: true,
    packages: 'external',
    external: ['*.mjs'],
    platform: 'node',
    format: 'esm',
    write: false,
    metafile: true,
    logLevel: 'silent',
  });
  return new Map(
    Object.entries(metafile.inputs).map(([file, { imports }]) => [
      file,
      imports.filter(({ external }) => !external).map(({ path }) => path),
    ]),
  );
}

/** @returns each circle once, as the files on the way round */
function circles(imports: ReadonlyMap<string, readonly string[]>): string[][] {
  const found: string[][] = [];
  const done = new Set<string>();
  const way: string[] = [];
  const visit = (file: string): void => {
    const at = way.indexOf(file);
    if (at >= 0) found.push(way.slice(at));
    if (at >= 0 || done.has(file)) return;
    way.push(file);
    imports.get(file)?.forEach(visit);
    way.pop();
    done.add(file);
  };
  for (const file of imports.keys()) visit(file);
  return found;
}

test('no file imports itself through others', async () => {
  const files = await importsOf(root, sourceFolders);
  expect(files.size).toBeGreaterThan(500);
  expect(circles(files)).toEqual([]);
});

test('a circle is found, and one of types alone is none', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'runbook-circles-'));
  try {
    const write = (name: string, code: string) => writeFileSync(join(folder, name), code);
    write('a.ts', `import { b } from './b.js'; export const a = () => b;`);
    write('b.ts', `import { c } from './c.js'; export const b = () => c;`);
    write(
      'c.ts',
      `import { b } from './b.js'; import type { a } from './a.js'; export const c: typeof a = () => b;`,
    );
    expect(circles(await importsOf(folder, ['.']))).toEqual([['c.ts', 'b.ts']]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
