import { closeSync, constants, fstatSync, openSync, readSync, realpathSync } from 'node:fs';
import { join, sep } from 'node:path';
import { fileLimits, wrongFileName } from '../language/step-files.js';

/** Where the files of a runbook lie. */
export interface RunbookFolder {
  /** The folder of the runbook's own file. */
  folder: string;
  /** The folder of the library that it belongs to: no file is read outside of it. */
  library: string;
  /** Digests of the files that it was read from, by name: its own, and those of named actions. */
  sources?: Readonly<Record<string, string>>;
}

/** A file as it is on disk. */
export interface FileBeside {
  content: Buffer;
  /** Its owner may run it. */
  executable: boolean;
}

/**
 * Reads a file beside a runbook: a plain file of the library, whatever links lead to it.
 * @returns why it cannot be used, as the end of a sentence
 */
export function readBeside(
  { folder, library }: RunbookFolder,
  name: string,
): FileBeside | { wrong: string } {
  const misnamed = wrongFileName(name);
  if (misnamed !== undefined) return { wrong: misnamed };
  try {
    const path = realpathSync(join(folder, name));
    if (!path.startsWith(realpathSync(library) + sep))
      return { wrong: `${name} leads out of the folder of the library` };
    return readPlain(path, name);
  } catch (error) {
    const { code = 'unknown' } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return { wrong: `there is no file ${name}` };
    return { wrong: `${name} cannot be read (${code})` };
  }
}

/** @throws the system's error */
function readPlain(path: string, name: string): FileBeside | { wrong: string } {
  // Without O_NONBLOCK a pipe would be waited for; a link that appears meanwhile is not followed.
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  const file = openSync(path, flags);
  try {
    const found = fstatSync(file);
    if (!found.isFile()) return { wrong: `${name} is no plain file` };
    const content = Buffer.alloc(fileLimits.bytes + 1);
    let size = 0;
    for (let read = -1; read !== 0 && size < content.length; size += read)
      read = readSync(file, content, size, content.length - size, null);
    if (size > fileLimits.bytes)
      return { wrong: `${name} has more than ${fileLimits.bytes} bytes, the limit of a file` };
    return {
      content: Buffer.from(content.subarray(0, size)),
      executable: (found.mode & constants.S_IXUSR) !== 0,
    };
  } finally {
    closeSync(file);
  }
}
