package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
)

// TestPostgresForReal needs a server: STANDIN_POSTGRES=host:port/database/user/password. Its user may create tables.
func TestPostgresForReal(t *testing.T) {
	p := strings.Split(os.Getenv("STANDIN_POSTGRES"), "/")
	if len(p) != 4 {
		t.Skip("STANDIN_POSTGRES is not set")
	}
	r := newRig(t, map[string]string{"secret": p[3] + "\n", "provisioning/datasources/a.yaml": fmt.Sprintf(`apiVersion: 1
datasources:
  - {name: DB, uid: db, type: grafana-postgresql-datasource, url: '%s', user: %s, jsonData: {database: %s, sslmode: disable}, secureJsonData: {password: '$__file{DIR/secret}'}}
`, p[0], p[2], p[1])}).mustUp()
	r.want(200, me, "GET", "/api/datasources/uid/db/health", "")
	query := func(status int, sql, format string) Result {
		t.Helper()
		body, _ := json.Marshal(map[string]any{"from": "now-1h", "to": "now", "queries": []any{map[string]any{"refId": "A", "rawSql": sql, "format": format,
			"datasource": map[string]string{"uid": "db"}}}})
		raw, _ := json.Marshal(r.want(status, me, "POST", "/api/ds/query", string(body)))
		var out struct{ Results map[string]Result }
		json.Unmarshal(raw, &out)
		return out.Results["A"]
	}
	a := query(200, `SELECT 1 AS i, 2.5::numeric AS n, 'x' AS s, true AS b, NULL::text AS empty, to_timestamp(100) AS at, '{"k": 1}'::jsonb AS j,
		'6ba7b810-9dad-11d1-80b4-00c04fd430c8'::uuid AS u, interval '90 seconds' AS d, ARRAY['a','b'] AS l`, "table").Frames[0]
	if got := fmt.Sprint(a.Data.Values); got != `[[1] [2.5] [x] [true] [<nil>] [100000] [{"k":1}] [6ba7b810-9dad-11d1-80b4-00c04fd430c8] [1m30s] [["a","b"]]]` {
		t.Fatal(got)
	}
	b := query(200, `SELECT $__timeGroupAlias(t, '30m'), 'jobs' AS metric, count(*)::int AS value
		FROM (VALUES (now() - interval '50 minutes'), (now() - interval '2 days')) AS v(t) WHERE $__timeFilter(t) GROUP BY 1 ORDER BY 1`, "time_series").Frames[0]
	if b.rows() != 1 || b.Schema.Fields[1].Name != "jobs" {
		t.Fatal(b)
	}
	if e := query(400, "SELECT nothing FROM nowhere", "table"); !strings.Contains(e.Error, "nowhere") {
		t.Fatal(e)
	}
}
