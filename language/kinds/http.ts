import type { Json } from '../json.js';
import type { ActionRules } from './rules.js';
import { atTarget, onHost, shown, shownJson } from './words.js';

export const httpMethods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'] as const;

export interface HttpAction {
  kind: 'http';
  target: string;
  method: (typeof httpMethods)[number];
  /** The credentials of the target; absent: those of the address. */
  credentials?: string;
  /** The host that it runs on, by its name; absent: any. */
  runsOn?: string;
  /** Which of the target's addresses; absent: its main one. */
  address?: string;
  /**
   * Path on the target's own address, such as `/jobs/{job}/status`; `{x}` is taken from `params`,
   * encoded.
   */
  path: string;
  params?: Readonly<Record<string, string | number>>;
  query?: Readonly<Record<string, string | number>>;
  headers?: Readonly<Record<string, string>>;
  json?: Json;
  /** Sends `Idempotency-Key: <run>/<step>`: the same for every attempt. */
  idempotencyKey?: boolean;
  /** The request is idempotent at the service. */
  idempotent?: boolean;
  /** Statuses that count as success (default 200-299). */
  statuses?: readonly number[];
  /**
   * Output name → path in the JSON answer; use it when the answer may be large. Absent: the whole
   * body, capped.
   */
  pick?: Readonly<Record<string, string>>;
}

export const http: ActionRules<HttpAction> = {
  doneBy: 'activity',
  // The effect of the step says whether a GET reads only: an author may say that it acts.
  isRepeatable: ({ idempotencyKey, idempotent }) => idempotent === true || idempotencyKey === true,
  describe: ({ method, path, params = {}, query = {}, json, target, address, ...where }) => {
    const place = path.replaceAll(/\{(\w+)\}/g, (all, name: string) =>
      name in params ? shown(params[name]) : all,
    );
    const asked = Object.entries(query).map(([name, value]) => `${name}=${shown(value)}`);
    return [
      `${method} ${place}${asked.length > 0 ? `?${asked.join('&')}` : ''}`,
      ...(json === undefined ? [] : [`with ${shownJson(json)}`]),
    ]
      .join(' ')
      .concat(
        atTarget(target, where.credentials),
        address === undefined ? '' : ` (its address ${address})`,
        onHost(where.runsOn),
      );
  },
};
