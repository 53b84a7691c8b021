import { expect, test } from '@jest/globals';
import { type Command } from 'commander';
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { createProgram } from '../../client/program.js';
import { verbsOf } from '../../client/verbs.js';
import { stepKinds } from '../../language/kinds/index.js';
import { Library } from '../../language/document/library.js';
import { lint } from '../../language/document/lint.js';
import { read, type Written } from '../../language/document/read.js';
import { toSpec } from '../../language/document/to-spec.js';
import { recordedIo } from './client/fake-io.js';

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
  ...['docs', 'docs/adr', 'docs/adopt'].flatMap((folder) =>
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

/** Lines of code blocks, and code in sentences, that begin with one of these. */
function commandsIn(page: string, begins: RegExp): string[] {
  const text = readFileSync(join(root, page), 'utf8');
  const blocks = [...text.matchAll(/^```.*\n([\s\S]*?)^```$/gm)].flatMap(([, body]) =>
    body!.replaceAll('\\\n', ' ').split('\n'),
  );
  const inline = [...text.replaceAll(/^```[\s\S]*?^```$/gm, '').matchAll(/`([^`\n]+)`/g)].map(
    ([, code]) => code!,
  );
  return [...blocks, ...inline].map((line) => line.trim()).filter((line) => begins.test(line));
}

/** The words of a command as a shell has them, up to a comment, a pipe or a second command. */
function wordsOf(line: string): string[] {
  const plain = line.replaceAll(/[[\]…]/g, '').replaceAll(/(\w)\|[\w|]+/g, '$1');
  const words = plain.match(/'[^']*'|"[^"]*"|[^\s'"]+/g) ?? [];
  const end = words.findIndex((word) => /^(#|\||&&|&|;|>)/.test(word));
  return (end === -1 ? words : words.slice(0, end)).map((word) =>
    word.replaceAll(/^['"]|['"]$/g, ''),
  );
}

/** Everything that it runs is replaced by nothing: only what was typed is looked at. */
function parsed(argv: readonly string[]): void {
  const program = createProgram(recordedIo());
  const inert = (command: Command): void => {
    command.action(() => undefined);
    command.commands.forEach(inert);
  };
  program.commands.forEach(inert);
  program.parse(argv, { from: 'user' });
}

const ours = /^(\.\/)?runbook [a-z]/;
// Generated from the program itself, and placeholders stand in it.
test.each(pages.filter((page) => page !== 'docs/cli.md'))(
  '%s shows only commands that can be typed',
  (page) => {
    const wrong: string[] = [];
    for (const line of commandsIn(page, ours)) {
      const [, ...argv] = wordsOf(line);
      // A verb alone names the verb.
      if (argv.length < 2) continue;
      try {
        parsed(argv);
      } catch (error) {
        wrong.push(`${line}: ${(error as Error).message}`);
      }
    }
    expect(wrong).toEqual([]);
  },
);

test.each(pages)('%s names only npm scripts that there are', (page) => {
  const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    scripts: Record<string, string>;
  };
  const named = commandsIn(page, /^npm (run )?[a-z]/).map((line) => {
    const [, verb, name] = wordsOf(line);
    return verb === 'run' ? name : verb;
  });
  const unknown = named.filter((name) => !(name! in scripts) && !['ci', 'install'].includes(name!));
  expect(unknown).toEqual([]);
});

test('the README names every verb, every kind of step and every page for whoever adopts it', () => {
  const text = readFileSync(join(root, 'README.md'), 'utf8');
  // What a file calls otherwise, or cannot say.
  const names: Record<string, string[]> = { choice: ['branch'], group: [], decide: [] };
  const named = [
    ...verbsOf(createProgram(recordedIo())).map((verb) => verb.name()),
    ...stepKinds.flatMap((kind) => names[kind] ?? [kind]),
  ];
  const adopting = readdirSync(join(root, 'docs/adopt')).map((name) => `(docs/adopt/${name})`);
  const all = [...named.map((name) => `\`${name}\``), ...adopting];
  expect(all.length).toBeGreaterThan(45);
  expect(all.filter((each) => !text.includes(each))).toEqual([]);
});

test("the README's first runbook is one", () => {
  const text = /```yaml\n([\s\S]*?)```/.exec(readFileSync(join(root, 'README.md'), 'utf8'))?.[1];
  const file = 'restart-search.runbook.yaml';
  expect(lint(text!, file)).toEqual([]);
  expect(toSpec(read(text!, file) as Written, new Library())).toHaveProperty('spec');
});
