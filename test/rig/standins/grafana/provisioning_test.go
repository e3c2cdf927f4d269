package main

import (
	"os"
	"strings"
	"testing"
	"time"
)

const datasourcesYAML = `apiVersion: 1
prune: true
datasources:
  - {name: Loki, uid: loki, type: loki, access: proxy, url: "http://loki:3100", isDefault: true, editable: false}
  - name: Prometheus
    uid: prom
    type: prometheus
    url: http://prometheus:9090
    basicAuth: true
    basicAuthUser: grafana
    secureJsonData: {basicAuthPassword: "$__file{DIR/prom-password}"}
`

func listed(r *rig) []string {
	var out []string
	r.g.store.View(func(db *DB) error {
		for _, d := range db.Datasources {
			out = append(out, d.Name)
		}
		return nil
	})
	return out
}

func TestDatasourcesAreProvisionedPrunedAndTheirSecretsSealed(t *testing.T) {
	r := newRig(t, map[string]string{"provisioning/datasources/all.yaml": datasourcesYAML, "prom-password": "canary-secret\n"}).mustUp()
	d := r.want(200, me, "GET", "/api/datasources/uid/prom", "")
	if d["readOnly"] != true || d["secureJsonFields"].(map[string]any)["basicAuthPassword"] != true {
		t.Fatal(d)
	}
	r.want(403, me, "DELETE", "/api/datasources/uid/prom", "")
	raw, _ := os.ReadFile(r.path("data/grafana-standin.json"))
	if strings.Contains(string(raw), "canary-secret") {
		t.Fatal("a datasource's secret lies in the database in clear")
	}
	r.write("provisioning/datasources/all.yaml", "apiVersion: 1\nprune: true\ndatasources:\n  - {name: Loki, uid: loki, type: loki, url: 'http://loki:3100'}\n")
	r.want(200, me, "POST", "/api/admin/provisioning/datasources/reload", "")
	if got := listed(r); len(got) != 1 {
		t.Fatal(got)
	}
	r.write("provisioning/datasources/all.yaml", "apiVersion: 1\ndeleteDatasources:\n  - {name: Loki, orgId: 1}\n")
	r.want(200, me, "POST", "/api/admin/provisioning/datasources/reload", "")
	if got := listed(r); len(got) != 0 {
		t.Fatal(got)
	}
}

func TestBadDatasourcesAreRefusedAtStartAndAtReload(t *testing.T) {
	one := func(s string) string { return "apiVersion: 1\ndatasources:\n" + s }
	good := "  - {name: P, uid: p, type: prometheus, url: 'http://p'}\n"
	for name, c := range map[string]struct{ yaml, says string }{
		"malformed":        {"apiVersion: 1\ndatasources: [", "yaml"},
		"unknown key":      {one("  - {name: P, type: prometheus, url: 'http://p', isdefault: true}\n"), "isdefault"},
		"unknown top key":  {"apiVersion: 1\ndatasource: []\n", "datasource"},
		"no type":          {one("  - {name: P, url: 'http://p'}\n"), "type is missing"},
		"no url":           {one("  - {name: P, type: prometheus}\n"), "url is missing"},
		"no name":          {one("  - {type: prometheus, url: 'http://p'}\n"), "name is missing"},
		"unknown type":     {one("  - {name: P, type: prometeus, url: 'http://p'}\n"), `does not know the type "prometeus"`},
		"unknown jsonData": {one("  - {name: P, type: loki, url: 'http://p', jsonData: {derivedField: []}}\n"), "jsonData.derivedField"},
		"same name":        {one(good + "  - {name: P, uid: q, type: loki, url: 'http://l'}\n"), `name "P" is used twice`},
		"same uid":         {one(good + "  - {name: Q, uid: p, type: loki, url: 'http://l'}\n"), `uid "p" is used by`},
		"two defaults":     {one("  - {name: P, uid: p, type: prometheus, url: 'http://p', isDefault: true}\n  - {name: Q, uid: q, type: loki, url: 'http://p', isDefault: true}\n"), "Only one datasource"},
		"no such file":     {one("  - {name: P, type: loki, url: 'http://p', secureJsonData: {basicAuthPassword: '$__file{/no/such}'}}\n"), "/no/such"},
		"dollar in secret": {one("  - {name: P, type: loki, url: 'http://p', secureJsonData: {basicAuthPassword: '$__file{DIR/dollar}'}}\n"), "dollar"},
		"no api version":   {"datasources:\n" + good, "apiVersion"},
		"two documents":    {one(good) + "---\napiVersion: 1\n", "more"},
		"bad boolean":      {one("  - {name: P, type: loki, url: 'http://p', editable: nope}\n"), "not true or false"},
		"derived field":    {one("  - {name: P, uid: p, type: loki, url: 'http://p', jsonData: {derivedFields: [{name: c, matcherRegex: 'x(y)', datasourceUid: gone}]}}\n"), `uid "gone"`},
		"sslmode":          {one("  - {name: P, type: postgres, url: 'db:5432', user: u, jsonData: {database: d}}\n"), "sslmode"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, map[string]string{"dollar": "a$bc", "provisioning/datasources/a.yaml": c.yaml})
			err := r.up()
			if err == nil {
				t.Fatal("started")
			}
			has(t, err.Error(), c.says, "Datasource provisioning error")
		})
	}
	r := newRig(t, map[string]string{"provisioning/datasources/a.yaml": one(good)}).mustUp()
	r.write("provisioning/datasources/a.yaml", one("  - {name: P, uid: p}\n"))
	m := r.want(500, me, "POST", "/api/admin/provisioning/datasources/reload", "")
	if m["message"] != "Internal Server Error" { // as in Grafana the reason is in the log only
		t.Fatal(m)
	}
	has(t, r.log.String(), "type is missing")
	r.write("provisioning/datasources/a.yaml", one("  - {name: P, uid: other, type: prometheus, url: 'http://p'}\n"))
	r.want(500, me, "POST", "/api/admin/provisioning/datasources/reload", "")
	has(t, r.log.String(), "keep the uid")
	if got := listed(r); len(got) != 1 {
		t.Fatal("a refused file changed something", got)
	}
}

