# apply.sh PORT STACK HEALTH_PATH SERVER_NAME ADMIN ADMIN_KEY [ID URL]...: makes the administrator's password that of
# the settings, then compares what runs with what was written. ADMIN_KEY is the secret that the settings name for it.
set -eu
. /taffrail/http.sh
# The answers hold the cookie of an administrator's session.
trap 'rm -rf /tmp/answer /tmp/body' EXIT
port=$1 stack=$2 api=${3%status}api/gql server=$4 admin=$5 key=$6
shift 6
digest=$(cat /run/secrets/admin-digest)
# The name and the digest that were in force when this job last ended well; on a volume of its own.
kept=/admin/in-force
json='Content-Type: application/json\r\n'
headers=$json
ready "${api%api/gql}status"

# ask QUERY [VARIABLES]: CloudBeaver answers 200 to what it refuses, too.
ask() {
  expect 200 POST "$api" "{\"query\":\"$1\",\"variables\":${2:-{\}}}"
}
# login DIGEST: true when it is the administrator's. Sets the session's cookie.
login() {
  tries=0
  while true; do
    headers=$json
    ask 'query($c: Object!) { authLogin(provider: \"local\", credentials: $c) { authStatus } }' \
      "{\"c\":{\"user\":\"$admin\",\"password\":\"$1\"}}"
    ! grep -q '"authStatus": *"SUCCESS"' /tmp/body || break
    # It takes one login a second for a user, and none for minutes after ten wrong ones.
    ! grep -q 'Blocked the possibility' /tmp/body ||
      fail "CloudBeaver refuses every login of $admin for now: somebody typed wrong passwords. Wait five minutes."
    grep -q 'Too frequent' /tmp/body || return 1
    tries=$((tries + 1))
    [ $tries -lt 10 ] || fail "CloudBeaver does not let $admin log in:"
    sleep 1.3
  done
  headers="${json}Cookie: $(sed -n 's/^[Ss]et-[Cc]ookie: *\([^;[:space:]]*\).*/\1/p' /tmp/answer | tr '\n' ';')\r\n"
}
# A query until 26; asked again as a mutation, should a version have moved it.
set_password() {
  for kind in query mutation; do
    ask "$kind(\$u: ID!, \$c: Object!) { setUserCredentials(userId: \$u, providerId: \\\"local\\\", credentials: \$c) }" \
      "{\"u\":\"$admin\",\"c\":{\"password\":\"$digest\"}}"
    grep -q 'ValidationError' /tmp/body || break
  done
  ! grep -q '"errors"' /tmp/body || fail "CloudBeaver does not take the new password of $admin:"
}

old_admin='' old=''
[ ! -s $kept ] || read -r old_admin old <$kept
if [ -n "$old_admin" ] && [ "$old_admin" != "$admin" ]; then
  rm -f /tmp/body
  fail "cloudbeaver.adminName is now $admin, but CloudBeaver takes it at its first start only: it is still $old_admin.
Type: pulumi config set -s $stack --path taffrail:cloudbeaver.adminName $old_admin"
fi
if ! login "$digest"; then
  sleep 1.3
  if [ -z "$old" ] || [ "$old" = "$digest" ] || ! login "$old"; then
    rm -f /tmp/body
    fail "CloudBeaver refuses $admin the password of the settings, and Taffrail does not know the one in force: it was
changed in the browser. Tell it the one in force; from there it can be changed by the settings:
  pulumi config set -s $stack --plaintext --path taffrail:cloudbeaver.adminPassword $key
  pulumi config set -s $stack --secret taffrail:$key
  npm run up -- -s $stack"
  fi
  set_password
  sleep 1.3
  login "$digest" || fail "CloudBeaver took the new password of $admin, and refuses it:"
  echo "the password of $admin was changed to that of the settings"
fi
(umask 277 && rm -f $kept.new && echo "$admin $digest" >$kept.new && mv -f $kept.new $kept)

# What the workspace holds wins over the file: so it is asked, not assumed.
ask 'query { serverConfig { name anonymousAccessEnabled } }'
grep -q '"anonymousAccessEnabled": *false' /tmp/body || fail 'CloudBeaver lets anonymous users in:'
grep -qF "\"$server\"" /tmp/body || fail "CloudBeaver runs under another name than $server:"

ask 'query { userConnections { id url } }'
sed 's/": *"/":"/g; s/, *"/,"/g' /tmp/body >/tmp/connections
ids=' '
while [ $# -gt 0 ]; do
  grep -qF "\"id\":\"$1\",\"url\":\"$2\"" /tmp/connections || fail "CloudBeaver does not show the connection $1 to $2:"
  ids="$ids$1 "
  shift 2
done
# Others were made by people, who get longer ids.
for id in $(grep -oE '"id":"(postgres|team-[^"]*)"' /tmp/connections | cut -d '"' -f 4); do
  case $ids in *" $id "*) continue ;; esac
  fail "CloudBeaver still shows the connection $id, which the settings no longer have. Delete it in the browser:"
done
echo "CloudBeaver runs as $server, without anonymous access; connections of the settings:$ids"
