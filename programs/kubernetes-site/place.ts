import { createHash } from 'node:crypto';
import { parseJson } from '../../language/json.js';
import type { SiteConfig } from './config.js';
import { kubectlOf, type KubeObject } from './kubectl.js';
import { Refused } from './refused.js';

/** What is remembered at the site itself, in a ConfigMap of its namespace, and goes with it. */
const objectName = 'site-program';

interface Notes extends KubeObject {
  data?: Record<string, string>;
}

/**
 * The run that prepared this place; null: nobody in particular.
 * @throws Refused when it is another one's, or nobody prepared it
 */
export async function mustBeOf(config: SiteConfig, run: string | null): Promise<void> {
  const found = await kubectlOf(config).get<Notes>(`configmap/${objectName}`);
  if (!found)
    throw new Refused(
      `nobody has prepared namespace ${config.cluster.namespace}: provision it first`,
    );
  refuseOthers(found, run);
}

/** Makes the place this run's. @throws Refused when it is another one's */
export async function claim(config: SiteConfig, run: string | null): Promise<void> {
  const kubectl = kubectlOf(config);
  const data = { run: run ?? '', at: new Date().toISOString() };
  const created = await kubectl.create({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: objectName },
    data,
  } as KubeObject);
  if (created) return;
  const found = await kubectl.get<Notes>(`configmap/${objectName}`);
  if (found) refuseOthers(found, run);
}

/** @throws Refused when another run has prepared it; nothing there is nobody's */
export async function mustNotBeOfAnother(config: SiteConfig, run: string | null): Promise<void> {
  const found = await kubectlOf(config).get<Notes>(`configmap/${objectName}`);
  if (found) refuseOthers(found, run);
}

function refuseOthers({ data = {} }: Notes, run: string | null): void {
  const { run: owner = '', at = '' } = data;
  if (owner !== (run ?? ''))
    throw new Refused(
      `this place was prepared by ${owner || 'nobody in particular'} at ${at}, not by ` +
        `${run ?? 'nobody in particular'}`,
    );
}

/** @returns undefined when there is no such note */
export async function readNote<T>(config: SiteConfig, name: string): Promise<T | undefined> {
  const text = (await kubectlOf(config).get<Notes>(`configmap/${objectName}-${name}`))?.data?.[
    'note'
  ];
  return text === undefined ? undefined : (parseJson(text) as T);
}

export async function writeNote(config: SiteConfig, name: string, value: unknown): Promise<void> {
  const note = {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: `${objectName}-${name}` },
    data: { note: JSON.stringify(value) },
  };
  await kubectlOf(config).apply(note);
}

export async function removeNote(config: SiteConfig, name: string): Promise<void> {
  await kubectlOf(config).delete(`configmap/${objectName}-${name}`);
}

/** A short name that says what something was made from. */
export function digestOf(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('hex').slice(0, 16);
}
