#!/bin/sh
# The rig's own, after the official contract: options alone mean haproxy, and haproxy runs as master and worker
# in the foreground.
set -e
case "$1" in
  -*) set -- haproxy "$@" ;;
esac
if [ "$1" = haproxy ]; then
  shift
  set -- haproxy -W -db "$@"
fi
exec "$@"
