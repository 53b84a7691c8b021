import { Refused } from './site-config.js';

export interface WitnessState {
  epoch: number;
  site: string;
  leaseMs: number;
  fencedAt: string | null;
  /** When it last heard from who holds the epoch; null: not since it was started. */
  renewedAt: string | null;
}

/** @throws Error when it cannot be reached */
export async function askWitness(url: string, limitMs = 2_000): Promise<WitnessState> {
  const response = await fetch(url, { signal: AbortSignal.timeout(limitMs) });
  return (await response.json()) as WitnessState;
}

/** Asks for the lease of this site. @throws Error when the witness cannot be reached */
export async function renewLease(
  url: string,
  site: string,
): Promise<{ granted: boolean; state: WitnessState }> {
  const { status, json } = await post(`${url}/renew`, { site }, 1_000);
  return { granted: status === 200, state: json };
}

/**
 * Lets the epoch go on to a site, and waits until the lease before has run out for certain.
 * @throws Refused when the epoch is another one, or the witness cannot be reached
 */
export async function advanceEpoch(
  url: string,
  epoch: number,
  site: string,
): Promise<{ epoch: number; site: string; fencedAt: string }> {
  let answer;
  try {
    answer = await post(`${url}/advance`, { expectedEpoch: epoch - 1, site }, 60_000);
  } catch (error) {
    throw new Refused(
      `the witness cannot be reached: nothing is fenced (${(error as Error).message})`,
    );
  }
  const { status, json } = answer;
  if (status === 200 && json.fencedAt !== null)
    return { epoch: json.epoch, site: json.site, fencedAt: json.fencedAt };
  throw new Refused(
    `the witness is at epoch ${json.epoch}, held by site ` +
      `${json.site}: it cannot go to ${epoch} for ${site}`,
  );
}

async function post(
  url: string,
  body: object,
  limitMs: number,
): Promise<{ status: number; json: WitnessState }> {
  const response = await fetch(url, {
    method: 'POST',
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(limitMs),
  });
  return { status: response.status, json: (await response.json()) as WitnessState };
}
