import type { Answers } from '../../common/answers.js';
import { GateRejected, ProcedureStopped } from '../engine/outcome.js';
import type { Section } from '../engine/surface.js';
import { answerOf, type Artefact, type Deployer } from './deployer.js';
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
  await part.nested('contract', async (contract) => {
    try {
      await contract.gate('approve', {
        evidence: { migrations: migrations.join(', '), 'no way back to': running },
        covers: { apply: migrations },
      });
    } catch (error) {
      // The deployment has succeeded anyway: the schema stays as it is.
      if (!(error instanceof GateRejected)) throw error;
      return contract.notNeeded('apply', error.problem.message);
    }
    await contract.step('apply', { action: deployer.migrate('contract', inputs.version) });
  });
}
