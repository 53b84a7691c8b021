import { expect, test } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

const root = join(import.meta.dirname, '..', '..');

test('the pages that are made from the program are up to date', () => {
  const { status, stderr } = spawnSync(process.execPath, ['scripts/docs.mjs', '--check'], {
    cwd: root,
    encoding: 'utf8',
  });
  expect(stderr).toBe('');
  expect(status).toBe(0);
});

const pages = [
  ...['README.md', 'CHANGELOG.md', 'CONTRIBUTING.md'],
  ...['docs', 'docs/adr'].flatMap((folder) =>
    readdirSync(join(root, folder))
      .filter((name) => name.endsWith('.md'))
      .map((name) => `${folder}/${name}`),
  ),
];

test.each(pages)('%s links only to what is there', (page) => {
  const text = readFileSync(join(root, page), 'utf8');
  const links = [...text.matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, link]) => link!)
    .filter((link) => !/^[a-z]+:/.test(link));
  for (const link of links) {
    const [path, anchor] = link.split('#');
    const file = path ? join(root, dirname(page), path) : join(root, page);
    expect([link, existsSync(file)]).toEqual([link, true]);
    if (anchor) {
      const anchors = [...readFileSync(file, 'utf8').matchAll(/^#+ (.+)$/gm)].map(([, title]) =>
        title!
          .toLowerCase()
          .replace(/[^\w\- ]/g, '')
          .replaceAll(' ', '-'),
      );
      expect(anchors).toContain(anchor);
    }
  }
});

test('each decision is in the list of decisions', () => {
  const list = readFileSync(join(root, 'docs/adr/README.md'), 'utf8');
  const decisions = readdirSync(join(root, 'docs/adr')).filter((name) => /^\d{4}-/.test(name));
  expect(decisions.length).toBeGreaterThanOrEqual(8);
  for (const name of decisions) expect(list).toContain(`(${name})`);
});

test('every variable that the worker reads is documented', () => {
  const read = [
    ...readFileSync(join(root, 'worker/config.ts'), 'utf8').matchAll(/^ {2}(RUNBOOK_\w+):/gm),
  ].map(([, name]) => name!);
  expect(read.length).toBeGreaterThan(5);
  const page = readFileSync(join(root, 'docs/operating.md'), 'utf8');
  for (const name of read) expect(page).toContain(`\`${name}\``);
});
