/**
 * A copy of the built program in which the text of some files is another one: instrumented to count
 * what ran, or with faults put in. The product itself knows nothing of it; what is measured is the
 * bundle that the copy's own code makes.
 */
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import ts from 'typescript';

/** Files that the tests read beside their code. */
const besideTheCode = ['test/driver/targets.yaml'];

/**
 * @param {string} root folder of the clone, built
 * @param {Iterable<string>} files sources, relative to the root: `workflows/engine/steps.ts`
 * @param {(source: string, file: string) => string} change its new text, still TypeScript
 * @returns {{ folder: string, remove: () => void }} `folder` is like `dist`; within the clone,
 *   where packages are found
 */
export function copyProgram(root, files, change) {
  const home = join(root, '.runbook', 'measured');
  mkdirSync(home, { recursive: true });
  const folder = mkdtempSync(join(home, 'program-'));
  // Maps would lead from the changed text to places in the old one.
  cpSync(join(root, 'dist'), folder, {
    recursive: true,
    filter: (from) => !from.endsWith('.js.map'),
  });
  for (const file of besideTheCode) cpSync(join(root, file), join(folder, file));
  for (const file of files) {
    const changed = change(readFileSync(join(root, file), 'utf8'), file);
    const { outputText } = ts.transpileModule(changed, {
      compilerOptions: {
        target: ts.ScriptTarget.ES2022,
        module: ts.ModuleKind.ESNext,
        verbatimModuleSyntax: true,
      },
    });
    writeFileSync(join(folder, file.replace(/\.ts$/, '.js')), outputText);
  }
  return { folder, remove: () => rmSync(folder, { recursive: true, force: true }) };
}

/**
 * What the driver's tests run, as compiled modules without their ending; test/driver/open.ts reads
 * the bundles.
 */
const entries = ['workflows/index', 'test/engine/procedures', 'test/driver/procedures'];

/**
 * Bundles what the driver's tests run, with the copy's own code.
 * @param {string} folder of the copy
 */
export async function bundleForDriver(folder) {
  const { bundleWorkflows } = await import(pathToFileURL(join(folder, 'worker', 'bundle.js')).href);
  for (const entry of entries) {
    writeFileSync(
      join(folder, `${entry}.bundle`),
      await bundleWorkflows(join(folder, `${entry}.js`)),
    );
  }
}
