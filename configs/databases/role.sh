# role.sh HOST PORT DATABASE ROLE ADMIN OWNER LIMIT: makes the exporter's role where ADMIN is not -, then logs in
# as the role and asks what it may do.
# Passwords are read from files inside psql or by psql itself; none is an argument, a variable or in a log.
set -u
umask 077
staging=/staging
trap 'rm -rf $staging /tmp/pgpass' EXIT
host=$1 port=$2 database=$3 role=$4 admin=$5 owner=$6 limit=$7

# pg USER PASSWORD_FILE ARGUMENTS...
pg() {
  user=$1
  rm -f /tmp/pgpass
  cp "$2" /tmp/pgpass
  shift 2
  PGPASSFILE=/tmp/pgpass PGCONNECT_TIMEOUT=5 PGAPPNAME=taffrail psql --no-psqlrc --no-password \
    --host "$host" --port "$port" --username "$user" --dbname "$database" "$@"
}

fail() {
  echo "The exporter's role $role on $host:$port, database $database:"
  cat /tmp/out
  if [ "$admin" = - ]; then
    echo 'As an admin, type in psql:'
    cat $staging/role-by-hand.sql
  fi
  exit 1
}

if [ "$admin" != - ]; then
  pg "$admin" $staging/admin-pgpass --set role="$role" --set database="$database" --set owner="$owner" --set limit="$limit" \
    -f $staging/role.sql >/tmp/out 2>&1 || fail
  # The role is there, but not ours.
  [ ! -s /tmp/out ] || fail
  # psql hashes it here: not even the server's log sees the password. Asked twice, it reads it twice.
  cat $staging/password $staging/password |
    pg "$admin" $staging/admin-pgpass --set role="$role" --set ON_ERROR_STOP=1 -c "\\password $role" >/tmp/out 2>&1 || fail
fi

pg "$role" $staging/role-pgpass -f $staging/verify.sql >/tmp/out 2>&1 || fail
[ ! -s /tmp/out ] || fail
echo "the role $role may read the figures of $database, and no table"
