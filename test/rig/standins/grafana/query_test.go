package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// stores answers as Prometheus and Loki do, and notes what it was asked.
func stores(t *testing.T, asked *[]string) string {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.ParseForm()
		user, pass, _ := r.BasicAuth()
		*asked = append(*asked, r.URL.Path+" "+r.Form.Get("query")+" "+user+":"+pass)
		q := r.Form.Get("query")
		switch {
		case strings.HasPrefix(r.URL.Path, "/api/v1/label/"):
			fmt.Fprint(w, `{"status":"success","data":["b","a"]}`)
		case r.URL.Path == "/api/v1/status/buildinfo":
			fmt.Fprint(w, `{"status":"success","data":{"version":"3.13.4","goVersion":"go1.26"}}`)
		case r.URL.Path == "/loki/api/v1/query":
			fmt.Fprint(w, `{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[100,"2"]}]}}`)
		case strings.Contains(q, "broken("):
			w.WriteHeader(400)
			fmt.Fprint(w, `{"status":"error","errorType":"bad_data","error":"parse error"}`)
		case r.URL.Path == "/api/v1/query":
			fmt.Fprint(w, `{"status":"success","data":{"resultType":"vector","result":[{"metric":{"__name__":"up","job":"x"},"value":[100.5,"1"]}]}}`)
		case r.URL.Path == "/api/v1/query_range":
			fmt.Fprint(w, `{"status":"success","data":{"resultType":"matrix","result":[{"metric":{"job":"x"},"values":[[100,"1"],[115,"NaN"],[130,"+Inf"]]}]}}`)
		case r.URL.Path == "/loki/api/v1/query_range":
			fmt.Fprint(w, `{"status":"success","data":{"resultType":"streams","encodingFlags":["categorize-labels"],"result":[{"stream":{"service":"bot"},"values":[["1000000000","old",{"structuredMetadata":{"user_id":"7"}}],["2000000000","new",{}]]}]}}`)
		default:
			w.WriteHeader(404)
		}
	}))
	t.Cleanup(srv.Close)
	return srv.URL
}

func queryRig(t *testing.T, asked *[]string) *rig {
	return newRig(t, map[string]string{"secret": "store-password", "provisioning/datasources/a.yaml": strings.ReplaceAll(`apiVersion: 1
datasources:
  - {name: P, uid: prom, type: prometheus, url: STORE, isDefault: true, basicAuth: true, basicAuthUser: grafana, secureJsonData: {basicAuthPassword: '$__file{DIR/secret}'}, jsonData: {timeInterval: 15s}}
  - {name: L, uid: loki, type: loki, url: STORE}
  - {name: Gone, uid: gone, type: prometheus, url: 'http://127.0.0.1:1'}
  - {name: LGone, uid: loki-gone, type: loki, url: 'http://127.0.0.1:1'}
`, "STORE", stores(t, asked)), "provisioning/dashboards/a.yaml": provider, "dash/d.json": `{"uid":"d","title":"D","time":{"from":"now-1h","to":"now"},
"templating":{"list":[{"name":"job","type":"query","multi":true,"includeAll":true,"datasource":{"type":"prometheus","uid":"prom"},"query":"label_values(up, job)"}]},
"panels":[{"id":1,"type":"stat","datasource":{"type":"prometheus","uid":"prom"},"targets":[{"refId":"A","expr":"sum(rate(up{job=~\"$job\"}[$__rate_interval]))"},{"refId":"B","expr":"broken("}]},
{"id":2,"type":"logs","targets":[{"refId":"A","datasource":{"type":"loki","uid":"loki"},"expr":"{service=\"bot\"}"}]}]}`}).mustUp()
}

