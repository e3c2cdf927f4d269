package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

func (g *Grafana) datasourceRoutes(on func(string, need, func(*Ctx))) {
	on("GET /api/datasources", admin, (*Ctx).datasources)
	on("GET /api/datasources/uid/{uid}", admin, func(c *Ctx) { c.withDatasource(func(d *Datasource) { c.json(200, show(d)) }) })
	on("GET /api/datasources/name/{name}", admin, (*Ctx).datasourceByName)
	on("DELETE /api/datasources/uid/{uid}", admin, (*Ctx).deleteDatasource)
	on("PUT /api/datasources/uid/{uid}", admin, func(c *Ctx) {
		c.withDatasource(func(d *Datasource) {
			if d.ReadOnly {
				c.msg(403, "Cannot update read-only data source")
				return
			}
			c.msg(501, "the Grafana stand-in changes data sources by provisioning only")
		})
	})
	on("GET /api/datasources/uid/{uid}/health", signedIn, (*Ctx).datasourceHealth)
	for _, method := range []string{"GET", "POST"} {
		on(method+" /api/datasources/proxy/uid/{uid}/{path...}", signedIn, func(c *Ctx) { c.withDatasource(c.proxy) })
	}
	on("GET /api/datasources/uid/{uid}/resources/{path...}", signedIn, func(c *Ctx) { c.withDatasource(c.proxy) })
	on("POST /api/ds/query", signedIn, (*Ctx).dsQuery)
}

func show(d *Datasource) map[string]any {
	fields := map[string]bool{}
	for k := range d.Sealed {
		fields[k] = true
	}
	return map[string]any{"id": d.ID, "uid": d.UID, "orgId": d.OrgID, "name": d.Name, "type": d.Type, "typeLogoUrl": "", "access": d.Access,
		"url": d.URL, "user": d.User, "database": d.Database, "basicAuth": d.BasicAuth, "basicAuthUser": d.BasicAuthUser,
		"withCredentials": d.WithCredentials, "isDefault": d.IsDefault, "jsonData": d.JSONData, "secureJsonFields": fields,
		"version": d.Version, "readOnly": d.ReadOnly, "apiVersion": ""}
}

func (c *Ctx) datasources() {
	out := []map[string]any{}
	err := c.g.store.View(func(db *DB) error {
		for _, d := range db.Datasources {
			out = append(out, show(d))
		}
		return nil
	})
	slices.SortFunc(out, func(a, b map[string]any) int { return strings.Compare(a["name"].(string), b["name"].(string)) })
	c.done(err, out)
}

// datasource returns a copy, or nil.
func (g *Grafana) datasource(pick func(*Datasource) bool) *Datasource {
	var out *Datasource
	g.store.View(func(db *DB) error {
		if d := find(db.Datasources, pick); d != nil {
			copied := *d
			out = &copied
		}
		return nil
	})
	return out
}

func (c *Ctx) withDatasource(fn func(*Datasource)) {
	uid := c.r.PathValue("uid")
	d := c.g.datasource(func(d *Datasource) bool { return d.UID == uid })
	if d == nil {
		c.fail(404, "Data source not found", "")
		return
	}
	fn(d)
}

func (c *Ctx) datasourceByName() {
	d := c.g.datasource(func(d *Datasource) bool { return d.Name == c.r.PathValue("name") })
	if d == nil {
		c.fail(404, "Data source not found", "")
		return
	}
	c.json(200, show(d))
}

func (c *Ctx) deleteDatasource() {
	err := c.g.store.Update(func(db *DB) error {
		d := db.Datasource(c.r.PathValue("uid"))
		if d == nil {
			return refusal{404, "Data source not found"}
		}
		if d.ReadOnly {
			return refusal{403, "Cannot delete read-only data source"}
		}
		db.Datasources = slices.DeleteFunc(db.Datasources, func(x *Datasource) bool { return x == d })
		return nil
	})
	c.done(err, map[string]any{"message": "Data source deleted"})
}

