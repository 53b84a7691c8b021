/** The backup that `dev` keeps of the record, as its PostgreSQL knows it. */
export const recordBackup = {
  /** Name of who receives each change; the server waits for it. */
  receiver: 'runbook_backup',
  /** Beginning of the names of its replication slots, one to each base backup. */
  slots: 'runbook_backup_',
} as const;
