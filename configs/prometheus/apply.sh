# apply.sh PORT USER PASSWORD_FILE REVISION
set -eu
. /taffrail/http.sh
port=$1
basic "$2" "$3"
ready /-/ready
expect 200 POST /-/reload
expect 200 GET /api/v1/status/config
grep -q "revision/$4" /tmp/body || fail "Prometheus runs another configuration than revision $4:"
# Its own word, not that of its last scrape of itself, which is older than the reload.
expect 200 GET /metrics
sed -n '/^prometheus_config_last_reload_successful /p' /tmp/body >/tmp/reload
mv /tmp/reload /tmp/body
grep -q ' 1$' /tmp/body || fail 'Prometheus does not say that its last reload was successful:'
echo "Prometheus runs revision $4"
