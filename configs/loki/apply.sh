# apply.sh PORT REVISION
set -eu
. /taffrail/http.sh
port=$1
ready /ready
expect 200 GET /config
grep -q "cluster_label: \"\?$2" /tmp/body || fail "Loki runs another configuration than revision $2:"
echo "Loki runs revision $2"
