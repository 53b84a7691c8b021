import { createHash } from 'node:crypto';
import { constants, createReadStream } from 'node:fs';
import { access, realpath, stat } from 'node:fs/promises';
import { delimiter, isAbsolute, resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { Program, ProgramName } from '../language/plan.js';

/** Folders that only system updates change, or somebody with root rights. */
export const systemFolders: readonly string[] = [
  ...['/bin', '/sbin', '/usr/bin', '/usr/sbin', '/usr/lib', '/usr/libexec'],
];

/** Size of the cache of digests; a miss reads the file again. */
const remembered = 1_000;
/** A file that changed this recently may change again with the same timestamp, in milliseconds. */
const stillChanging = 2_000;

/** The programs of this host, by content. */
export class Programs {
  private readonly digests = new Map<string, Promise<string | null>>();

  /** @param system folders whose programs are the system's */
  constructor(private readonly system: readonly string[] = systemFolders) {}

  /** Finds a program as the system will when it runs it, and digests its content. */
  async identify(named: ProgramName): Promise<Program> {
    const file = await fileOf(named);
    const real = file && (await realpath(file).catch(() => null));
    if (!file || !real) return { ...named, file: null };
    const isSystem = [file, real].every((path) => this.isSystem(path));
    return {
      ...named,
      file,
      digest: await this.digestOf(real),
      ...(isSystem ? { system: true as const } : {}),
    };
  }

  private isSystem(file: string): boolean {
    return this.system.some((folder) => file.startsWith(folder.replace(/\/*$/, '/')));
  }

  /** @returns null when it cannot be read */
  private async digestOf(file: string): Promise<string | null> {
    const found = await stat(file, { bigint: true }).catch(() => null);
    if (!found?.isFile()) return null;
    const { dev, ino, size, mtimeNs, ctimeNs, ctimeMs } = found;
    const version = [file, dev, ino, size, mtimeNs, ctimeNs].join('\0');
    const known = this.digests.get(version);
    if (known) return known;
    const read = readDigest(file);
    if (Date.now() - Number(ctimeMs) > stillChanging) this.remember(version, read);
    return read;
  }

  private remember(version: string, digest: Promise<string | null>): void {
    this.digests.set(version, digest);
    const [oldest] = this.digests.keys();
    if (this.digests.size > remembered && oldest !== undefined) this.digests.delete(oldest);
    // What could not be read now may be readable the next time.
    const forget = (found: string | null): boolean =>
      found === null && this.digests.delete(version);
    void digest.then(forget, () => undefined);
  }
}

async function readDigest(file: string): Promise<string | null> {
  const hash = createHash('sha256');
  try {
    await pipeline(createReadStream(file), hash);
    return `sha256:${hash.digest('hex')}`;
  } catch {
    return null;
  }
}

/**
 * Finds a file as the system does: a path as it is, whether or not something is there; a bare name
 * in each folder of PATH.
 */
async function fileOf({ name, cwd = '.', path, script }: ProgramName): Promise<string | null> {
  if (script || name.includes('/')) return isAbsolute(name) ? name : resolve(cwd, name);
  for (const folder of (path ?? process.env['PATH'] ?? '').split(delimiter)) {
    const file = resolve(cwd, folder, name);
    if (await isProgram(file)) return file;
  }
  return null;
}

async function isProgram(file: string): Promise<boolean> {
  try {
    await access(file, constants.X_OK);
    return (await stat(file)).isFile();
  } catch {
    return false;
  }
}
