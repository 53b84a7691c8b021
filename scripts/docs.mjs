/**
 * Writes what is made from the program: docs/failures.md, docs/cli.md, docs/language.md and the
 * JSON Schemas of runbook files.
 *
 *   npm run docs                     writes them
 *   node scripts/docs.mjs --check    says which are stale; exit 1
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { cliPage } from './lib/cli-doc.mjs';
import { failuresPage } from './lib/failures-doc.mjs';
import { languagePage } from './lib/language-doc.mjs';

const root = resolve(import.meta.dirname, '..');
const { schemaText } = await import('../dist/language/document/schema/json-schema.js');
const pages = {
  'docs/failures.md': failuresPage(),
  'docs/cli.md': await cliPage(),
  'docs/language.md': languagePage(),
  'language/runbook.schema.json': schemaText('runbook'),
  'language/action.schema.json': schemaText('action'),
  'language/test.schema.json': schemaText('test'),
};
const check = process.argv.includes('--check');

for (const [name, text] of Object.entries(pages)) {
  const file = join(root, name);
  if (existsSync(file) && readFileSync(file, 'utf8') === text) continue;
  if (check) {
    process.stderr.write(`${name} is stale: run npm run docs\n`);
    process.exitCode = 1;
  } else {
    writeFileSync(file, text);
    process.stdout.write(`${name} written\n`);
  }
}