// client builds what talks to an HTTP datasource: credentials, headers, TLS, no environment proxy.
func (g *Grafana) client(d *Datasource) (*http.Client, func(*http.Request), error) {
	secret, err := g.open(d)
	if err != nil {
		return nil, nil, err
	}
	conf := &tls.Config{MinVersion: tls.VersionTLS12}
	if on, _ := d.JSONData["tlsSkipVerify"].(bool); on {
		conf.InsecureSkipVerify = true
	}
	conf.ServerName, _ = d.JSONData["serverName"].(string)
	if on, _ := d.JSONData["tlsAuthWithCACert"].(bool); on {
		conf.RootCAs = x509.NewCertPool()
		if !conf.RootCAs.AppendCertsFromPEM([]byte(secret["tlsCACert"])) {
			return nil, nil, fmt.Errorf("data source %q: tlsCACert is no certificate", d.Name)
		}
	}
	if on, _ := d.JSONData["tlsAuth"].(bool); on {
		pair, err := tls.X509KeyPair([]byte(secret["tlsClientCert"]), []byte(secret["tlsClientKey"]))
		if err != nil {
			return nil, nil, err
		}
		conf.Certificates = []tls.Certificate{pair}
	}
	prepare := func(r *http.Request) {
		if d.BasicAuth {
			r.SetBasicAuth(d.BasicAuthUser, secret["basicAuthPassword"])
		}
		for k, v := range d.JSONData {
			if n, ok := strings.CutPrefix(k, "httpHeaderName"); ok {
				r.Header.Set(fmt.Sprint(v), secret["httpHeaderValue"+n])
			}
		}
		r.Header.Set("User-Agent", "Grafana/"+version+" (stand-in)")
	}
	timeout := time.Duration(g.cfg.Int("dataproxy.timeout")) * time.Second
	return &http.Client{Timeout: timeout, Transport: &http.Transport{TLSClientConfig: conf, DisableKeepAlives: true}}, prepare, nil
}

// upstream calls a datasource. form, if any, is posted. Errors: the connection's only.
func (g *Grafana) upstream(ctx context.Context, d *Datasource, method, path string, query url.Values, form []byte, header http.Header) (status int, body []byte, contentType string, err error) {
	client, prepare, err := g.client(d)
	if err != nil {
		return 0, nil, "", err
	}
	target := strings.TrimRight(d.URL, "/") + "/" + strings.TrimLeft(path, "/")
	if len(query) > 0 {
		target += "?" + query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, method, target, bytes.NewReader(form))
	if err != nil {
		return 0, nil, "", err
	}
	for k, v := range header {
		req.Header[k] = v
	}
	prepare(req)
	res, err := client.Do(req)
	if err != nil {
		return 0, nil, "", err
	}
	defer res.Body.Close()
	body, err = io.ReadAll(res.Body)
	return res.StatusCode, body, res.Header.Get("Content-Type"), err
}

// datasourceHealth is pkg/api/datasources.go, CheckDatasourceHealthWithUID: 200 or 400 with what the plugin says; 404
// for a plugin that is not there; 500, not 404, for a data source that is not.
func (c *Ctx) datasourceHealth() {
	uid := c.r.PathValue("uid")
	d := c.g.datasource(func(d *Datasource) bool { return d.UID == uid })
	switch {
	case d == nil:
		c.msg(500, "Unable to load datasource metadata")
		return
	case !c.g.hasPlugin(d.Type):
		c.pluginMissing()
		return
	}
	ctx, cancel := context.WithTimeout(c.r.Context(), 10*time.Second)
	defer cancel()
	message, err := c.g.check(ctx, d)
	answer := map[string]any{"status": "OK", "message": message}
	if details := c.g.heuristics(ctx, d); details != nil {
		answer["details"] = details
	}
	if err != nil {
		c.g.log.Error("tsdb."+d.Type, "health check failed", "datasource", d.Name, "error", err)
		answer["status"] = "ERROR"
		c.json(400, answer)
		return
	}
	c.json(200, answer)
}

// hasPlugin says whether plugins.disable_plugins leaves the type in; it holds for bundled plugins as for others.
func (g *Grafana) hasPlugin(id string) bool {
	disabled := strings.FieldsFunc(g.cfg.Get("plugins.disable_plugins"), func(r rune) bool { return r == ',' || r == ' ' })
	return !slices.Contains(disabled, id)
}

