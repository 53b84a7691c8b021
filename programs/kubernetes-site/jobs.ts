import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import type { SiteConfig } from './config.js';
import { waitFor } from './database.js';
import { kubectlOf, type KubeObject } from './kubectl.js';
import { Refused } from './refused.js';

interface Job extends KubeObject {
  status?: { conditions?: { type: string; status: string; message?: string }[] };
}

interface JobTemplate extends KubeObject {
  spec?: { template?: { spec?: { containers?: { env?: { name: string; value?: string }[] }[] } } };
}

/**
 * The Job of a file, with a name and further environment for each of its containers.
 * @throws Refused when it is none
 */
export function jobFrom(file: string, name: string, env: Record<string, string>): KubeObject {
  const job = parse(readFileSync(file, 'utf8')) as JobTemplate | null;
  const containers = job?.spec?.template?.spec?.containers;
  if (job?.kind !== 'Job' || !containers) throw new Refused(`${file} is no Job`);
  const more = Object.entries(env).map(([key, value]) => ({ name: key, value }));
  for (const container of containers)
    container.env = [...(container.env ?? []).filter((given) => !(given.name in env)), ...more];
  return { ...job, metadata: { ...job.metadata, name } };
}

/**
 * Has a Job done, once: one that is under way is waited for, one that failed is taken away and
 * begun anew.
 * @param create makes it; false when it is there already
 */
export async function runJob(
  config: SiteConfig,
  name: string,
  seconds: number,
  create: () => Promise<boolean>,
  say: (line: string) => void,
): Promise<void> {
  const kubectl = kubectlOf(config);
  const look = async (): Promise<'complete' | 'failed' | 'running' | 'absent'> => {
    const job = await kubectl.get<Job>(`job/${name}`);
    if (!job) return 'absent';
    const is = (type: string): boolean =>
      job.status?.conditions?.some((each) => each.type === type && each.status === 'True') ?? false;
    return is('Complete') ? 'complete' : is('Failed') ? 'failed' : 'running';
  };
  const before = await look();
  if (before === 'complete') return;
  if (before === 'failed') {
    say(`job ${name} failed before; it is begun anew`);
    await kubectl.delete(`job/${name}`);
  }
  if (before !== 'running') {
    say(`job ${name} begins`);
    await create();
  }
  await waitFor(`job ${name}`, seconds, async () => {
    const now = await look();
    if (now === 'failed') throw new Refused(`job ${name} failed: see kubectl logs job/${name}`);
    if (now === 'absent') throw new Refused(`job ${name} was taken away by somebody`);
    return now === 'complete';
  });
}
