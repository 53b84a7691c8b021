import type pg from 'pg';
import { recordBackup } from '../common/record-backup.js';

/** State of the backup that `dev` keeps of the record, as the server reports it. */
export interface BackupState {
  /** It receives every change immediately. */
  follows: boolean;
  /** Commits wait until it has received them. */
  isWaitedFor: boolean;
}

/** @returns null when there is no such backup */
export async function backupState(pool: pg.Pool): Promise<BackupState | null> {
  const { rows } = await pool.query<{ follows: boolean; waited: boolean }>({
    name: 'backup-state',
    text: `SELECT bool_or(active) AS follows, current_setting('synchronous_standby_names') = $1 AS waited
           FROM pg_replication_slots WHERE starts_with(slot_name, $2) HAVING count(*) > 0`,
    values: [recordBackup.receiver, recordBackup.slots],
  });
  const row = rows[0];
  return row ? { follows: row.follows, isWaitedFor: row.waited } : null;
}
