import type { ActionRules } from '../rules.js';
import { atTarget, shown } from '../words.js';

/** A server in a proxy's pool: what runs there, and its share of the users' requests. */
export interface TrafficServer {
  /** As the proxy calls it, such as `blue`. */
  name: string;
  /**
   * Such as `10.0.0.7:8080`, `[2001:db8::7]:8080` or `unix:/run/app.sock`; null when nothing runs
   * there.
   */
  address: string | null;
  /** Its share against the others', 0 to 256; 0: no new requests. */
  weight: number;
}

/**
 * Reads or sets the weights of the running proxy in front of a target; reads them back after a
 * change.
 */
export interface TrafficAction {
  kind: 'traffic';
  /** Its facts say which proxy stands in front of it. */
  target: string;
  /**
   * observe: reads the proxy's state; set: applies `servers`, and reads them back; drain: no new
   * requests to `servers`, then waits until those in flight there have ended.
   */
  operation: 'observe' | 'set' | 'drain';
  /** Other servers stay as they are. `drain` ignores the weights. */
  servers?: readonly TrafficServer[];
  /**
   * For `drain`: how long requests in flight may take, in milliseconds; then it ends anyway, and
   * says so.
   */
  limitMs?: number;
}

export const traffic: ActionRules<TrafficAction> = {
  doneBy: 'activity',
  // It reads the state of the proxy first.
  isRepeatable: () => true,
  describe: ({ operation, servers = [], target }) => {
    const names = servers.map(({ name }) => name).join(', ');
    const weights = servers.map(
      ({ name, address, weight }) => `${name} ${shown(address)} weight ${weight}`,
    );
    const what = {
      observe: 'read what the proxy does',
      set: `set ${weights.join(', ')}`,
      drain: `give no new requests to ${names}, and wait until it has none`,
    };
    return `${what[operation]}${atTarget(target)}`;
  },
};