func TestOtherProvisioningIsChecked(t *testing.T) {
	for file, c := range map[string][2]string{
		"plugins/a.yaml":    {"apiVersion: 1\napps: [{type: some-app}]\n", "plugin not installed"},
		"alerting/a.yaml":   {"apiVersion: 1\ngroups: [{name: g, folder: f, interval: 1m, rules: [{uid: u, title: t, condition: A, data: [{refId: A, datasourceUid: gone}]}]}]\n", `uid "gone"`},
		"alerting/b.yaml":   {"apiVersion: 1\ngroupz: []\n", "groupz"},
		"dashboards/a.yaml": {"apiVersion: 1\nproviders: [{name: a, folderr: x, options: {path: /x}}]\n", "folderr"},
		"dashboards/b.yaml": {"apiVersion: 1\nproviders: [{name: a, folder: x, options: {path: /x, foldersFromFilesStructure: true}}]\n", "should be empty"},
		"datasource/a.yaml": {"apiVersion: 1\n", `does not know "datasource"`},
	} {
		if err := newRig(t, map[string]string{"provisioning/" + file: c[0]}).up(); err == nil {
			t.Fatal(file, "accepted")
		} else {
			has(t, err.Error(), c[1])
		}
	}
}

const provider = `apiVersion: 1
providers:
  - {name: taffrail, type: file, disableDeletion: false, allowUiUpdates: false, updateIntervalSeconds: 1, options: {path: DIR/dash, foldersFromFilesStructure: true}}
`

func dash(uid, title, datasource string) string {
	return `{"uid":"` + uid + `","title":"` + title + `","panels":[{"id":1,"type":"row","panels":[{"id":2,"type":"timeseries","title":"p","targets":[{"refId":"A","expr":"up","datasource":{"type":"prometheus","uid":"` + datasource + `"}}]}]}]}`
}

func problems(r *rig) string {
	var b strings.Builder
	for _, p := range r.g.problems.List() {
		b.WriteString(p.Kind + " " + p.Where + " " + p.Message + "\n")
	}
	return b.String()
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(5 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if ok() {
			return
		}
	}
	t.Fatal("never: " + what)
}

