# apply.sh PORT HEALTH_PATH SERVER_NAME
set -eu
. /taffrail/http.sh
port=$1
ready "$2"
headers='Content-Type: application/json\r\n'
# What the workspace holds wins over the file: so it is asked, not assumed.
expect 200 POST "${2%status}api/gql" '{"query":"query { serverConfig { name anonymousAccessEnabled } }"}'
grep -q '"anonymousAccessEnabled": *false' /tmp/body || fail 'CloudBeaver lets anonymous users in:'
grep -qF "\"$3\"" /tmp/body || fail "CloudBeaver runs under another name than $3:"
echo "CloudBeaver runs as $3, without anonymous access"
