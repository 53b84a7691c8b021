/**
 * Writes the pages that are made from the program: docs/failures.md and docs/cli.md.
 *
 *   npm run docs                     writes them
 *   node scripts/docs.mjs --check    says which are stale; exit 1
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { cliPage } from './lib/cli-doc.mjs';
import { failuresPage } from './lib/failures-doc.mjs';

const docs = join(resolve(import.meta.dirname, '..'), 'docs');
const pages = { 'failures.md': failuresPage(), 'cli.md': await cliPage() };
const check = process.argv.includes('--check');

for (const [name, text] of Object.entries(pages)) {
  const file = join(docs, name);
  if (existsSync(file) && readFileSync(file, 'utf8') === text) continue;
  if (check) {
    process.stderr.write(`docs/${name} is stale: run npm run docs\n`);
    process.exitCode = 1;
  } else {
    writeFileSync(file, text);
    process.stdout.write(`docs/${name} written\n`);
  }
}
