import { statfs } from 'node:fs/promises';
import type { JournalRoom } from '../store/index.js';

/** What room there is for the journals, for who is not root. */
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
