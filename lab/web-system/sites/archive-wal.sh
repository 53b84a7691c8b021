#!/bin/sh
# PostgreSQL's archive_command at a site: archive-wal.sh SITE VAULT PATH NAME
# Copies one file of the WAL into the vault: on disk, whole and with its digest when this says yes. What is there already is
# never written over. The vault takes nothing from a site that is not its writer any more.
set -eu
site=$1 vault=$2 from=$3 name=$4

digest() {
  if command -v sha256sum >/dev/null; then sha256sum <"$1"; else shasum -a 256 <"$1"; fi | cut -d ' ' -f 1
}

read -r writer _ <"$vault/writer"
if [ "$writer" != "$site" ]; then
  echo "the vault takes the WAL of site $writer now: $name stays here" >&2
  exit 1
fi
sum=$(digest "$from")
if [ -e "$vault/wal/$name" ]; then
  if [ "$(digest "$vault/wal/$name")" = "$sum" ]; then exit 0; fi
  echo "the vault holds another $name" >&2
  exit 1
fi
half="$vault/wal/.$name.$$"
cp "$from" "$half"
echo "$sum" >"$half.sha256"
sync "$half" "$half.sha256"
mv "$half.sha256" "$vault/wal/$name.sha256"
mv "$half" "$vault/wal/$name"
sync "$vault/wal"
