# password.sh USER DATABASE: gives the superuser the password of the settings. The image sets one at the first start
# only; inside the container's own network Postgres trusts loopback, so a rotation needs no old password.
set -u
umask 077
trap 'rm -rf /staging /tmp/pgpass' EXIT
export PGCONNECT_TIMEOUT=5 PGAPPNAME=taffrail
fail() {
  cat /tmp/out
  exit 1
}
# psql hashes it here: not even the server's log sees it. Asked twice, it reads it twice.
cat /staging/password /staging/password |
  psql --no-psqlrc --no-password -v ON_ERROR_STOP=1 -h 127.0.0.1 -U "$1" -d "$2" -c "\\password $1" >/tmp/out 2>&1 || fail
# Not by loopback: this login needs the password.
cp /staging/pgpass /tmp/pgpass
PGPASSFILE=/tmp/pgpass psql --no-psqlrc --no-password -h postgres -U "$1" -d "$2" -c 'SELECT 1' >/tmp/out 2>&1 || fail
echo "the password of $1 is that of the settings"
