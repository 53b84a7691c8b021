import type { ActionRules } from './rules.js';
import { atTarget, shown } from './words.js';

/** A place in a proxy's pool: what runs there, and its share of the users' requests. */
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
 * Talks to the proxy in front of a target: the running one, and what it says afterwards is what
 * counts.
 */
export interface TrafficAction {
  kind: 'traffic';
  /** Its facts say which proxy stands in front of it. */
  target: string;
  /**
   * observe: what the proxy says now; set: makes it do what `servers` say, and reads back that it
   * does; drain: no new requests to `servers`, then waits until none is under way there.
   */
  operation: 'observe' | 'set' | 'drain';
  /** Others stay as they are. For `drain` the weights are not looked at. */
  servers?: readonly TrafficServer[];
  /**
   * For `drain`: how long requests under way may take, in milliseconds; then it is over all the
   * same, and says so.
   */
  limitMs?: number;
}

export const traffic: ActionRules<TrafficAction> = {
  doneBy: 'activity',
  // It looks first at what the proxy does.
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
