# apply.sh PORT ADMIN PASSWORD_FILE FOLDER SECRETS DATA: reloads, compares, and makes the further users those of the
# settings. DATA/taffrail-users keeps the ids of those that Taffrail made: a user may change login and name.
set -eu
. /taffrail/http.sh
port=$1
ready /api/health
basic "$2" "$3"
headers="${headers}Content-Type: application/json\r\n"
expect 200 GET /api/user
admin=$(sed 's/.*"id":\([0-9]*\).*/\1/' /tmp/body)
made=$6/taffrail-users
expect 200 POST /api/admin/provisioning/datasources/reload '{}'
expect 200 POST /api/admin/provisioning/dashboards/reload '{}'

for list in expected-datasources expected-dashboards users; do
  sed 1d "$4/$list" >"/tmp/$list"
done

while read -r uid type url; do
  expect 200 GET "/api/datasources/uid/$uid"
  grep -q "\"type\":\"[a-z-]*$type[a-z-]*\"" /tmp/body && grep -q "\"url\":\"$url\"" /tmp/body ||
    fail "Grafana runs another datasource $uid than the one for $url:"
done </tmp/expected-datasources

while read -r uid; do
  # Dashboards are read from files in the background.
  tries=0
  until request GET "/api/dashboards/uid/$uid" && [ "$status" = 200 ]; do
    tries=$((tries + 1))
    [ $tries -lt 60 ] || fail "Grafana did not take the dashboard $uid; its container's log says why:"
    sleep 0.5
  done
done </tmp/expected-dashboards

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
echo "Grafana runs $(wc -l </tmp/expected-datasources) datasources, $(wc -l </tmp/expected-dashboards) dashboards, $(wc -l </tmp/users) further users"
