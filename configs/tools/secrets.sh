# secrets.sh UID:GID: each staged secret becomes a file that only its consumer can read; others go.
set -eu
umask 277
trap 'rm -rf /staging' EXIT
cd /staging
for name in *; do
  cp "$name" "/target/.$name"
  chmod 0400 "/target/.$name"
  chown "$1" "/target/.$name"
  mv -f "/target/.$name" "/target/$name"
done
cd /target
for name in *; do
  [ -e "/staging/$name" ] || rm -f "$name"
done
echo "secrets: $(ls | wc -l)"
