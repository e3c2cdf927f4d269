# blackbox.sh PORT REVISION
set -eu
. /taffrail/http.sh
port=$1
ready /-/healthy
expect 200 POST /-/reload
expect 200 GET /config
grep -q "revision_$2" /tmp/body || fail "blackbox_exporter runs another configuration than revision $2:"
echo "blackbox_exporter runs revision $2"
