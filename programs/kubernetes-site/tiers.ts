import { tiers, type SiteConfig, type Tier } from './config.js';
import { waitFor } from './database.js';
import { kubectlOf, type KubeObject } from './kubectl.js';
import { Refused } from './refused.js';
import { install } from './releases.js';
import { each } from './tools.js';

/** How many pods there were before they were stopped. */
const before = 'runbook/replicas';
const lookSeconds = 5;
const stopSeconds = 120;

interface Workload extends KubeObject {
  spec: { replicas?: number };
  status?: { replicas?: number; readyReplicas?: number };
}

/**
 * Its release as the configuration says, with as many pods as before it was stopped. Does not wait
 * for what it did not change.
 */
export async function startTier(
  config: SiteConfig,
  tier: Tier,
  say: (line: string) => void,
): Promise<object> {
  const release = config.tiers[tier];
  const { revision, changed } = await install(config, release, say);
  const found = await workloadOf(config, tier);
  const wanted = Number(found?.metadata.annotations?.[before] ?? 0);
  if (found?.spec.replicas === 0 && wanted > 0)
    await kubectlOf(config).scale(release.workload, wanted);
  return { tier, release: release.release, revision, version: release.version ?? null, changed };
}

/** @throws Refused with exit code 1 when it is not ready yet */
export async function readyTier(config: SiteConfig, tier: Tier): Promise<object> {
  const { workload } = config.tiers[tier];
  const why = await kubectlOf(config).rolledOut(workload, lookSeconds);
  if (why !== '') throw new Refused(`${tier} is not ready: ${why}`, 1);
  const { spec, status } = (await workloadOf(config, tier)) ?? { spec: {} };
  if ((spec.replicas ?? 1) === 0) throw new Refused(`${tier} is stopped`, 1);
  return { ready: true, workload, pods: status?.readyReplicas ?? 0 };
}

/**
 * No pod of them is left when this returns; their releases stay.
 * @throws Refused when the cluster cannot be asked
 */
export async function stopTiers(config: SiteConfig, which: readonly Tier[]): Promise<Tier[]> {
  const kubectl = kubectlOf(config);
  const stopped: Tier[] = [];
  for (const tier of [...tiers].reverse().filter((name) => which.includes(name))) {
    const { workload } = config.tiers[tier];
    const found = await workloadOf(config, tier);
    if (!found) continue;
    const replicas = found.spec.replicas ?? 1;
    if (replicas > 0) {
      await kubectl.annotate(workload, before, String(replicas));
      await kubectl.scale(workload, 0);
      stopped.push(tier);
    }
  }
  for (const tier of which)
    await waitFor(
      `the pods of ${tier} to end`,
      stopSeconds,
      async () => ((await workloadOf(config, tier))?.status?.replicas ?? 0) === 0,
    );
  return stopped;
}

/** Pods of each tier, as far as there are any. */
export async function podsOf(
  config: SiteConfig,
): Promise<{ name: Tier; wanted: number; ready: number }[]> {
  const found = await each(tiers, async (tier) => ({
    tier,
    workload: await workloadOf(config, tier),
  }));
  return found.flatMap(({ tier, workload }) =>
    workload
      ? [
          {
            name: tier,
            wanted: workload.spec.replicas ?? 1,
            ready: workload.status?.readyReplicas ?? 0,
          },
        ]
      : [],
  );
}

function workloadOf(config: SiteConfig, tier: Tier): Promise<Workload | undefined> {
  return kubectlOf(config).get<Workload>(config.tiers[tier].workload);
}
