#!/bin/sh
# The command `runbook` in the image. The record's address holds a password, so it comes as a file.
set -eu
if [ -n "${RUNBOOK_DATABASE_URL_FILE:-}" ]; then
  RUNBOOK_DATABASE_URL=$(cat "$RUNBOOK_DATABASE_URL_FILE")
  export RUNBOOK_DATABASE_URL
fi
exec node /app/dist/client/main.js "$@"
