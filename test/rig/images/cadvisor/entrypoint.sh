#!/bin/sh
# The rig's own, after the official contract: the program with -logtostderr before the given arguments.
exec /usr/bin/cadvisor -logtostderr "$@"
