import { GateRejected } from '../engine/outcome.js';
import type { Part } from '../engine/part.js';
import type { Artefact, Deployer } from './deployer.js';
import type { Wish } from './wish.js';

/** Removes from the schema what only the old version needed, behind a gate of its own: after it there is no way back. */
export async function contractSchema(
  part: Part,
  { wish, old, deployer }: { wish: Wish; old: string; deployer: Deployer },
  artefact: Artefact,
): Promise<void> {
  const migrations = artefact.migrations.contract;
  if (migrations.length === 0) return part.notNeeded('contract', 'the release has no contract migrations');
  if (wish.contract === 'later') return part.notNeeded('contract', 'left for another time, as the inputs say');
  await part.nested('contract', async (contract) => {
    try {
      await contract.gate('approve', {
        evidence: { migrations: migrations.join(', '), 'no way back to': old },
        covers: { apply: migrations },
      });
    } catch (error) {
      // The deployment is good all the same: the schema stays as it is.
      if (!(error instanceof GateRejected)) throw error;
      return contract.notNeeded('apply', error.problem.message);
    }
    await contract.step('apply', { action: deployer.migrate('contract', wish.version) });
  });
}
