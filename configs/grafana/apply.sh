# apply.sh PORT ADMIN PASSWORD_FILE FOLDER SECRETS DATA: reloads, compares, and makes the further users those of the
# settings. DATA/taffrail-* keep what Taffrail brought, to see it go: datasources and dashboards by uid, users by id (a
# user may change login and name). What people made themselves is in none of them.
set -eu
. /taffrail/http.sh
port=$1
ready /api/health
basic "$2" "$3"
headers="${headers}Content-Type: application/json\r\n"
expect 200 GET /api/user
admin=$(sed 's/.*"id":\([0-9]*\).*/\1/' /tmp/body)
kept=$6/taffrail
made=$kept-users
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

: >>"$made"
: >/tmp/wanted
tab=$(printf '\t')
while IFS=$tab read -r login email role file; do
  [ "$email" != - ] || email=''
  password=$(escaped "$(cat "$5/$file")")
  login=$(escaped "$login")
  request GET "/api/users/lookup?loginOrEmail=$login"
  if [ "$status" = 404 ]; then
    expect 200 POST /api/admin/users "{\"login\":\"$login\",\"name\":\"$login\",\"email\":\"$email\",\"password\":\"$password\"}"
    expect 200 GET "/api/users/lookup?loginOrEmail=$login"
  fi
  id=$(sed 's/.*"id":\([0-9]*\).*/\1/' /tmp/body)
  echo "$id" >>/tmp/wanted
  # At once: a job that is killed now must still know it.
  echo "$id" >>"$made"
  expect 200 PUT "/api/admin/users/$id/password" "{\"password\":\"$password\"}"
  expect 200 PATCH "/api/org/users/$id" "{\"role\":\"$role\"}"
done </tmp/users
# Who is no longer in the settings goes; users of people's own making and of OAuth stay.
sort -u "$made" | while read -r id; do
  [ "$id" != "$admin" ] && ! grep -qx "$id" /tmp/wanted || continue
  request DELETE "/api/admin/users/$id"
  case $status in 200 | 404) ;; *) fail "Grafana does not delete the user $id, who is no longer in grafana.users:" ;; esac
  expect 404 GET "/api/users/$id"
  echo "deleted the user $id, who is no longer in grafana.users"
done
cp /tmp/wanted "$made.new" && mv -f "$made.new" "$made"
echo "Grafana runs $(cut -d ' ' -f 1 /tmp/expected-datasources | uniq | wc -l) datasources, $(wc -l </tmp/expected-dashboards) dashboards, $(wc -l </tmp/users) further users"
