#!/bin/sh
# Makes the passwords of the stack in docker-compose.yml, once: what is there already stays as it is.
# The folder is closed to other users of this machine. The files in it are not: containers read them as users of their own.
set -eu
cd "$(dirname "$0")"
mkdir -p secrets
chmod 0700 secrets

make() {
  if [ -e "secrets/$1" ]; then
    echo "kept  deploy/secrets/$1"
  else
    (umask 0077 && printf '%s' "$2" > "secrets/.$1.new")
    chmod 0444 "secrets/.$1.new"
    mv "secrets/.$1.new" "secrets/$1"
    echo "made  deploy/secrets/$1"
  fi
}

# Hexadecimal, so that it means the same in an address, in YAML and in SQL.
password() { od -An -N24 -tx1 /dev/urandom | tr -d ' \n'; }

make postgres_password "$(password)"
make temporal_db_password "$(password)"
make runbook_db_password "$(password)"
make runbook_database_url "postgres://runbook:$(cat secrets/runbook_db_password)@postgres:5432/runbook"