func TestQueriesReallyReachTheStoresAndAnswerInFrames(t *testing.T) {
	var asked []string
	r := queryRig(t, &asked)
	body := `{"from":"now-1h","to":"now","queries":[
{"refId":"A","datasource":{"uid":"prom","type":"prometheus"},"expr":"rate(up[$__rate_interval])","range":true,"intervalMs":15000,"maxDataPoints":500},
{"refId":"B","datasource":{"uid":"prom"},"expr":"up","instant":true,"range":false,"legendFormat":"{{job}}!"},
{"refId":"C","datasource":{"uid":"loki"},"expr":"{service=\"bot\"}","queryType":"range"}]}`
	var out struct{ Results map[string]Result }
	raw, _ := json.Marshal(r.want(200, me, "POST", "/api/ds/query", body))
	json.Unmarshal(raw, &out)
	a := out.Results["A"].Frames[0]
	if fmt.Sprint(a.Data.Values) != "[[100000 115000 130000] [1 <nil> <nil>]]" || a.Data.Entities[1]["NaN"] == nil || a.Data.Entities[1]["Inf"] == nil {
		t.Fatal(a.Data)
	}
	if b := out.Results["B"].Frames[0]; b.Schema.Fields[1].Config["displayNameFromDS"] != "x!" {
		t.Fatal(b.Schema)
	}
	c := out.Results["C"].Frames[0]
	if fmt.Sprint(c.Data.Values[2]) != "[new old]" || fmt.Sprint(c.Data.Values[0][1]) != "map[service:bot user_id:7]" {
		t.Fatal(c.Data.Values)
	}
	has(t, strings.Join(asked, "\n"), "/api/v1/query_range rate(up[1m]) grafana:store-password", "/loki/api/v1/query_range {service=\"bot\"} :")
}

func TestQueryErrorsAreTold(t *testing.T) {
	var asked []string
	r := queryRig(t, &asked)
	m := r.want(400, me, "POST", "/api/ds/query", `{"from":"now-1h","to":"now","queries":[{"refId":"A","datasource":{"uid":"prom"},"expr":"broken("},{"refId":"B","datasource":{"uid":"gone"},"expr":"up"},{"refId":"C","datasource":{"uid":"prom"},"expr":"up[$__unknown]"}]}`)
	raw, _ := json.Marshal(m)
	has(t, string(raw), "bad_data: parse error", "connection refused", "$__unknown")
	r.want(404, me, "POST", "/api/ds/query", `{"from":"now-1h","to":"now","queries":[{"refId":"A","datasource":{"uid":"nobody"},"expr":"up"}]}`)
	r.want(200, me, "GET", "/api/datasources/proxy/uid/prom/api/v1/query?query=up", "")
	r.want(403, me, "POST", "/api/datasources/proxy/uid/prom/api/v1/admin/tsdb/delete_series", "")
	r.want(401, "", "POST", "/api/ds/query", "{}")
}

func TestHealthOfADatasource(t *testing.T) {
	var asked []string
	r := queryRig(t, &asked)
	text := func(status int, uid string) string {
		t.Helper()
		raw, _ := json.Marshal(r.want(status, me, "GET", "/api/datasources/uid/"+uid+"/health", ""))
		return string(raw)
	}
	is := func(got, want string) {
		t.Helper()
		if got != want {
			t.Errorf("%s\nwant\n%s", got, want)
		}
	}
	is(text(200, "prom"), `{"details":{"application":"Prometheus","features":{"rulerApiEnabled":false}},"message":"Successfully queried the Prometheus API.","status":"OK"}`)
	is(text(200, "loki"), `{"message":"Data source successfully connected.","status":"OK"}`)
	has(t, text(400, "gone"), `"status":"ERROR"`, "connection refused - There was an error returned querying the Prometheus API.")
	is(text(400, "loki-gone"), `{"message":"Unable to connect with Loki. Please check the server logs for more details.","status":"ERROR"}`)
	is(text(500, "nobody"), `{"message":"Unable to load datasource metadata"}`)
	has(t, strings.Join(asked, "\n"), "/api/v1/query 1+1 grafana:store-password", "/loki/api/v1/query vector(1)+vector(1) :")
	r.want(401, "", "GET", "/api/datasources/uid/prom/health", "")
	r.want(200, me, "GET", "/api/health", "")
}

