# apply.sh PORT ADMIN PASSWORD_FILE FOLDER SECRETS DATA STACK: reloads, compares, and makes the further users those of the
# settings. DATA/taffrail-* keep what Taffrail brought, to see it go: datasources and dashboards by uid, users by id (a
# user may change login and name), and the administrator's name. What people made themselves is in none of them.
set -eu
. /taffrail/http.sh
port=$1
ready /api/health
basic "$2" "$3"
headers="${headers}Content-Type: application/json\r\n"
kept=$6/taffrail
made=$kept-users
id_in_answer() {
  # The answer may end without a line's end.
  echo "$(sed 's/.*"id":\([0-9]*\).*/\1/' /tmp/body)"
}

# The password was set just before, by the number of the user: only the name can be another.
request GET /api/user
if [ "$status" = 401 ]; then
  rm -f /tmp/body
  old=''
  [ ! -s "$kept-admin" ] || read -r old <"$kept-admin"
  [ -z "$old" ] || [ "$old" = "$2" ] ||
    fail "grafana.adminUser is now $2, but Grafana takes it at its first start only: it is still $old.
Type: pulumi config set -s $7 --path taffrail:grafana.adminUser $old"
  fail "Grafana refuses $2 the password of the settings: grafana.adminUser counts at its first start only and was changed
since, or the administrator was renamed in the browser. (After five wrong passwords it refuses every one for five minutes.)
Type the name in force, then npm run up -- -s $7:
  pulumi config set -s $7 --path taffrail:grafana.adminUser <name>"
fi
[ "$status" = 200 ] || fail "GET /api/user answered ${status:-nothing} instead of 200:"
admin=$(id_in_answer)
echo "$2" >"$kept-admin"

expect 200 POST /api/admin/provisioning/datasources/reload '{}'
expect 200 POST /api/admin/provisioning/dashboards/reload '{}'

for list in expected-datasources expected-dashboards users; do
  sed 1d "$4/$list" >"/tmp/$list"
done
for kind in datasources dashboards; do
  # At once: a job that is killed now must still know them.
  sed 's/ .*/ -/' "/tmp/expected-$kind" >>"$kept-$kind"
done

# holds FIELD: whether the answer has it, as it stands.
holds() {
  tr ',{}' '\n\n\n' </tmp/body >/tmp/fields
  grep -qxF -e "$1" /tmp/fields
}
# eventually MESSAGE COMMAND...: dashboards are read from files in the background.
eventually() {
  message=$1 tries=0
  shift
  until "$@"; do
    tries=$((tries + 1))
    [ $tries -lt 60 ] || fail "$message"
    sleep 0.5
  done
}
runs() {
  request GET "/api/dashboards/uid/$uid"
  [ "$status" = 200 ] || return 1
  # Where people may edit it, the file's content counts once: from then on theirs does.
  holds "\"revision\":$revision" ||
    { [ "$by" = editable ] && grep -qxF -e "$uid $revision $by" "$kept-dashboards"; }
}
gone() {
  request "$@"
  [ "$status" = 404 ]
}
# left KIND PATH: what the settings no longer have must be gone.
left() {
  cut -d ' ' -f 1 "$kept-$1" | sort -u >/tmp/before
  while read -r uid; do
    grep -q "^$uid " "/tmp/expected-$1" ||
      eventually "Grafana still has $uid among its $1, which the settings no longer have:" gone GET "$2/$uid"
  done </tmp/before
  cp "/tmp/expected-$1" "$kept-$1.new" && mv -f "$kept-$1.new" "$kept-$1"
}

asked=''
while read -r uid field; do
  [ "$uid" = "$asked" ] || expect 200 GET "/api/datasources/uid/$uid"
  asked=$uid
  holds "$field" || fail "Grafana runs another datasource $uid than the one with $field:"
done </tmp/expected-datasources
left datasources /api/datasources/uid

while read -r uid revision by; do
  eventually "Grafana does not run the dashboard $uid as it was written (revision $revision); its container's log says why:" runs
  echo "$uid $revision $by" >>"$kept-dashboards"
done </tmp/expected-dashboards
left dashboards /api/dashboards/uid

