#!/bin/sh
# Brings Temporal's two databases to the schema of its release. Safe to repeat: what is there is left alone, and a new
# release of Temporal is prepared by running this before its server starts.
set -eu
SQL_PASSWORD=$(cat "${SECRETS_FOLDER:-/run/secrets}/temporal_db_password")
export SQL_PASSWORD
schemas=${SCHEMA_FOLDER:-/etc/temporal/schema/postgresql/v12}

for pair in temporal:temporal temporal_visibility:visibility; do
  database=${pair%%:*}
  tool() {
    temporal-sql-tool --plugin postgres12 --ep "$POSTGRES_SEEDS" --port "${DB_PORT:-5432}" --user "$POSTGRES_USER" --db "$database" "$@"
  }
  tool setup-schema --version 0.0
  tool update-schema --schema-dir "$schemas/${pair##*:}/versioned"
done
