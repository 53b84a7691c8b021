import { createWriteStream } from 'node:fs';
import { chmod, mkdir } from 'node:fs/promises';
import { dirname, join, normalize, sep } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { fromBuffer, type Entry, type ZipFile } from 'yauzl';
import { EmbeddedError } from './errors.js';

/**
 * Unpacks a zip into a folder, with the files' modes.
 * @throws EmbeddedError when the archive is damaged or wants to write outside of the folder
 */
export async function unpack(archive: Buffer, folder: string): Promise<void> {
  const zip = await open(archive);
  await new Promise<void>((done, failed) => {
    zip.on('error', (error: Error) =>
      failed(new EmbeddedError(`the archive is damaged: ${error.message}`)),
    );
    zip.on('end', done);
    zip.on('entry', (entry: Entry) => {
      extract(zip, entry, folder).then(() => zip.readEntry(), failed);
    });
    zip.readEntry();
  });
}

function open(archive: Buffer): Promise<ZipFile> {
  return new Promise((done, failed) => {
    fromBuffer(archive, { lazyEntries: true }, (error, zip) => {
      if (zip) done(zip);
      else failed(new EmbeddedError(`the archive cannot be read: ${error?.message ?? 'no zip'}`));
    });
  });
}

async function extract(zip: ZipFile, entry: Entry, folder: string): Promise<void> {
  const path = join(folder, entry.fileName);
  if (!normalize(path).startsWith(folder + sep))
    throw new EmbeddedError(`the archive wants to write outside of its folder: ${entry.fileName}`);
  if (entry.fileName.endsWith('/')) {
    await mkdir(path, { recursive: true });
    return;
  }
  await mkdir(dirname(path), { recursive: true });
  const content = await new Promise<NodeJS.ReadableStream>((done, failed) => {
    zip.openReadStream(entry, (error, stream) =>
      stream ? done(stream) : failed(error ?? new Error('no content')),
    );
  });
  await pipeline(content, createWriteStream(path));
  const mode = (entry.externalFileAttributes >>> 16) & 0o777;
  // Everybody may read and enter what anybody may: root's servers run as another user.
  await chmod(path, (mode || 0o644) | 0o444 | (mode & 0o100 ? 0o111 : 0));
}
