import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { readJson } from '../../../embedded/files.js';
import type { ApplicationConfig } from '../app/site.js';
import { writeDurably, writeJsonDurably, syncFolderNow } from './durable-files.js';
import { placesOf, Refused, vaultPlaces, type SiteConfig } from './site-config.js';

/*
 * Configuration and secrets of a site in the vault. Secrets are encrypted (AES-256-GCM) with a key
 * that is not there.
 */

interface ConfigManifest {
  id: string;
  site: string;
  savedAt: string;
  /** Path in the site → what is stored. */
  files: Record<string, { sha256: string; secret: boolean }>;
}

export interface JudgedConfig {
  id: string | null;
  savedAt: string | null;
  good: boolean;
  problem: string | null;
}

/** Saves what is there now; nothing when that is in the vault already. */
export function saveConfig(config: SiteConfig): { id: string; files: number } {
  if (config.isolated) throw new Refused('an isolated site never writes into the vault');
  const { folder } = config;
  const key = keyOf(config);
  const plain = new Map(
    [...pathsBelow(folder, 'config'), ...pathsBelow(folder, 'secrets')].map((path) => [
      path,
      readFileSync(join(folder, path)),
    ]),
  );
  const newest = newestId(config);
  if (newest !== undefined && judgeConfig(config).good) {
    const kept = readAll(config, newest);
    if (
      kept.size === plain.size &&
      [...plain].every(([path, content]) => kept.get(path)?.equals(content))
    )
      return { id: newest, files: plain.size };
  }
  const savedAt = new Date().toISOString();
  const id = savedAt.replace(/[-:]/g, '');
  const { config: below } = vaultPlaces(config.vault);
  const half = join(below, `.${id}`);
  const files: ConfigManifest['files'] = {};
  for (const [path, content] of plain) {
    const secret = path.startsWith('secrets/');
    const stored = secret ? encrypt(key, content) : content;
    mkdirSync(dirname(join(half, path)), { recursive: true });
    writeDurably(join(half, path), stored, 0o600);
    files[path] = { sha256: sha256(stored), secret };
  }
  writeJsonDurably(join(half, 'manifest.json'), {
    id,
    site: config.site,
    savedAt,
    files,
  } satisfies ConfigManifest);
  renameSync(half, join(below, id));
  syncFolderNow(below);
  return { id, files: plain.size };
}

/** Is the newest configuration in the vault whole, and can its secrets be read? */
export function judgeConfig(config: SiteConfig): JudgedConfig {
  const id = newestId(config);
  if (id === undefined)
    return { id: null, savedAt: null, good: false, problem: 'no configuration is in the vault' };
  const savedAt =
    readJson<ConfigManifest>(join(vaultPlaces(config.vault).config, id, 'manifest.json'))
      ?.savedAt ?? null;
  try {
    readAll(config, id);
    return { id, savedAt, good: true, problem: null };
  } catch (error) {
    return { id, savedAt, good: false, problem: (error as Error).message };
  }
}

/**
 * Puts configuration and secrets in their places, when all of them are what the manifest says.
 * @throws Refused
 */
export function restoreConfig(config: SiteConfig): {
  files: number;
  restored: string[];
  savedAt: string;
  release: string;
} {
  const id = newestId(config);
  if (id === undefined) throw new Refused('no configuration is in the vault');
  const plain = readAll(config, id);
  for (const [path, content] of plain) {
    const secret = path.startsWith('secrets/');
    mkdirSync(dirname(join(config.folder, path)), {
      recursive: true,
      mode: secret ? 0o700 : 0o755,
    });
    writeDurably(join(config.folder, path), content, secret ? 0o600 : 0o644);
  }
  const manifest = readJson<ConfigManifest>(
    join(vaultPlaces(config.vault).config, id, 'manifest.json'),
  );
  const application = readJson<ApplicationConfig>(placesOf(config).applicationConfig);
  return {
    files: plain.size,
    restored: [...plain.keys()],
    savedAt: manifest?.savedAt ?? '',
    release: application?.release ?? '',
  };
}

function readAll(config: SiteConfig, id: string): Map<string, Buffer> {
  const key = keyOf(config);
  const folder = join(vaultPlaces(config.vault).config, id);
  const manifest = readJson<ConfigManifest>(join(folder, 'manifest.json'));
  if (!manifest) throw new Refused(`the manifest of configuration ${id} cannot be read`);
  return new Map(
    Object.entries(manifest.files).map(([path, { sha256: wanted, secret }]) => {
      const file = join(folder, path);
      if (!existsSync(file))
        throw new Refused(`${path} of configuration ${id} is not in the vault`);
      const stored = readFileSync(file);
      if (sha256(stored) !== wanted)
        throw new Refused(`${path} of configuration ${id} is not what its manifest says`);
      return [path, secret ? decrypt(key, stored, path) : stored];
    }),
  );
}

function newestId(config: SiteConfig): string | undefined {
  return readdirSync(vaultPlaces(config.vault).config)
    .filter((name) => !name.startsWith('.'))
    .sort()
    .at(-1);
}

function pathsBelow(folder: string, below: string): string[] {
  return readdirSync(join(folder, below))
    .sort()
    .map((name) => `${below}/${name}`);
}

function keyOf({ keyFile }: SiteConfig): Buffer {
  if (!existsSync(keyFile)) throw new Refused(`the key of the secrets is not there: ${keyFile}`);
  return Buffer.from(readFileSync(keyFile, 'utf8').trim(), 'hex');
}

function encrypt(key: Buffer, plain: Buffer): Buffer {
  const nonce = randomBytes(12);
  const cipher = createCipheriv('aes-256-gcm', key, nonce);
  const content = Buffer.concat([cipher.update(plain), cipher.final()]);
  return Buffer.concat([nonce, cipher.getAuthTag(), content]);
}

function decrypt(key: Buffer, stored: Buffer, path: string): Buffer {
  try {
    const decipher = createDecipheriv('aes-256-gcm', key, stored.subarray(0, 12), {
      authTagLength: 16,
    });
    decipher.setAuthTag(stored.subarray(12, 28));
    return Buffer.concat([decipher.update(stored.subarray(28)), decipher.final()]);
  } catch {
    throw new Refused(`${path} cannot be decrypted: the key is another one`);
  }
}

function sha256(content: Buffer): string {
  return createHash('sha256').update(content).digest('hex');
}

/** A new key, for whoever keeps it. */
export function newKey(): string {
  return randomBytes(32).toString('hex');
}

/** What was broken off while it was saved. */
export function removeHalfSaved(config: SiteConfig): void {
  const { config: below } = vaultPlaces(config.vault);
  for (const name of readdirSync(below).filter((each) => each.startsWith('.')))
    rmSync(join(below, name), { recursive: true, force: true });
}
