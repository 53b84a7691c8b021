#!/bin/sh
# What somebody without a runbook would run: the same restore as `restore-database` does, with the same proofs.
#   restore.sh PROGRAMS VAULT BACKUP PLACE PORT RESTORE_WAL     the superuser's password in PGPASSWORD
# PROGRAMS: folder of PostgreSQL's; PLACE: an empty folder; RESTORE_WAL: the site's restore-wal.sh. Prints the system identifier.
set -eu
programs=$1 vault=$2 backup=$3 place=$4 port=$5 restore_wal=$6
from=$vault/base/$backup

grep -q "\"digest\": \"$(sha256sum <"$from/data/backup_manifest" | cut -d ' ' -f 1)\"" "$from/backup.json"
"$programs/pg_verifybackup" --quiet "$from/data"
"$programs/pg_controldata" "$from/data" >"$place/before"
cp -a "$from/data" "$place/data"
rm -f "$place/data/site.lease" "$place/data/site.drained"
touch "$place/data/standby.signal"
mkdir "$place/wal-run"
cat >"$place/restore.conf" <<END
restore_command = '/bin/sh $restore_wal $vault $place/wal-run %f %p'
recovery_target_action = pause
recovery_target_timeline = latest
wal_retrieve_retry_interval = 100ms
archive_mode = off
track_commit_timestamp = on
dynamic_shared_memory_type = mmap
max_connections = 60
port = $port
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
END
cat "$place/restore.conf" >>"$place/data/postgresql.auto.conf"
"$programs/pg_ctl" -D "$place/data" -l "$place/log" -w start >"$place/said"

ask() {
  "$programs/psql" -h 127.0.0.1 -p "$port" -U site -d web -At -c "$1"
}
# The end of the WAL: the same segment was asked for in vain, three times in a row.
until [ "$(grep -E '^[0-9A-F]{24}$' "$place/wal-run/absent" 2>"$place/said" | tail -n 3 | sort | uniq -c | awk '{ print $1; exit }')" = 3 ]; do sleep 0.05; done
ask 'SELECT pg_wal_replay_pause()' >"$place/said"
ask 'SELECT pg_last_wal_replay_lsn(), pg_last_xact_replay_timestamp()' >"$place/reached"
"$programs/pg_controldata" "$place/data" | sed -n 's/^Database system identifier: *//p'
