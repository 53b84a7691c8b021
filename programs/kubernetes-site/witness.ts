import { setTimeout as delay } from 'node:timers/promises';
import type { SiteConfig } from './config.js';
import { Kubectl, type KubeObject } from './kubectl.js';
import { Refused } from './refused.js';

/*
 * The witness is a Lease in a cluster outside of all sites. Its holder is the site that may write,
 * and the number of its transitions is the epoch. Every change is a compare-and-swap: of two that
 * begin with the same version of the object the API server lets one through.
 */

const oldHolder = 'runbook/fenced-from';
const fencedAt = 'runbook/fenced-at';

interface Lease extends KubeObject {
  spec: {
    holderIdentity: string;
    leaseTransitions: number;
    leaseDurationSeconds: number;
    renewTime?: string;
  };
}

export interface WitnessState {
  epoch: number;
  site: string;
  /** When the holder's keeper last renewed it; after a change of hands, that of the one before. */
  renewedAt: string | null;
  /** When the lease of who held it before had run out for certain; null: not known yet. */
  fencedAt: string | null;
}

/** @throws Refused when the witness cannot be asked */
export async function askWitness(config: SiteConfig): Promise<WitnessState> {
  const lease = await readLease(config);
  if (!lease) throw new Refused('the witness has no Lease: make it once with the verb `witness`');
  return stateOf(lease);
}

/** Makes the Lease, once in the life of a system: the site that writes holds the first epoch. */
export async function makeWitness(config: SiteConfig): Promise<WitnessState> {
  const { lease: name, leaseSeconds } = witnessOf(config);
  await kubectl(config).create({
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: { name, annotations: { [fencedAt]: new Date().toISOString() } },
    spec: { holderIdentity: config.site, leaseTransitions: 1, leaseDurationSeconds: leaseSeconds },
  } as KubeObject);
  return askWitness(config);
}

/**
 * The holder's lease begins anew. @returns false when another site holds the epoch, or the lease of
 * who held it before may still run
 * @throws Refused when the witness cannot be asked
 */
export async function renew(config: SiteConfig): Promise<{ held: boolean; epoch: number }> {
  for (;;) {
    const lease = await mustRead(config);
    const { site, epoch, fencedAt: fenced } = stateOf(lease);
    if (site !== config.site || fenced === null) return { held: false, epoch };
    const spec = {
      ...lease.spec,
      renewTime: microTime(),
      leaseDurationSeconds: witnessOf(config).leaseSeconds,
    };
    if (await kubectl(config).replace({ ...lease, spec } as KubeObject))
      return { held: true, epoch };
  }
}

/**
 * Gives a site the right to write, and waits until that of the one before has run out for certain.
 * Clocks are not compared: whoever held it may have renewed it until the moment of the change, so
 * the whole lease is waited for from there, or anew when told again.
 * @throws Refused when the epoch is not the one before
 */
export async function fence(
  config: SiteConfig,
  epoch: number,
  site: string,
  say: (line: string) => void,
): Promise<{ epoch: number; site: string; fencedAt: string }> {
  if (config.isolated) throw new Refused('an isolated site knows no witness, and fences nobody');
  if (!Number.isSafeInteger(epoch) || epoch < 2 || !/^[a-z][a-z0-9]*$/.test(site))
    throw new Refused('say which epoch, and for which site: fence 2 b');
  const longest = await advance(config, epoch, site);
  for (;;) {
    const lease = await mustRead(config);
    const state = stateOf(lease);
    if (state.epoch !== epoch || state.site !== site) throw notTheOneBefore(state, epoch, site);
    if (state.fencedAt !== null) return { epoch, site, fencedAt: state.fencedAt };
    say(
      `epoch ${epoch} is of site ${site}; in ${longest} s the lease of site ` +
        `${lease.metadata.annotations?.[oldHolder]} has run out`,
    );
    await delay(longest * 1_000);
    await setAnnotations(config, epoch, site, { [fencedAt]: new Date().toISOString() });
  }
}

/** @returns seconds that the lease of who held it before may still run */
async function advance(config: SiteConfig, epoch: number, site: string): Promise<number> {
  for (;;) {
    const lease = await mustRead(config);
    const state = stateOf(lease);
    // The longer one, where somebody has changed how long it lasts.
    const longest =
      Math.max(lease.spec.leaseDurationSeconds, witnessOf(config).leaseSeconds) +
      witnessOf(config).graceSeconds;
    if (state.epoch === epoch && state.site === site) return longest;
    if (state.epoch !== epoch - 1) throw notTheOneBefore(state, epoch, site);
    const annotations: Record<string, string> = {
      ...lease.metadata.annotations,
      [oldHolder]: state.site,
    };
    delete annotations[fencedAt];
    const next = {
      ...lease,
      metadata: { ...lease.metadata, annotations },
      spec: { ...lease.spec, holderIdentity: site, leaseTransitions: epoch },
    };
    if (await kubectl(config).replace(next)) return longest;
  }
}

async function setAnnotations(
  config: SiteConfig,
  epoch: number,
  site: string,
  more: Record<string, string>,
): Promise<void> {
  for (;;) {
    const lease = await mustRead(config);
    const state = stateOf(lease);
    if (state.epoch !== epoch || state.site !== site) throw notTheOneBefore(state, epoch, site);
    const metadata = { ...lease.metadata, annotations: { ...lease.metadata.annotations, ...more } };
    if (await kubectl(config).replace({ ...lease, metadata })) return;
  }
}

/** @throws Refused unless this site may write */
export async function mustHoldEpoch(config: SiteConfig): Promise<void> {
  if (config.isolated) return;
  const { site, epoch } = await askWitness(config);
  if (site !== config.site)
    throw new Refused(`site ${site} holds epoch ${epoch}, not site ${config.site}`);
}

function notTheOneBefore(state: WitnessState, epoch: number, site: string): Refused {
  return new Refused(
    `the witness is at epoch ${state.epoch}, of site ` +
      `${state.site}: epoch ${epoch} cannot be given to site ${site}`,
  );
}

async function mustRead(config: SiteConfig): Promise<Lease> {
  const lease = await readLease(config);
  if (!lease) throw new Refused('the witness has no Lease: make it once with the verb `witness`');
  return lease;
}

function readLease(config: SiteConfig): Promise<Lease | undefined> {
  return kubectl(config).get<Lease>(`leases.coordination.k8s.io/${witnessOf(config).lease}`);
}

function stateOf({ metadata, spec }: Lease): WitnessState {
  return {
    epoch: spec.leaseTransitions,
    site: spec.holderIdentity,
    renewedAt: spec.renewTime ?? null,
    fencedAt: metadata.annotations?.[fencedAt] ?? null,
  };
}

function kubectl(config: SiteConfig): Kubectl {
  const { kubeconfig, context, namespace } = witnessOf(config);
  return new Kubectl(config, { kubeconfig, context, namespace });
}

function witnessOf({ witness }: SiteConfig): NonNullable<SiteConfig['witness']> {
  if (!witness) throw new Refused('an isolated site knows no witness');
  return witness;
}

/** As the API server wants it: six digits of a second. */
function microTime(): string {
  return new Date().toISOString().replace('Z', '000Z');
}
