import type { Answers, Artefact } from '../../common/answers.js';
import type { Work } from '../engine/attempts.js';
import { GateRejected, ProcedureStopped } from '../engine/outcome.js';
import type { Section } from '../engine/surface.js';
import { answerOf, type Deployer } from './deployer.js';
import type { Inputs } from './inputs.js';

/** A verified backup, and the migrations rehearsed on a copy. @throws ProcedureStopped */
export async function backUp(
  part: Section,
  deployer: Deployer,
  running: string,
  version: string,
): Promise<Answers['deployer-backup']> {
  const backup = answerOf(
    await part.step('dump', { action: deployer.backup() }),
    'deployer-backup',
    'where the backup is',
  );
  if (!backup.verified)
    throw new ProcedureStopped(
      'the backup could not be verified',
      'Look at what the deployer said.',
    );
  await part.step('rehearse', { action: deployer.rehearse(running, version) });
  return backup;
}

/** The expand migrations, and the way back. */
export function expansion(deployer: Deployer, version: string): Work {
  return {
    action: deployer.migrate('expand', version),
    undo: deployer.migrate('undo', version),
  };
}

interface Contract {
  inputs: Inputs;
  deployer: Deployer;
  artefact: Artefact;
  /** The version that cannot be rolled back to afterwards. */
  running: string;
}

/** The contract migrations behind a gate of their own: the point of no return. */
export async function contractWhenAllowed(
  part: Section,
  { inputs, deployer, artefact, running }: Contract,
): Promise<void> {
  const migrations = artefact.migrations.contract;
  if (migrations.length === 0)
    return part.notNeeded('contract', 'the release has no contract migrations');
  if (inputs.contract === 'later')
    return part.notNeeded('contract', 'left for another time, as the inputs say');
  const contraction = { action: deployer.migrate('contract', inputs.version) };
  await part.nested('contract', async (contract) => {
    try {
      await contract.gate('approve', {
        evidence: { migrations: migrations.join(', '), 'no way back to': running },
        actions: { apply: [contraction] },
      });
    } catch (error) {
      // The deployment has succeeded anyway: the schema stays as it is.
      if (!(error instanceof GateRejected)) throw error;
      return contract.notNeeded('apply', error.problem.message);
    }
    await contract.step('apply', contraction);
  });
}