// plugins.disable_plugins takes bundled datasource plugins away, too; /api/health says nothing of it.
func TestADatasourceWithoutItsPlugin(t *testing.T) {
	var asked []string
	r := queryRig(t, &asked)
	r.down()
	r.mustUp("GF_PLUGINS_DISABLE_PLUGINS=tempo, loki,mysql")
	raw, _ := json.Marshal(r.want(404, me, "GET", "/api/datasources/uid/loki/health", ""))
	if string(raw) != `{"message":"Plugin not registered","messageId":"plugin.notRegistered","statusCode":404}` {
		t.Error(string(raw))
	}
	r.want(404, me, "POST", "/api/ds/query", `{"from":"now-1h","to":"now","queries":[{"refId":"A","datasource":{"uid":"loki"},"expr":"{a=\"b\"}"}]}`)
	r.want(500, me, "GET", "/api/datasources/proxy/uid/loki/loki/api/v1/labels", "")
	r.want(200, me, "GET", "/api/datasources/uid/loki", "")
	r.want(200, me, "GET", "/api/datasources/uid/prom/health", "")
	r.want(200, me, "GET", "/api/health", "")
}

func TestADashboardRunsAsAWhole(t *testing.T) {
	var asked []string
	r := queryRig(t, &asked)
	raw, _ := json.Marshal(r.want(200, me, "GET", "/api/standin/dashboards/uid/d/run", ""))
	var out struct{ Panels []PanelRun }
	json.Unmarshal(raw, &out)
	p := out.Panels
	if len(p) != 2 || p[0].Targets[0].Status != 200 || p[0].Targets[0].Rows != 3 || p[0].Targets[1].Status != 400 || p[1].Targets[0].Rows != 2 {
		t.Fatal(string(raw))
	}
	has(t, p[0].Targets[0].Query, `job=~"(a|b)"`)
	has(t, strings.Join(asked, "\n"), `job=~"(a|b)"`)
	r.want(200, me, "GET", "/api/standin/dashboards/uid/d/run?var-job=a", "")
	has(t, strings.Join(asked, "\n"), `job=~"a"`)
}

func TestSQLMacros(t *testing.T) {
	from := time.Date(2026, 1, 2, 3, 0, 0, 0, time.UTC)
	q := &Query{From: from, To: from.Add(time.Hour)}
	for in, want := range map[string]string{
		"$__timeFilter(created_at)":                    "created_at BETWEEN '2026-01-02T03:00:00Z' AND '2026-01-02T04:00:00Z'",
		"$__timeGroupAlias(coalesce(a, b),'5m')":       "",
		"$__timeGroupAlias(t,$__interval)":             `floor(extract(epoch from t)/60)*60 AS "time"`,
		"$__timeGroup(t, '1h')":                        "floor(extract(epoch from t)/3600)*3600",
		"$__unixEpochFilter(t)":                        "t >= 1767322800 AND t <= 1767326400",
		"select $__nothing(t)":                         "",
		"select * from memories where user_id = $user": "select * from memories where user_id = $user",
	} {
		got, err := q.sqlMacros(in, time.Minute)
		if want == "" {
			if err == nil {
				t.Fatal(in, got)
			}
		} else if err != nil || got != want {
			t.Fatal(in, got, err)
		}
	}
}

func TestRowsBecomeWideSeries(t *testing.T) {
	at := time.UnixMilli(60000)
	tab := &table{names: []string{"time", "metric", "value"}, kinds: []string{"time", "string", "number"},
		rows: [][]any{{at, "a", 1.0}, {at, "b", 2.0}, {at.Add(time.Minute), "a", 3.0}}}
	frames, err := tab.wide("A", nil)
	if err != nil {
		t.Fatal(err)
	}
	if f := frames[0]; fmt.Sprint(f.Data.Values) != "[[60000 120000] [1 3] [2 <nil>]]" || f.Schema.Fields[2].Name != "b" {
		t.Fatal(f)
	}
	if _, err := (&table{names: []string{"x"}, kinds: []string{"number"}}).wide("A", nil); err == nil {
		t.Fatal("no time column, no error")
	}
}
