#!/bin/sh
# The server takes its database password from the environment only; this puts it there from its file.
set -eu
POSTGRES_PWD=$(cat "${SECRETS_FOLDER:-/run/secrets}/temporal_db_password")
export POSTGRES_PWD
exec "${TEMPORAL_ENTRYPOINT:-/etc/temporal/entrypoint.sh}"
