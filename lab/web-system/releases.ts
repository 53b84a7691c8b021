import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
  cpSync,
} from 'node:fs';
import { join, relative } from 'node:path';
import { projectRoot } from '../../embedded/home.js';
import { digestOf } from '../../language/digest.js';
import type { Flaw, Generation, Release } from './app/release.js';
import { compiledFolder } from './programs.js';

/** `manifest.json` of an artefact. */
export interface Manifest {
  version: string;
  /** Path of the change log. */
  changelog: string;
  /** Programs of the artefact, each run with node. */
  programs: { server: string; worker: string; frontend: string; check: string; migrate: string };
  /** Files of each phase, in order. */
  migrations: Record<'expand' | 'contract' | 'undo', string[]>;
  /** SHA-256 of every file but the manifest. */
  files: Record<string, string>;
  /** SHA-256 over all of the above, as canonical JSON. */
  digest: string;
}

/** What is published unless more is asked for. */
export const releases: readonly Release[] = [
  { version: '1.0.0', generation: 1, flaw: null },
  { version: '2.0.0', generation: 2, flaw: null },
  { version: '3.0.0', generation: 3, flaw: null },
  { version: '3.0.1-crashes', generation: 3, flaw: 'crashes' },
  { version: '3.0.1-fails', generation: 3, flaw: 'fails' },
  { version: '3.0.1-slow', generation: 3, flaw: 'slow' },
  { version: '3.0.1-leaks', generation: 3, flaw: 'leaks' },
  { version: '3.0.1-needs-schema', generation: 3, flaw: 'needs-schema' },
  { version: '3.0.1-never-ready', generation: 3, flaw: 'never-ready' },
  { version: '3.0.1-unsafe-expand', generation: 3, flaw: 'unsafe-expand' },
];

/**
 * Publishes a release as an artefact: a folder `<folder>/<version>` with its programs, migrations,
 * change log and manifest. What is there already is left as it is.
 * @returns the artefact's folder and digest
 */
export function publishRelease(folder: string, release: Release): { path: string; digest: string } {
  const path = join(folder, release.version);
  if (!existsSync(path)) {
    mkdirSync(folder, { recursive: true });
    const modules = join(folder, 'node_modules');
    // The artefact's own imports (pg) are looked up in the folders above it.
    if (!existsSync(modules)) symlinkSync(join(projectRoot, 'node_modules'), modules, 'dir');
    const half = join(folder, `.${release.version}.${process.pid}`);
    assemble(half, release);
    renameSync(half, path);
  }
  return { path, digest: readManifest(path).digest };
}

export function publishReleases(folder: string, which: readonly Release[] = releases): void {
  for (const release of which) publishRelease(folder, release);
}

function assemble(path: string, release: Release): void {
  rmSync(path, { recursive: true, force: true });
  const app = join(path, 'app');
  cpSync(join(compiledFolder, 'app'), app, {
    recursive: true,
    filter: (file) => !file.endsWith('.map'),
  });
  writeFileSync(join(app, 'release.json'), `${JSON.stringify(release, null, 2)}\n`);
  writeFileSync(join(path, 'package.json'), '{ "type": "module" }\n');
  const { generation } = release;
  const changes = readFileSync(join(compiledFolder, 'changelogs', `${generation}.md`), 'utf8');
  writeFileSync(join(path, 'CHANGELOG.md'), `# ${release.version}\n\n${changes}`);
  const migrations = join(path, 'migrations');
  for (const from of [String(generation), ...(release.flaw === 'unsafe-expand' ? ['unsafe'] : [])])
    cpSync(join(compiledFolder, 'migrations', from), migrations, { recursive: true });
  const listed = (phase: string): string[] =>
    existsSync(join(migrations, phase)) ? readdirSync(join(migrations, phase)).sort() : [];
  const manifest: Omit<Manifest, 'digest'> = {
    version: release.version,
    changelog: 'CHANGELOG.md',
    programs: {
      server: 'app/server.js',
      worker: 'app/worker.js',
      frontend: 'app/frontend.js',
      check: 'app/check.js',
      migrate: 'app/migrate.js',
    },
    migrations: { expand: listed('expand'), contract: listed('contract'), undo: listed('undo') },
    files: digestsBelow(path),
  };
  writeFileSync(
    join(path, 'manifest.json'),
    `${JSON.stringify({ ...manifest, digest: digestOf(manifest) }, null, 2)}\n`,
  );
}

function digestsBelow(path: string): Record<string, string> {
  const files = readdirSync(path, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(path, join(entry.parentPath, entry.name)).split('\\').join('/'))
    .filter((name) => name !== 'manifest.json')
    .sort();
  return Object.fromEntries(
    files.map((name) => [
      name,
      createHash('sha256')
        .update(readFileSync(join(path, name)))
        .digest('hex'),
    ]),
  );
}

export function readManifest(path: string): Manifest {
  return JSON.parse(readFileSync(join(path, 'manifest.json'), 'utf8')) as Manifest;
}

/**
 * Is the artefact what its manifest says, file by file?
 * @param expected the digest that was announced, when there is one
 * @returns what is wrong, in words; nothing when all is well
 */
export function artefactProblems(path: string, expected?: string): string[] {
  if (!existsSync(join(path, 'manifest.json'))) return [`there is no artefact at ${path}`];
  const { digest, ...rest } = readManifest(path);
  const problems: string[] = [];
  if (digestOf(rest) !== digest)
    problems.push('the manifest does not have the digest that it states');
  if (expected !== undefined && digest !== expected)
    problems.push(`the digest is ${digest}, announced was ${expected}`);
  const found = digestsBelow(path);
  for (const name of new Set([...Object.keys(rest.files), ...Object.keys(found)])) {
    if (found[name] === rest.files[name]) continue;
    problems.push(
      !found[name]
        ? `${name} is missing`
        : rest.files[name]
          ? `${name} was changed`
          : `${name} was added`,
    );
  }
  if (!existsSync(join(path, rest.changelog))) problems.push('there is no change log');
  return problems;
}

/** A release with a number of its own, for those who deploy many. */
export function release(
  version: string,
  generation: Generation,
  flaw: Flaw | null = null,
): Release {
  return { version, generation, flaw };
}
