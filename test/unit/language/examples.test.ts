import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { formatted } from '../../../language/document/format.js';
import { parseSecrets } from '../../../language/secrets-file.js';
import { parseTargets } from '../../../language/targets-file.js';

const root = join(import.meta.dirname, '..', '..', '..');
const read = (name: string): [string, string] => [readFileSync(join(root, name), 'utf8'), name];

test('the example files are valid and fit each other', () => {
  const targets = parseTargets(...read('targets.example.yaml'));
  const secrets = parseSecrets(...read('secrets.example.yaml'));
  const used = targets.flatMap(({ name, http, postgres }) =>
    [http?.bearer, postgres?.password]
      .filter((secret) => secret !== undefined)
      .map((secret) => `${secret} for ${name}`),
  );
  const allowed = secrets.flatMap(({ name, targets: names }) =>
    names.map((target) => `${name} for ${target}`),
  );
  expect(used.sort()).toEqual(allowed.sort());
  expect(used.length).toBeGreaterThan(0);
});

test.each(readdirSync(join(root, 'examples', 'runbooks')))(
  'examples/runbooks/%s is as `runbook fmt` writes it',
  (file) => {
    const [text] = read(`examples/runbooks/${file}`);
    expect(formatted(text, file)).toBe(text);
  },
);
