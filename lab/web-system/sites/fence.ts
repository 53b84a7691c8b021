import { writeDurably } from './durable-files.js';
import { Refused, vaultPlaces, type SiteConfig } from './site-config.js';
import { advanceEpoch } from './witness-client.js';

/**
 * Lets the epoch go on to a site. When this returns, who held it before can acknowledge nothing
 * more, and the vault takes nothing from it.
 * @throws Refused when the epoch is not the one before, or the witness cannot be reached
 */
export async function fence(
  config: SiteConfig,
  epoch: number,
  site: string,
): Promise<{ epoch: number; site: string; fencedAt: string }> {
  const { witness, isolated, vault } = config;
  if (isolated || witness === null)
    throw new Refused('an isolated site knows no witness, and fences nobody');
  if (!Number.isSafeInteger(epoch) || epoch < 2 || !/^[a-z]\w*$/.test(site))
    throw new Refused('say which epoch, and for which site: fence 2 b');
  const fenced = await advanceEpoch(witness, epoch, site);
  writeDurably(vaultPlaces(vault).writer, `${site} ${epoch}\n`);
  return fenced;
}