escaped() {
  printf '%s' "$1" | sed 's/\\/\\\\/g; s/"/\\"/g'
}
lookup() {
  request GET "/api/users/lookup?loginOrEmail=$login"
  case $status in 200 | 404) ;; *) fail "Grafana does not say whether it has the user $login:" ;; esac
}
# says NAME VALUE: whether the answer has it; Grafana keeps small letters only.
says() {
  tr ',{}' '\n\n\n' </tmp/body | grep -qixF -e "\"$1\":\"$2\""
}
is_as_written() {
  expect 200 GET "/api/users/$id"
  says login "$login" && says email "$email"
}

: >>"$made"
# A job was killed while it made this user.
if [ -s "$kept-making" ]; then
  read -r login <"$kept-making"
  lookup
  [ "$status" = 404 ] || id_in_answer >>"$made"
  rm -f "$kept-making"
fi

tab=$(printf '\t')
: >/tmp/wanted
at=0
while IFS=$tab read -r login email role file; do
  setting="taffrail:grafana.users[$at].login"
  at=$((at + 1))
  lookup
  [ "$status" = 200 ] || continue
  id=$(id_in_answer)
  # Also one that an older Taffrail has put on record.
  if [ "$id" = "$admin" ] || ! grep -qx "$id" "$made"; then
    rm -f /tmp/body
    [ "$id" != "$admin" ] || fail "$login is the administrator's own name or address. Type another for the further user:
  pulumi config set -s $7 --path '$setting' <login>"
    fail "Grafana has a user $login already whom Taffrail did not make, but somebody in the browser, or OAuth: it is not taken over.
Remove it in Grafana (Administration > Users), then type npm run up -- -s $7; or type another login for yours:
  pulumi config set -s $7 --path '$setting' <login>"
  fi
  echo "$id" >>/tmp/wanted
done </tmp/users

# Who is no longer in the settings goes, before another takes the address; users of people's own making and of OAuth stay.
sort -u "$made" | while read -r id; do
  [ "$id" != "$admin" ] && ! grep -qx "$id" /tmp/wanted || continue
  request DELETE "/api/admin/users/$id"
  case $status in 200 | 404) ;; *) fail "Grafana does not delete the user $id, who is no longer in grafana.users:" ;; esac
  expect 404 GET "/api/users/$id"
  echo "deleted the user $id, who is no longer in grafana.users"
done
cp /tmp/wanted "$made.new" && mv -f "$made.new" "$made"

# rewritten ADDRESS: gives the user that name and that address; the display name is a person's own.
rewritten() {
  name=$(sed -nE 's/.*"name":"(([^"\\]|\\.)*)".*/\1/p' /tmp/body)
  expect 200 PUT "/api/users/$id" "{\"login\":\"$login\",\"name\":\"$name\",\"email\":\"$1\"}"
}
# Whose address changes gives it up first: another of the list may get it.
while IFS=$tab read -r login email role file; do
  lookup
  [ "$status" = 200 ] || continue
  id=$(id_in_answer)
  is_as_written || rewritten "$login"
done </tmp/users

while IFS=$tab read -r login email role file; do
  password=$(escaped "$(cat "$5/$file")")
  lookup
  if [ "$status" = 404 ]; then
    # At once: a job that is killed now must still know it.
    echo "$login" >"$kept-making"
    request POST /api/admin/users "{\"login\":\"$login\",\"name\":\"$login\",\"email\":\"$email\",\"password\":\"$password\"}"
    if [ "$status" != 200 ]; then
      [ -z "$status" ] || rm -f "$kept-making"
      fail "POST /api/admin/users answered ${status:-nothing} instead of 200:"
    fi
    id_in_answer >>"$made"
    rm -f "$kept-making"
  fi
  id=$(id_in_answer)
  if ! is_as_written; then
    rewritten "$email"
    is_as_written || fail "Grafana does not take the login $login and the address $email for the user $id:"
  fi
  expect 200 PUT "/api/admin/users/$id/password" "{\"password\":\"$password\"}"
  expect 200 PATCH "/api/org/users/$id" "{\"role\":\"$role\"}"
done </tmp/users
echo "Grafana runs $(cut -d ' ' -f 1 /tmp/expected-datasources | uniq | wc -l) datasources, $(wc -l </tmp/expected-dashboards) dashboards, $(wc -l </tmp/users) further users"
