import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { livesStill, nameOf } from '../app/owner.js';
import { backupFolder, digestOfManifest, type BackupFile } from './backup-file.js';
import {
  asServer,
  databaseUrl,
  handOver,
  programsVersion,
  superuser,
  systemIdentifierOf,
} from './database.js';
import { syncFolderNow, writeJsonDurably } from './durable-files.js';
import { Refused, vaultPlaces, type SiteConfig } from './site-config.js';

interface Manifest {
  Files: { Size: number }[];
  'WAL-Ranges': { Timeline: number; 'Start-LSN': string; 'End-LSN': string }[];
}

/**
 * Takes a base backup of the running database into the vault: it has its name only when it is whole
 * and verified.
 * @throws Refused with what the programs said
 */
export async function takeBackup(
  config: SiteConfig,
  say: (line: string) => void,
): Promise<BackupFile> {
  if (config.isolated) throw new Refused('an isolated site never writes into the vault');
  const { base } = vaultPlaces(config.vault);
  removeHalves(base);
  const begun = new Date();
  const id = begun.toISOString().replace(/[-:]/g, '');
  // The process is part of the name: what is half done is told from what is under way.
  const half = join(base, `.${id}.${nameOf(process.pid)}`);
  const data = join(half, 'data');
  mkdirSync(half);
  handOver(half);
  const url = new URL(databaseUrl(config, superuser));
  say(`base backup ${id} begins`);
  let stopped: Date | undefined;
  await run(
    config,
    'pg_basebackup',
    [
      ...['--host', url.hostname, '--port', url.port, '--username', superuser, '--no-password'],
      ...[
        '--pgdata',
        data,
        '--wal-method=stream',
        '--checkpoint=fast',
        '--manifest-checksums=SHA256',
        '--label',
        id,
      ],
      '--verbose',
    ],
    { PGPASSWORD: decodeURIComponent(url.password) },
    (text) => {
      // What is committed while it brings its files to disk afterwards is not in it.
      if (text.includes('write-ahead log end point')) stopped = new Date();
    },
  );
  const written = Date.now();
  const ended = stopped ?? new Date(written);
  say(`base backup ${id} is there, and is verified`);
  await run(config, 'pg_verifybackup', ['--quiet', data]);
  const manifest = JSON.parse(readFileSync(join(data, 'backup_manifest'), 'utf8')) as Manifest;
  const [range] = manifest['WAL-Ranges'];
  if (!range) throw new Refused('the manifest of the base backup names no WAL');
  const backup: BackupFile = {
    id,
    site: config.site,
    begun: begun.toISOString(),
    ended: ended.toISOString(),
    systemIdentifier: (await systemIdentifierOf(config, data)) ?? '',
    version: programsVersion(config),
    timeline: range.Timeline,
    startLsn: range['Start-LSN'],
    endLsn: range['End-LSN'],
    bytes: manifest.Files.reduce((sum, { Size }) => sum + Size, 0),
    digest: digestOfManifest(data),
    tookMs: written - begun.getTime(),
    verifiedMs: Date.now() - written,
  };
  writeJsonDurably(join(half, 'backup.json'), backup);
  renameSync(half, backupFolder(config.vault, id));
  syncFolderNow(base);
  return backup;
}

/** What a backup that was broken off has left. */
function removeHalves(base: string): void {
  for (const name of readdirSync(base)) {
    const [, process] = /^\.[^.]+\.\d+Z\.(\d+:\d*)$/.exec(name) ?? [];
    if (process !== undefined && !livesStill(process))
      rmSync(join(base, name), { recursive: true, force: true });
  }
}

/** @param tell gets what it says, as it says it */
async function run(
  config: SiteConfig,
  program: string,
  args: string[],
  env: Record<string, string> = {},
  tell: (text: string) => void = () => undefined,
): Promise<void> {
  const child = execa(join(config.programs, program), args, {
    reject: false,
    stdin: 'ignore',
    env: { ...env, LC_ALL: 'C' },
    cwd: vaultPlaces(config.vault).base,
    ...asServer(),
  });
  child.stderr.on('data', (chunk: Buffer) => tell(chunk.toString()));
  const { exitCode, stderr } = await child;
  const problems = stderr.split('\n').filter((line) => /(error|FATAL|detail|hint):/i.test(line));
  if (exitCode !== 0)
    throw new Refused(
      `${program} failed: ${problems.join(' ') || stderr.trim() || `exit code ${exitCode}`}`,
    );
}
