/*
 * What the programs of sites and deployers answer, as code reads it. Each answer is one line of
 * JSON; the worker checks it and keeps what is needed of it (activities/answers.ts), so that no
 * size of the rest can hide it.
 */

/** What a site's program says of what stands there. */
export interface Look {
  site: string;
  isolated: boolean;
  exists: boolean;
  database: 'absent' | 'stopped' | 'standby' | 'primary';
  epoch: number | null;
  holder: string | null;
  /** When the witness last heard from whoever may write. */
  renewedAt: string | null;
}

interface Backup {
  id: string;
  takenAt: string;
  bytes: number;
  systemIdentifier: string;
  good: boolean;
  problem: string | null;
}

/** What the backup location has, each backup proved. */
export interface Backups {
  /** The chosen one, and the first that are not good; the runs of older releases have all. */
  backups: Backup[];
  /** How many more are not good. */
  moreBad?: number;
  chosen: string | null;
  wal: { missing: string[]; moreMissing?: number };
  reachable: { from: string; to: string } | null;
  lost: string | null;
  files: { count: number; problem: string | null };
  config: { id: string | null; good: boolean; problem: string | null };
  predicted: { restoreMs: number | null; rpoMs: number | null };
}

/** Up to where a site that was drained brought its data over. */
export interface Drained {
  lastCommit: string | null;
}

export interface Restored {
  backup: string;
  systemIdentifier: string;
  recoveredTo: { lsn: string; time: string | null };
  /** Time of the newest change in it. */
  lastCommit: string | null;
}

interface LostFile {
  tenant: string;
  name: string;
  sha256: string;
}

/** Files that could not be had: the first of them, and how many there are. */
export interface FilesRestored {
  restored: number;
  missing: LostFile[];
  wrong: LostFile[];
  /** Where these are absent, the lists are whole. */
  missingCount?: number;
  wrongCount?: number;
}

export interface Artefact {
  version: string;
  digest: string;
  changelog: string;
  migrations: Record<'expand' | 'contract' | 'undo', string[]>;
}

/** Servers by name; null where nothing runs. */
export interface Running {
  servers: Record<string, { version: string; address: string } | null>;
}

/** Each answer by its name; see `answer` of a command. */
export interface Answers {
  'site-look': Look;
  'site-backups': Backups;
  'site-drained': Drained;
  'site-restored': Restored;
  'site-files': FilesRestored;
  'deployer-artefact': Artefact;
  'deployer-running': Running;
  'deployer-backup': { file: string; verified: boolean };
  'deployer-started': { address: string };
  'deployer-version': { version: string };
}
