#!/bin/sh
# The Go of build.test.ts: fakeGo.ts says what it cannot prove.
here=${0%/*} verb=$1 all=$* file=./...
[ "$verb" != env ] || exec cat "$here/version"
while [ $# -gt 0 ]; do
  [ "$1" != -o ] || file=$2
  shift
done
name=${file##*/}
echo "$verb $name; CGO_ENABLED=$CGO_ENABLED GOFLAGS=$GOFLAGS GOWORK=$GOWORK GOCACHE=$GOCACHE; $all" >>"$here/calls"
if [ "$verb" = test ]; then
  for data in main_test.go ../testdata/*; do
    [ -e "$data" ] || continue
    grep -qF "$(cat "$data")" main.go && continue
    echo "--- FAIL: main.go lacks $(cat "$data")"
    exit 1
  done
  exit
fi
mkdir -p "${file%/*}"
printf half >"$file"
if [ -e "$here/hold $name" ]; then
  echo $$ >"$here/draft" && mv "$here/draft" "$here/held"
  while [ -e "$here/hold $name" ]; do sleep 0.02; done
fi
! grep -n undefined main.go >&2 || exit 1
exec cat main.go >"$file"
