#!/bin/bash
# The rig's own, after the official contract: options or a .conf file alone mean redis-server; as root it hands
# over /data and steps down; protected mode is off unless the configuration says otherwise.
set -e
case "${1:-}" in
  -* | *.conf) set -- redis-server "$@" ;;
esac
if [ "$1" = redis-server ]; then
  if [ "$(id -u)" = 0 ] && [ -z "${SKIP_DROP_PRIVS:-}" ]; then
    if [ -z "${SKIP_FIX_PERMS:-}" ]; then chown -R redis:redis /data; fi
    exec gosu redis "$0" "$@"
  fi
  if [ "$(umask)" = 0022 ]; then umask 0077; fi
  said=no
  for argument; do
    case "$argument" in
      --protected-mode) said=yes ;;
      *.conf) if grep -qi '^[[:space:]]*protected-mode[[:space:]]' "$argument"; then said=yes; fi ;;
    esac
  done
  # The official build has it off; Debian's has it on.
  if [ "$said" = no ]; then set -- "$@" --protected-mode no; fi
fi
exec "$@"
