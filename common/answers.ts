import type { JsonObject } from '../language/json.js';

/*
 * The answers of the programs of sites, deployers and pipelines, as code reads them. Each is one
 * line of JSON. The worker checks it and keeps only these fields (activities/answers.ts), so that
 * the size of the rest does not matter.
 */

/** What a site's program reports about the site. */
export interface Look {
  site: string;
  isolated: boolean;
  exists: boolean;
  database: 'absent' | 'stopped' | 'standby' | 'primary';
  epoch: number | null;
  holder: string | null;
  /** When the witness last heard from the site that may write. */
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

/** The backups at the backup location, each verified. */
export interface Backups {
  /** The chosen one, and the first that are not good. */
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

/** The last data that a drained site brought over. */
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

/** Files that could not be restored: the first of them, and how many there are. */
export interface FilesRestored {
  restored: number;
  missing: LostFile[];
  wrong: LostFile[];
  /** Absent: the lists are complete. */
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

export const jobStates = ['running', 'completed', 'failed', 'stopped'] as const;
export type JobState = (typeof jobStates)[number];

/** A job of a pipeline, as whatever runs the pipeline lists it. */
export interface JobRow {
  id: string;
  status: JobState;
  stage: string | null;
  /** Null where the pipeline has no datasets. */
  dataset: string | null;
  created: string;
}

/** Why a job has failed. */
export interface JobFault {
  code: string;
  message: string;
  /** The record that the job could not process, by the columns of the first stage. */
  record: JsonObject | null;
  /** The job cannot go on as long as the record is there. */
  poison: boolean;
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
  'pipeline-jobs': { jobs: JobRow[] };
  'pipeline-job': Pick<JobRow, 'stage'> & {
    status: JobState | 'unknown';
    error: JobFault | null;
  };
  'pipeline-started': { job: string };
}
