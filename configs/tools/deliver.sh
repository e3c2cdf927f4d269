# deliver.sh REVISION [flat | steady FOLDER]: the staged files become the current ones; what was there before goes.
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
if [ "${2:-}" = steady ]; then
  # For a program that knows a file by its path, links resolved: a folder that stays, file by file.
  mkdir -p "$3"
  (cd "$3" && find . -type f) | while read -r file; do
    [ -e "current/$3/$file" ] || rm -f "$3/$file"
  done
  (cd "current/$3" && find . -type f) | while read -r file; do
    cmp -s "current/$3/$file" "$3/$file" && continue
    mkdir -p "$3/${file%/*}"
    cp "current/$3/$file" .file && mv -f .file "$3/$file"
  done
  find "$3" -mindepth 1 -depth -type d -exec rmdir {} + 2>/dev/null || :
fi
for old in *; do
  case $old in current | "$1" | "${3:-current}") ;; *) rm -rf "$old" ;; esac
done
echo "delivered $1: $(find "$1/" -type f | wc -l) files"
