# apply.sh PORT REVISION
set -eu
. /taffrail/http.sh
port=$1
# Ready only once there is something to read: being asked at all is enough here.
tries=0
until request GET /config && [ "$status" = 200 ]; do
  tries=$((tries + 1))
  [ $tries -lt 120 ] || fail "Promtail does not answer after a minute"
  sleep 0.5
done
grep -qi "X-Taffrail-Revision: \"\?$2" /tmp/body || expect 200 POST /reload
expect 200 GET /config
grep -qi "X-Taffrail-Revision: \"\?$2" /tmp/body || fail "Promtail runs another configuration than revision $2:"
echo "Promtail runs revision $2"
