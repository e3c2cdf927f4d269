# deliver.sh REVISION [flat]: the staged files become the current ones; what was there before goes.
set -eu
umask 022
cd /target
if [ "${2:-}" = flat ]; then
  # For a program that reads one fixed folder, at its start only.
  find . -type f | while read -r old; do
    [ -e "/staging/$old" ] || rm -f "$old"
  done
  cp -R /staging/. .
  echo "delivered $1: $(find . -type f | wc -l) files"
  exit
fi
# In one step: a link is renamed over the old one.
rm -rf .new && cp -R /staging .new
rm -rf "$1" && mv .new "$1"
ln -sfn "$1" .link && mv -T .link current
for old in *; do
  case $old in current | "$1") ;; *) rm -rf "$old" ;; esac
done
echo "delivered $1: $(find "$1/" -type f | wc -l) files"
