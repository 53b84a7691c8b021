import type { JsonObject } from '../../language/json.js';
import type { TrafficAction } from '../../language/runbook.js';
import type { Artefact } from './deployer.js';

/** How the new version takes the place of the old one: all that differs between the strategies. */
export interface Strategy {
  /** The version that runs now. */
  old: string;
  /** What the approver sees of it. */
  evidence: JsonObject;
  /** What the approval allows of it. */
  covers: JsonObject;
  /** Everything at the proxy as it was before; taken back last. */
  hold: TrafficAction;
  /**
   * From the first start of the new version until nothing of the old one runs, and the schema is
   * contracted.
   * @returns where the new version runs, for the run's outputs
   * @throws ProcedureStopped when the new version is bad
   */
  replace(artefact: Artefact): Promise<JsonObject>;
}
