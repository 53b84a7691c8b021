/** Names that PostgreSQL has for the backup of the record that `dev` makes. */
export const recordBackup = {
  /** Application name of the synchronous standby: the server waits for it. */
  receiver: 'runbook_backup',
  /** Prefix of its replication slots, one for each base backup. */
  slots: 'runbook_backup_',
} as const;
