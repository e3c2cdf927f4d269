#!/bin/bash
# The rig's own start of PostgreSQL, after the official image's contract: POSTGRES_USER, POSTGRES_DB,
# POSTGRES_PASSWORD (each also as _FILE), POSTGRES_INITDB_ARGS, POSTGRES_HOST_AUTH_METHOD, PGDATA and
# /docker-entrypoint-initdb.d count at the first start only; as root it hands over the folders and steps down.
set -Eeo pipefail

# Takes VAR from the file that VAR_FILE names.
from_file() {
  local name="$1" file="$1_FILE"
  if [ -n "${!name:-}" ] && [ -n "${!file:-}" ]; then
    echo "error: both $name and $file are set: leave one out" >&2
    exit 1
  fi
  if [ -n "${!file:-}" ]; then
    local value
    value="$(cat "${!file}")"
    export "$name=$value"
  elif [ -z "${!name:-}" ]; then
    export "$name=${2:-}"
  fi
  unset "$file"
}

sql() {
  PGHOST='' PGHOSTADDR='' psql -v ON_ERROR_STOP=1 --no-psqlrc --no-password --username "$POSTGRES_USER" "$@"
}

first_start() {
  if [ -z "$POSTGRES_PASSWORD" ] && [ "$POSTGRES_HOST_AUTH_METHOD" != trust ]; then
    echo 'error: the database is not initialised and POSTGRES_PASSWORD (or POSTGRES_PASSWORD_FILE) is not set' >&2
    exit 1
  fi
  # shellcheck disable=SC2086 # the variable holds several arguments
  initdb --username="$POSTGRES_USER" --pwfile=<(printf '%s\n' "$POSTGRES_PASSWORD") $POSTGRES_INITDB_ARGS
  local method="${POSTGRES_HOST_AUTH_METHOD:-$(postgres -C password_encryption "${@:2}")}"
  printf '\nhost all all all %s\n' "$method" >>"$PGDATA/pg_hba.conf"

  export PGPASSWORD="$POSTGRES_PASSWORD"
  pg_ctl -D "$PGDATA" -o "$(printf '%q ' "${@:2}" -c listen_addresses='')" -w start
  if [ "$(sql --dbname postgres -At --set name="$POSTGRES_DB" <<<"SELECT count(*) FROM pg_database WHERE datname = :'name'")" = 0 ]; then
    sql --dbname postgres --set name="$POSTGRES_DB" <<<'CREATE DATABASE :"name"'
  fi
  local file
  for file in /docker-entrypoint-initdb.d/*; do
    echo "$0: $file"
    case "$file" in
      *.sh) if [ -x "$file" ]; then "$file"; else . "$file"; fi ;;
      *.sql) sql --dbname "$POSTGRES_DB" -f "$file" ;;
      *.sql.gz) gunzip -c "$file" | sql --dbname "$POSTGRES_DB" ;;
    esac
  done
  pg_ctl -D "$PGDATA" -m fast -w stop
  unset PGPASSWORD
  echo 'PostgreSQL init process complete; ready for start up.'
}

case "${1:-}" in
  -*) set -- postgres "$@" ;;
esac

if [ "$1" = postgres ]; then
  mkdir -p "$PGDATA"
  chmod 0700 "$PGDATA" || :
  mkdir -p /var/run/postgresql || :
  if [ "$(id -u)" = 0 ]; then
    chown -R postgres:postgres "$PGDATA" /var/run/postgresql
    exec gosu postgres "$0" "$@"
  fi
  from_file POSTGRES_PASSWORD
  from_file POSTGRES_USER postgres
  from_file POSTGRES_DB "$POSTGRES_USER"
  from_file POSTGRES_INITDB_ARGS
  : "${POSTGRES_HOST_AUTH_METHOD:=}"
  if [ ! -s "$PGDATA/PG_VERSION" ]; then
    # Read before anything is written: a folder that cannot be read must not leave half a database.
    ls /docker-entrypoint-initdb.d >/dev/null
    shopt -s nullglob
    first_start "$@"
  fi
fi
exec "$@"
