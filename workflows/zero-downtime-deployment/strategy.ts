import type { JsonObject } from '../../language/json.js';
import type { TrafficAction } from '../../language/kinds/delivery/traffic.js';
import type { ListedWorks } from '../../common/listed.js';
import type { Artefact } from '../../common/answers.js';

/** How the new version replaces the old one: all that differs between the strategies. */
export interface Strategy {
  /** The version that runs now. */
  old: string;
  /** The evidence that the approver sees. */
  evidence: JsonObject;
  /** What its steps do, by declared path. */
  actions: ListedWorks;
  /** Holds the proxy's original weights; undone last. */
  hold: TrafficAction;
  /**
   * From the first start of the new version until nothing of the old one runs, and the schema is
   * contracted.
   * @returns where the new version runs, for the run's outputs
   * @throws ProcedureStopped when the new version is bad
   */
  replace(artefact: Artefact): Promise<JsonObject>;
}
