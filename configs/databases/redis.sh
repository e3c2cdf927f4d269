# redis.sh HOST PORT USER OWNER USUAL [OPTION...]: makes the exporter's ACL user where OWNER is not -, then logs in as
# the user and asks what it may do. USUAL is the exporter's user where none is named.
# Passwords are in files that redis-cli reads; none is an argument, a variable or in a log.
set -u
umask 077
staging=/staging
trap 'rm -rf $staging' EXIT
host=$1 port=$2 user=$3 owner=$4 usual=$5
shift 5
options=$*

# What redis-cli answers to these files, in a session of its own. Who needs no password may give one.
talk() {
  # shellcheck disable=SC2086
  cat "$@" | timeout 10 redis-cli -h "$host" -p "$port" $options >/tmp/out 2>&1
  if [ $? = 124 ]; then
    echo 'no answer within 10 seconds' >/tmp/out
    fail
  fi
  sed -i '/^ERR AUTH <password> called without any/d' /tmp/out
  ! grep -qE '^(Could not|Error|I/O error)' /tmp/out || fail
}
# ask LOGIN COMMAND
ask() {
  echo "$2" >/tmp/command
  talk "$staging/$1" /tmp/command
}
refused() { grep -qE '^[A-Z]+ ' /tmp/out; }
old() { grep -qE "^ERR (unknown command|wrong number of arguments for 'auth')" /tmp/out; }

# fail [BY_HAND]
fail() {
  echo "The exporter's user $user of the Redis on $host:$port:"
  head -c 2000 /tmp/out | grep .
  if old; then
    echo 'This Redis is older than 6 or has no ACL, so there is one user: leave `adminPassword` out, and give'
    echo '`user: default` and its `password`.'
  elif [ $# -gt 0 ]; then
    echo 'As an admin, type in redis-cli, with a password for PASSWORD; a user of that name is made anew:'
    cat "$staging/$1"
    echo 'and ACL SAVE if it has an aclfile; without one it forgets the user when it restarts.'
    if [ "$1" = by-hand ]; then echo 'Give the settings that `password`.'
    else echo "Give the settings that \`password\`, and \`user: $usual\`."; fi
  fi
  exit 1
}

# Who is there already may be somebody's: never take rights from it by hand.
another() { [ "$user" = "$usual" ] || hand=${hand:+another-by-hand}; }
hand=by-hand
[ "$user" != default ] || another
forgets=
if [ "$owner" != - ]; then
  hand=
  ask admin-login "ACL GETUSER $user"
  ! refused || fail
  if grep -qx commands /tmp/out && ! grep -qxE "&?$owner" /tmp/out; then
    {
      echo "the user $user is there already, and this stack did not make it: its password would be changed."
      echo 'Name another one in `user`; or keep it, give its password in `password` and leave `adminPassword` out.'
    } >/tmp/out
    fail
  fi
  talk $staging/admin-login $staging/user
  ! refused || fail
  ask admin-login 'ACL SAVE'
  if grep -q 'not configured to use an ACL file' /tmp/out; then forgets=1
  elif refused; then fail; fi
fi

ask login 'INFO server'
version=$(sed -n 's/^redis_version:\([0-9]*\).*/\1/p' /tmp/out)
if [ -z "$version" ]; then
  if grep -q '^NOPERM' /tmp/out; then
    another
    echo 'it may do too little: it may not ask INFO' >/tmp/out
  fi
  fail $hand
fi
if [ "$version" -lt 6 ]; then
  if [ "$user" != default ]; then
    grep '^ERR' /tmp/out >/tmp/wrong
    mv /tmp/wrong /tmp/out
    fail
  fi
  echo "the user $user may read the figures of $host:$port; before Redis 6, who has the password may do all"
  exit 0
fi

# Each is answered without a change, whoever asks. A right for other keys is a right too.
may() {
  ask login "$1"
  ! grep -qE '^(NOPERM .* to run the |ERR unknown )' /tmp/out
}
: >/tmp/wrong
while IFS=: read -r command what; do
  ! may "$command" || echo "it may do too much: it may $what" >>/tmp/wrong
done <<'ASKED'
GET taffrail-asks:read the values of keys
SET taffrail-asks "" XX:change keys
DEL taffrail-asks:remove keys
SCAN 0 COUNT 1:list the names of keys
EVAL "return 1" 0:run scripts
CONFIG GET maxmemory:read the configuration
ACL USERS:see the users
ASKED
for command in 'INFO all' 'LATENCY LATEST' 'SLOWLOG LEN' 'SLOWLOG GET 1'; do
  may "$command" || echo "it may do too little: it may not ask $command" >>/tmp/wrong
done
mv /tmp/wrong /tmp/out
another
[ ! -s /tmp/out ] || fail $hand
echo "the user $user may read the figures of $host:$port, and no key"
[ -z "$forgets" ] || echo "it has no aclfile: it forgets the user $user when it restarts"