// pluginMissing is plugins.ErrPluginNotRegistered, by response.ErrOrFallback.
func (c *Ctx) pluginMissing() {
	c.json(404, map[string]any{"statusCode": 404, "messageId": "plugin.notRegistered", "message": "Plugin not registered"})
}

// check asks the data source, in the words of its plugin. With an error the message is what the plugin says of it.
func (g *Grafana) check(ctx context.Context, d *Datasource) (message string, err error) {
	get := func(path string, q url.Values) error {
		status, body, _, err := g.upstream(ctx, d, "GET", path, q, nil, nil)
		if err == nil && status >= 300 {
			err = fmt.Errorf("%d %s: %s", status, http.StatusText(status), firstLine(body))
		}
		return err
	}
	switch d.Type {
	case "prometheus":
		if err := get("/api/v1/query", url.Values{"query": {"1+1"}}); err != nil {
			return err.Error() + " - There was an error returned querying the Prometheus API.", err
		}
		return "Successfully queried the Prometheus API.", nil
	case "loki":
		// Its plugin keeps the reason for the log.
		if err := get("/loki/api/v1/query", url.Values{"query": {"vector(1)+vector(1)"}}); err != nil {
			return "Unable to connect with Loki. Please check the server logs for more details.", err
		}
		return "Data source successfully connected.", nil
	case "alertmanager":
		if err := get("/api/v2/status", nil); err != nil {
			return err.Error(), err
		}
		return "Health check passed.", nil
	case postgresType:
		if _, err := g.sql(ctx, d, "SELECT 1"); err != nil {
			return err.Error(), err
		}
		return "Database Connection OK", nil
	}
	err = errors.New("the Grafana stand-in cannot check this type")
	return err.Error(), err
}

// heuristics is what Prometheus' plugin adds to its health: which kind of server answers its build information.
func (g *Grafana) heuristics(ctx context.Context, d *Datasource) map[string]any {
	if d.Type != "prometheus" {
		return nil
	}
	status, body, _, err := g.upstream(ctx, d, "GET", "/api/v1/status/buildinfo", nil, nil, nil)
	var info struct {
		Data struct{ Features map[string]string }
	}
	if err != nil || status != 200 || json.Unmarshal(body, &info) != nil {
		return nil
	}
	application, ruler := "Prometheus", false
	if len(info.Data.Features) > 0 {
		application, ruler = "Mimir", true
	}
	return map[string]any{"application": application, "features": map[string]any{"rulerApiEnabled": ruler}}
}

// Grafana lets only these paths be posted to through the proxy.
var postable = []string{"api/v1/query", "api/v1/query_range", "api/v1/query_exemplars", "api/v1/series", "api/v1/labels"}

func (c *Ctx) proxy(d *Datasource) {
	path := c.r.PathValue("path")
	if !c.g.hasPlugin(d.Type) {
		c.msg(500, "Unable to find datasource plugin")
		return
	}
	if d.Type == postgresType {
		c.fail(400, "the Grafana stand-in has no proxy for "+d.Type, "")
		return
	}
	if c.r.Method == "POST" && (d.Type != "prometheus" || !slices.Contains(postable, path)) {
		c.msg(403, "non allow-listed POSTs not allowed on proxied data source")
		return
	}
	if strings.Contains(c.r.URL.Path, "/resources/") && d.Type == "loki" {
		path = "loki/api/v1/" + path
	}
	form, _ := io.ReadAll(io.LimitReader(c.r.Body, 1<<20))
	header := http.Header{}
	if v := c.r.Header.Get("Content-Type"); v != "" {
		header.Set("Content-Type", v)
	}
	status, body, contentType, err := c.g.upstream(c.r.Context(), d, c.r.Method, path, c.r.URL.Query(), form, header)
	if err != nil {
		c.fail(502, "Bad Gateway: "+err.Error(), "")
		return
	}
	c.w.Header().Set("Content-Type", contentType)
	c.w.Header().Set("Content-Security-Policy", "sandbox")
	c.w.WriteHeader(status)
	c.w.Write(body)
}

func firstLine(b []byte) string {
	var m struct{ Error, Message string }
	if json.Unmarshal(b, &m) == nil && m.Error+m.Message != "" {
		return m.Error + m.Message
	}
	s, _, _ := strings.Cut(strings.TrimSpace(string(b)), "\n")
	return s
}
