# counter.sh LINES BURST [SERVICE]: prints numbered JSON lines, BURST of them each tenth of a second, then sleeps.
# With SERVICE each line names its own service, which then wins over compose's.
lines=$1 burst=$2 service=${3:-}
trap 'exit 0' TERM INT
n=1
while [ "$n" -le "$lines" ]; do
  awk -v from="$n" -v to="$((n + burst - 1))" -v last="$lines" -v service="$service" 'BEGIN {
    own = service == "" ? "" : sprintf("\"service\":\"%s\",", service)
    for (i = from; i <= to && i <= last; i++) {
      level = i % 10 == 0 ? "error" : "info"
      printf "{\"n\":%d,%s\"level\":\"%s\",\"logger\":\"counter\",\"handler\":\"count\",\"event\":\"counter.line\",\"user_id\":%d,\"chat_id\":%d}\n", i, own, level, 1000 + i % 100, 5000 + i
    }
  }'
  n=$((n + burst))
  sleep 0.1
done
while :; do
  sleep 3600 &
  wait $!
done
