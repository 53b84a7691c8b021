import { statfs } from 'node:fs/promises';
import type { JournalRoom } from '../store/index.js';

/** Free disk space for the journals, for an account that is not root. */
export async function roomIn(folder: string): Promise<JournalRoom> {
  const { bavail, blocks, bsize, ffree, files } = await statfs(folder);
  return {
    folder,
    freeBytes: bavail * bsize,
    bytes: blocks * bsize,
    freeFiles: ffree,
    files,
  };
}
