# apply.sh PORT USER PASSWORD_FILE REVISION
set -eu
. /taffrail/http.sh
port=$1
basic "$2" "$3"
ready /-/ready
expect 200 POST /-/reload
expect 200 GET /api/v1/status/config
grep -q "revision/$4" /tmp/body || fail "Prometheus runs another configuration than revision $4:"
expect 200 GET '/api/v1/query?query=prometheus_config_last_reload_successful'
echo "Prometheus runs revision $4"
