#!/bin/sh
# Runs once, when PostgreSQL's volume is new: a role and a database for Temporal, and another pair for the record, so that
# neither can read the other. psql reads the passwords itself: they appear in no argument.
set -eu
psql --no-psqlrc --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname postgres <<'SQL'
\set temporal_password `cat "${SECRETS_FOLDER:-/run/secrets}/temporal_db_password"`
\set runbook_password `cat "${SECRETS_FOLDER:-/run/secrets}/runbook_db_password"`
CREATE ROLE temporal LOGIN PASSWORD :'temporal_password';
CREATE ROLE runbook LOGIN PASSWORD :'runbook_password';
CREATE DATABASE temporal OWNER temporal;
CREATE DATABASE temporal_visibility OWNER temporal;
CREATE DATABASE runbook OWNER runbook;
REVOKE CONNECT ON DATABASE temporal, temporal_visibility, runbook FROM PUBLIC;
SQL
