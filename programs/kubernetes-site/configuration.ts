import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { parseJson } from '../../language/json.js';
import type { SiteConfig } from './config.js';
import { kubectlOf, type KubeObject } from './kubectl.js';
import { mustBeOf } from './place.js';
import { Refused } from './refused.js';
import type { Store } from './store.js';

/*
 * The ConfigMaps and Secrets that the application reads. In the store secrets are encrypted
 * (AES-256-GCM); their key is not there. They go to kubectl on standard input.
 */

const data = z.record(z.string(), z.record(z.string(), z.string()));
const file = z.object({
  id: z.string(),
  savedAt: z.string(),
  configMaps: data,
  secrets: z.string(),
});
type Data = z.infer<typeof data>;

interface Saved {
  id: string;
  savedAt: string;
  configMaps: Data;
  /** Values are base64, as in a Secret. */
  secrets: Data;
}

interface Holder extends KubeObject {
  data?: Record<string, string>;
}

export async function judgeConfiguration(
  store: Store,
  config: SiteConfig,
): Promise<{ id: string | null; savedAt: string | null; good: boolean; problem: string | null }> {
  const id = await newestId(store);
  if (id === undefined)
    return { id: null, savedAt: null, good: false, problem: 'no configuration is in the store' };
  try {
    const { savedAt } = await readSaved(store, config, id);
    return { id, savedAt, good: true, problem: null };
  } catch (error) {
    return { id, savedAt: null, good: false, problem: (error as Error).message };
  }
}

/**
 * Brings ConfigMaps and Secrets to what was saved last.
 * @throws Refused before the first of them, when not all can be read
 */
export async function restoreConfiguration(
  store: Store,
  config: SiteConfig,
  run: string | null,
): Promise<object> {
  await mustBeOf(config, run);
  const id = await newestId(store);
  if (id === undefined) throw new Refused('no configuration is in the store');
  const saved = await readSaved(store, config, id);
  const kubectl = kubectlOf(config);
  const restored: string[] = [];
  for (const [kind, objects] of [
    ['ConfigMap', saved.configMaps],
    ['Secret', saved.secrets],
  ] as const) {
    for (const [name, content] of Object.entries(objects)) {
      await kubectl.apply({
        apiVersion: 'v1',
        kind,
        metadata: { name },
        data: content,
      } as KubeObject);
      restored.push(`${kind.toLowerCase()}/${name}`);
    }
  }
  return { files: restored.length, restored, savedAt: saved.savedAt, release: id };
}

/** Puts them into the store, when they are other ones than those there. */
export async function saveConfiguration(
  store: Store,
  config: SiteConfig,
): Promise<{ id: string; files: number }> {
  store.mustWrite();
  const { configMaps, secrets } = config.configuration;
  const now = {
    configMaps: await read(config, 'configmap', configMaps),
    secrets: await read(config, 'secret', secrets),
  };
  const files = configMaps.length + secrets.length;
  const newest = await newestId(store);
  if (newest !== undefined) {
    const before = await readSaved(store, config, newest).catch(() => undefined);
    const same = (one: Data, other: Data): boolean => JSON.stringify(one) === JSON.stringify(other);
    if (before && same(before.configMaps, now.configMaps) && same(before.secrets, now.secrets))
      return { id: newest, files };
  }
  const savedAt = new Date().toISOString();
  const id = savedAt.replace(/[:.]/g, '-');
  const encrypted = encrypt(keyOf(config), JSON.stringify(now.secrets));
  await store.write(
    `config/${id}.json`,
    JSON.stringify({ id, savedAt, configMaps: now.configMaps, secrets: encrypted }),
  );
  return { id, files };
}

async function read(config: SiteConfig, kind: string, names: readonly string[]): Promise<Data> {
  const found: Data = {};
  for (const name of [...names].sort()) {
    const object = await kubectlOf(config).get<Holder>(`${kind}/${name}`);
    if (!object)
      throw new Refused(`${kind} ${name} is not there: the configuration is not saved without it`);
    found[name] = Object.fromEntries(Object.entries(object.data ?? {}).sort());
  }
  return found;
}

async function readSaved(store: Store, config: SiteConfig, id: string): Promise<Saved> {
  const text = await store.read(`config/${id}.json`);
  const found = file.safeParse(parsed(text));
  if (!found.success) throw new Refused(`configuration ${id} does not say what it is`);
  const secrets = data.safeParse(parsed(decrypt(keyOf(config), found.data.secrets, id)));
  if (!secrets.success)
    throw new Refused(`the secrets of configuration ${id} are not what they should be`);
  return { ...found.data, secrets: secrets.data };
}

async function newestId(store: Store): Promise<string | undefined> {
  return (await store.list('config/'))
    .flatMap(({ key }) => /^config\/([\w-]+)\.json$/.exec(key)?.[1] ?? [])
    .at(-1);
}

function parsed(text: string): unknown {
  try {
    return parseJson(text);
  } catch {
    return undefined;
  }
}

function keyOf({ configuration: { keyFile } }: SiteConfig): Buffer {
  const key = Buffer.from(readFileSync(keyFile, 'utf8').trim(), 'hex');
  if (key.length !== 32) throw new Refused(`${keyFile} holds no key: 64 hexadecimal digits`);
  return key;
}

function encrypt(key: Buffer, plain: string): string {
  const nonce = randomBytes(12);
  const cipher = createCipheriv('aes-256-gcm', key, nonce);
  const content = Buffer.concat([cipher.update(plain, 'utf8'), cipher.final()]);
  return Buffer.concat([nonce, cipher.getAuthTag(), content]).toString('base64');
}

function decrypt(key: Buffer, text: string, id: string): string {
  const stored = Buffer.from(text, 'base64');
  try {
    const decipher = createDecipheriv('aes-256-gcm', key, stored.subarray(0, 12), {
      authTagLength: 16,
    });
    decipher.setAuthTag(stored.subarray(12, 28));
    return Buffer.concat([decipher.update(stored.subarray(28)), decipher.final()]).toString('utf8');
  } catch {
    throw new Refused(
      `the secrets of configuration ${id} cannot be decrypted: the key is another one`,
    );
  }
}
