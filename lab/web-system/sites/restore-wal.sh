#!/bin/sh
# PostgreSQL's restore_command at a site: restore-wal.sh VAULT RUN NAME PATH
# Fetches one file of the WAL from the vault, unless it is not what its digest says. What was asked for in vain is noted in
# RUN/absent: that is how the end of the WAL is known.
set -eu
vault=$1 run=$2 name=$3 to=$4

digest() {
  if command -v sha256sum >/dev/null; then sha256sum <"$1"; else shasum -a 256 <"$1"; fi | cut -d ' ' -f 1
}

if [ ! -e "$vault/wal/$name" ]; then
  echo "$name" >>"$run/absent"
  exit 1
fi
cp "$vault/wal/$name" "$to"
if [ "$(digest "$to")" != "$(cat "$vault/wal/$name.sha256")" ]; then
  rm -f "$to"
  echo "$name" >>"$run/absent"
  echo "$name in the vault is not what its digest says" >&2
  exit 1
fi
