#!/usr/bin/env bash
# restore.sh FILE: restores a file of backup.sh into an empty database, all of it or nothing.
#
# Connects as a superuser, as PGHOST, PGPORT, PGUSER, PGPASSWORD (or ~/.pgpass, or PASSWORD_FILE) and
# PGDATABASE (swapgate) state. The roles must exist: run `swapgate init` before.
set -euo pipefail

file=${1:?usage: restore.sh FILE}
export PGDATABASE=${PGDATABASE:-swapgate}
if [[ -n ${PASSWORD_FILE:-} ]]; then
  PGPASSWORD=$(< "$PASSWORD_FILE")
  export PGPASSWORD
fi

if [[ -e $file.sha256 ]]; then
  (cd "$(dirname "$file")" && sha256sum --check --quiet "$(basename "$file").sha256")
fi
pg_restore --list "$file" > /dev/null
tables=$(psql --no-psqlrc --no-password --tuples-only --no-align --command \
  "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')")
if [[ $tables != 0 ]]; then
  echo "the database $PGDATABASE has $tables tables already: restore into an empty one" >&2
  exit 1
fi
pg_restore --exit-on-error --single-transaction --no-password --dbname="$PGDATABASE" "$file"

cat << 'END'
Restored. The database lacks what has happened since the backup, so before you start anything:
  1. swapgate migrate
  2. swapgate keyring list             every key must be in the ring; otherwise restore its backup
  3. swapgate pay-in restored --dry-run, and then with --reason: see "Restore and failover" in
     docs/operations.md for what it does, and for what follows
  4. swapgate reconcile                must find no difference
END
