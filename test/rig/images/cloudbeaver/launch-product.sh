#!/bin/bash
# The rig's own, after the official contract: as root hand the workspace over and step down, else just start.
set -eu
if [ "$(id -u)" = 0 ]; then
  chown -R "$DBEAVER_UID:$DBEAVER_GID" workspace
  exec gosu dbeaver ./run-server.sh
fi
exec ./run-server.sh