func TestDashboardsFollowTheirFiles(t *testing.T) {
	r := newRig(t, map[string]string{"provisioning/datasources/a.yaml": strings.ReplaceAll(datasourcesYAML, "$__file{DIR/prom-password}", "x"),
		"provisioning/dashboards/a.yaml": provider, "dash/System/one.json": dash("one", "One", "prom"), "dash/two.json": dash("two", "Two", "prom")}).mustUp()
	m := r.want(200, me, "GET", "/api/dashboards/uid/one", "")["meta"].(map[string]any)
	if m["provisioned"] != true || m["folderTitle"] != "System" || m["canSave"] != false {
		t.Fatal(m)
	}
	r.want(400, me, "POST", "/api/dashboards/db", `{"overwrite":true,"dashboard":{"uid":"one","title":"Mine"}}`)
	r.want(200, me, "POST", "/api/dashboards/db", `{"dashboard":{"title":"By hand"}}`)
	r.write("dash/two.json", dash("two", "Two, renamed", "prom"))
	eventually(t, "a changed file is read", func() bool {
		return r.want(200, me, "GET", "/api/dashboards/uid/two", "")["dashboard"].(map[string]any)["title"] == "Two, renamed"
	})
	os.Remove(r.path("dash/System/one.json"))
	eventually(t, "a removed file's dashboard goes", func() bool { s, _, _ := r.call(me, "GET", "/api/dashboards/uid/one", ""); return s == 404 })
	r.write("provisioning/dashboards/a.yaml", "apiVersion: 1\n")
	r.want(200, me, "POST", "/api/admin/provisioning/dashboards/reload", "")
	r.want(404, me, "GET", "/api/dashboards/uid/two", "")
}

func TestUIUpdatesLastUntilTheFileChanges(t *testing.T) {
	r := newRig(t, map[string]string{"provisioning/dashboards/a.yaml": strings.Replace(provider, "allowUiUpdates: false", "allowUiUpdates: true", 1),
		"dash/one.json": `{"uid":"one","title":"One"}`}).mustUp()
	r.want(200, me, "POST", "/api/dashboards/db", `{"overwrite":true,"dashboard":{"uid":"one","title":"Mine"}}`)
	r.want(200, me, "POST", "/api/admin/provisioning/dashboards/reload", "")
	title := func() any {
		return r.want(200, me, "GET", "/api/dashboards/uid/one", "")["dashboard"].(map[string]any)["title"]
	}
	if title() != "Mine" {
		t.Fatal(title())
	}
	r.write("dash/one.json", `{"uid":"one","title":"From file"}`)
	r.want(200, me, "POST", "/api/admin/provisioning/dashboards/reload", "")
	if title() != "From file" {
		t.Fatal(title())
	}
}

func TestBrokenDashboardsAreSkippedAndReported(t *testing.T) {
	r := newRig(t, map[string]string{"provisioning/datasources/a.yaml": strings.ReplaceAll(datasourcesYAML, "$__file{DIR/prom-password}", "x"),
		"provisioning/dashboards/a.yaml": provider,
		"dash/a.json":                    `{"uid":"a",`, "dash/b.json": `{"title":"no uid"}`, "dash/c.json": `{"uid":"c"}`,
		"dash/d.json": dash("d", "D", "gone"), "dash/e.json": dash("d", "E", "prom"), "dash/f.json": dash("f", "D", "prom"), "dash/g.json": dash("g", "G", "loki"),
		"dash/ok.json": dash("ok", "OK", "prom")}).mustUp()
	r.want(200, me, "GET", "/api/dashboards/uid/ok", "")
	r.want(404, me, "GET", "/api/dashboards/uid/f", "")
	got := problems(r)
	has(t, got, "a.json invalid JSON", "b.json the dashboard has no uid", "c.json Dashboard title cannot be empty", `no data source with the uid "gone"`,
		"e.json the same 'uid' or 'title'", "f.json the same 'uid' or 'title'", `of type loki, not prometheus`)
	has(t, r.log.String(), "failed to load dashboard")
	if strings.Contains(got, "ok.json") {
		t.Fatal(got)
	}
}

func TestOutgoingConnectionsAreReported(t *testing.T) {
	r := newRig(t, nil).mustUp()
	has(t, problems(r), "analytics.reporting_enabled", "plugins.preinstall_auto_update", "news.news_feed_enabled")
	r.down()
	r.mustUp("GF_ANALYTICS_REPORTING_ENABLED=false", "GF_ANALYTICS_CHECK_FOR_UPDATES=false", "GF_ANALYTICS_CHECK_FOR_PLUGIN_UPDATES=false",
		"GF_NEWS_NEWS_FEED_ENABLED=false", "GF_SECURITY_DISABLE_GRAVATAR=true", "GF_SNAPSHOTS_EXTERNAL_ENABLED=false",
		"GF_PLUGINS_PUBLIC_KEY_RETRIEVAL_DISABLED=true", "GF_PLUGINS_PREINSTALL_DISABLED=true")
	if got := problems(r); got != "" {
		t.Fatal(got)
	}
}
