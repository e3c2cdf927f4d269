#!/bin/bash
# The rig's own, after the official contract: connections are taken from conf/ into an empty workspace only.
set -eu
target=workspace/GlobalConfiguration/.dbeaver
if [ ! -d workspace/.metadata ]; then
  mkdir -p workspace/.metadata "$target"
  if [ ! -f "$target/data-sources.json" ]; then
    cp conf/initial-data-sources.conf "$target/data-sources.json"
  fi
fi
exec server/cloudbeaver-standin -web-config conf/cloudbeaver.conf
