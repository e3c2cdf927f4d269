# One HTTP request to a program on this network's loopback, with what busybox has.
# Headers are written by the shell itself: a secret in them is never an argument of a process.
trap '' PIPE

# request METHOD PATH [BODY]: $port and $headers are taken from the caller; sets $status and the file /tmp/body.
request() {
  sent=${3:-}
  rm -f /tmp/request && mkfifo /tmp/request
  nc -w 30 127.0.0.1 "$port" </tmp/request >/tmp/answer 2>/tmp/nc-error &
  # The write end stays open until the answer is there: a half-closed connection reads as a cancelled request.
  exec 3>/tmp/request
  printf '%s %s HTTP/1.0\r\nHost: 127.0.0.1:%s\r\n%bContent-Length: %d\r\n\r\n%s' \
    "$1" "$2" "$port" "${headers:-}" "$(printf %s "$sent" | wc -c)" "$sent" >&3 2>/dev/null || true
  wait $! || true
  exec 3>&-
  status=$(head -n 1 /tmp/answer | cut -d ' ' -f 2)
  sed '1,/^\r*$/d' /tmp/answer >/tmp/body
}

# basic USER FILE: the header of basic authentication, from a password file.
basic() {
  headers="Authorization: Basic $(printf '%s:%s' "$1" "$(cat "$2")" | base64 | tr -d '\n')\r\n"
}

fail() {
  echo "$1"
  [ ! -s /tmp/body ] || head -c 4000 /tmp/body
  exit 1
}

# expect STATUS METHOD PATH [BODY]
expect() {
  wanted=$1
  shift
  request "$@"
  [ "$status" = "$wanted" ] || fail "$1 $2 answered ${status:-nothing} instead of $wanted:"
}

# ready PATH: waits up to a minute for a 2xx.
ready() {
  tries=0
  until request GET "$1" && [ "${status#2}" != "$status" ]; do
    tries=$((tries + 1))
    [ $tries -lt 120 ] || fail "not ready after a minute: GET $1 answered ${status:-nothing}"
    sleep 0.5
  done
}
