# redis.sh HOST PORT USER [OPTION...]: logs in and asks for the figures. The password is in a file that redis-cli reads.
set -u
host=$1 port=$2 user=$3
shift 3
trap 'rm -rf /staging' EXIT
timeout 10 redis-cli -h "$host" -p "$port" "$@" </staging/commands >/tmp/out 2>&1
if ! grep -q '^redis_version:' /tmp/out; then
  echo "The user $user of the Redis on $host:$port may not ask INFO:"
  head -c 2000 /tmp/out
  exit 1
fi
echo "the user $user may read the figures of $host:$port"
