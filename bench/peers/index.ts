import { ansible } from './ansible.js';
import { dbos } from './dbos.js';
import { prefect } from './prefect.js';
import type { Peer, Skipped } from './python.js';

/**
 * The other tools, each installed and tried once; one that cannot be had is skipped, with a word.
 * @param folder for what they write
 * @param databaseUrl address of an empty database
 */
export async function peers(folder: string, databaseUrl: string): Promise<(Peer | Skipped)[]> {
  const found: (Peer | Skipped)[] = [];
  for (const [name, install] of [
    ['Ansible', () => ansible(folder)],
    ['Prefect', () => prefect(folder)],
    ['DBOS', () => dbos(databaseUrl)],
  ] as const) {
    try {
      const peer = await install();
      await peer.round();
      found.push(peer);
    } catch (error) {
      found.push({ name, why: (error as Error).message.split('\n', 1)[0] ?? '' });
    }
  }
  return found;
}
