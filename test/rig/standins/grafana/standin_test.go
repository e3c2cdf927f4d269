package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const password = "first-password-of-20-characters"

// rig is one stand-in on temporary folders.
type rig struct {
	t    *testing.T
	dir  string
	g    *Grafana
	srv  *httptest.Server
	stop context.CancelFunc
	log  bytes.Buffer
}

func (r *rig) path(name string) string { return filepath.Join(r.dir, name) }

func (r *rig) write(name, text string) {
	r.t.Helper()
	if err := os.MkdirAll(filepath.Dir(r.path(name)), 0o755); err != nil {
		r.t.Fatal(err)
	}
	if err := os.WriteFile(r.path(name), []byte(text), 0o644); err != nil {
		r.t.Fatal(err)
	}
}

func newRig(t *testing.T, files map[string]string) *rig {
	r := &rig{t: t, dir: t.TempDir()}
	r.write("admin", password+"\n")
	r.write("grafana.ini", `[security]
admin_user = keeper
admin_password = $__file{`+r.path("admin")+`}
`)
	for _, d := range []string{"datasources", "dashboards", "plugins", "alerting"} {
		os.MkdirAll(r.path("provisioning/"+d), 0o755)
	}
	for name, text := range files {
		r.write(name, strings.ReplaceAll(text, "DIR", r.dir))
	}
	t.Cleanup(r.down)
	return r
}

func (r *rig) settings(env ...string) (*Settings, error) {
	return LoadSettings(Args{Home: r.dir, Config: r.path("grafana.ini"), Properties: []string{"cfg:default.paths.data=" + r.path("data"),
		"cfg:default.paths.plugins=" + r.path("data/plugins"), "cfg:default.paths.provisioning=" + r.path("provisioning")}}, env)
}

// up starts the stand-in; err is what would end the real process.
func (r *rig) up(env ...string) error {
	cfg, err := r.settings(env...)
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(context.Background())
	g, err := NewGrafana(ctx, cfg, NewLogger(&r.log, "debug", "console"))
	if err != nil {
		stop()
		return err
	}
	r.g, r.stop, r.srv = g, stop, httptest.NewServer(g.Handler())
	return nil
}

func (r *rig) down() {
	if r.srv != nil {
		r.srv.Close()
		r.stop()
		r.srv = nil
	}
}

func (r *rig) mustUp(env ...string) *rig {
	r.t.Helper()
	if err := r.up(env...); err != nil {
		r.t.Fatal(err)
	}
	return r
}

// call uses basic authentication "user:password", or none.
func (r *rig) call(auth, method, path, body string) (int, map[string]any, *http.Response) {
	r.t.Helper()
	req, _ := http.NewRequest(method, r.srv.URL+path, strings.NewReader(body))
	req.Header.Set("Content-Type", "application/json")
	if user, pass, ok := strings.Cut(auth, ":"); ok {
		req.SetBasicAuth(user, pass)
	}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := client.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer res.Body.Close()
	raw, _ := io.ReadAll(res.Body)
	var m map[string]any
	if json.Unmarshal(raw, &m) != nil {
		m = map[string]any{"raw": string(raw)}
	}
	return res.StatusCode, m, res
}

func (r *rig) want(status int, auth, method, path, body string) map[string]any {
	r.t.Helper()
	got, m, _ := r.call(auth, method, path, body)
	if got != status {
		r.t.Fatalf("%s %s as %q: %d %v, want %d", method, path, auth, got, m, status)
	}
	return m
}

func has(t *testing.T, where string, parts ...string) {
	t.Helper()
	for _, p := range parts {
		if !strings.Contains(where, p) {
			t.Fatalf("%q is not in:\n%s", p, where)
		}
	}
}

const me = "keeper:" + password

func TestUnknownSettingsAreRefusedAllAtOnce(t *testing.T) {
	r := newRig(t, nil)
	r.write("grafana.ini", "[sevrer]\nhttp_port = 1\n[security]\ncookie_samesite = loose\nallow_embedding = yes please\n[log]\nmode = file\n")
	_, err := r.settings("GF_SERVER_HTTP_PROT=1", "GF_SERVER_HTTP_PORT=many", "GF_UID=472")
	if err == nil {
		t.Fatal("accepted")
	}
	has(t, err.Error(), `"sevrer.http_port" (but server.http_port)`, "GF_SERVER_HTTP_PROT", "security.cookie_samesite",
		"security.allow_embedding is \"yes please\"", "server.http_port is \"many\"", "log.mode is \"file\"")
}

func TestEnvironmentWinsOverFileAndSecretsAreRedacted(t *testing.T) {
	r := newRig(t, nil)
	t.Setenv("A_DOMAIN", "grafana.example")
	cfg, err := r.settings("GF_SECURITY_ADMIN_PASSWORD=from-environment", "GF_SERVER_DOMAIN=$__env{A_DOMAIN}", "GF_AUTH_GENERIC_OAUTH_CLIENT_SECRET=s")
	if err != nil {
		t.Fatal(err)
	}
	if cfg.Get("security.admin_password") != "from-environment" || cfg.RootURL() != "http://grafana.example:3000/" {
		t.Fatal(cfg.Get("security.admin_password"), cfg.RootURL())
	}
	text, _ := json.Marshal(cfg.Redacted())
	if strings.Contains(string(text)+strings.Join(cfg.Overrides, " "), "from-environment") {
		t.Fatal("a secret is shown")
	}
	has(t, string(text), `"admin_password":"*********"`)
}

func TestEntrypointTakesFileVariables(t *testing.T) {
	r := newRig(t, nil)
	t.Setenv("GF_PATHS_CONFIG", r.path("grafana.ini"))
	t.Setenv("GF_SERVER_DOMAIN__FILE", r.path("admin"))
	if _, err := entrypointArgs(nil); err != nil {
		t.Fatal(err)
	}
	if os.Getenv("GF_SERVER_DOMAIN") != password {
		t.Fatal(os.Getenv("GF_SERVER_DOMAIN"))
	}
	t.Setenv("GF_SERVER_DOMAIN__FILE", r.path("admin"))
	if _, err := entrypointArgs(nil); err == nil {
		t.Fatal("both forms accepted")
	}
	os.Unsetenv("GF_SERVER_DOMAIN")
}

func TestPasswordCountsAtTheFirstStartOnly(t *testing.T) {
	r := newRig(t, nil).mustUp()
	r.want(200, me, "GET", "/api/user", "")
	r.down()
	r.write("admin", "another-password-of-20-characters")
	r.mustUp()
	r.want(200, me, "GET", "/api/user", "")
	r.want(401, "keeper:another-password-of-20-characters", "GET", "/api/user", "")
	r.g.store.View(func(db *DB) error {
		if len(db.Users) != 1 {
			t.Fatal("the second start made another user")
		}
		return nil
	})
	raw, _ := os.ReadFile(r.path("data/grafana-standin.json"))
	if strings.Contains(string(raw), password) {
		t.Fatal("the password lies in the database in clear")
	}
}

func TestCommandLineResetsThePasswordOfARunningServer(t *testing.T) {
	r := newRig(t, nil).mustUp()
	t.Setenv("GF_PATHS_DATA", r.path("data"))
	var out, errs bytes.Buffer
	if run([]string{"/usr/share/grafana/bin/grafana", "cli", "--homepath", r.dir, "admin", "reset-admin-password", "--password-from-stdin"},
		strings.NewReader("rotated-password\n"), &out, &errs) != 0 {
		t.Fatal(errs.String())
	}
	has(t, out.String(), "Admin password changed successfully", "stand-in")
	r.want(200, "keeper:rotated-password", "GET", "/api/user", "")
	r.want(401, me, "GET", "/api/user", "")
	for _, bad := range [][]string{{"admin", "reset-admin-password", "abc"}, {"plugins", "install", "x"}, {"admin", "reset-admin-password", "long-enough", "--user-id", "1"},
		{"admin", "reset-admin-password", "--user-id", "9", "long-enough"}} {
		if run(append([]string{"grafana-cli"}, bad...), strings.NewReader(""), &out, &errs) != 1 {
			t.Fatal(bad)
		}
	}
}

func TestFiveWrongPasswordsLockTheAccountAndAResetDoesNotUnlockIt(t *testing.T) {
	r := newRig(t, nil).mustUp()
	for range 5 {
		r.want(401, "keeper:wrong", "GET", "/api/user", "")
	}
	r.want(401, me, "GET", "/api/user", "")
	t.Setenv("GF_PATHS_DATA", r.path("data"))
	if run([]string{"grafana-cli", "admin", "reset-admin-password", "rotated-password"}, nil, io.Discard, io.Discard) != 0 {
		t.Fatal("reset failed")
	}
	r.want(401, "keeper:rotated-password", "GET", "/api/user", "")
	r.g.store.Update(func(db *DB) error {
		for i := range db.Attempts {
			db.Attempts[i].At = time.Now().Add(-6 * time.Minute)
		}
		return nil
	})
	r.want(200, "keeper:rotated-password", "GET", "/api/user", "")
}

func TestUsersAndRoles(t *testing.T) {
	r := newRig(t, nil).mustUp()
	r.want(401, "", "GET", "/api/user", "")
	made := r.want(200, me, "POST", "/api/admin/users", `{"name":"V","login":"viewer","email":"v@example.org","password":"viewer-password"}`)
	r.want(412, me, "POST", "/api/admin/users", `{"login":"viewer","password":"viewer-password"}`)
	v := "viewer:viewer-password"
	r.want(403, v, "GET", "/api/datasources", "")
	r.want(403, v, "GET", "/api/users", "")
	r.want(403, v, "POST", "/api/admin/provisioning/datasources/reload", "")
	id := r.want(200, me, "GET", "/api/users/lookup?loginOrEmail=v@example.org", "")["id"]
	if id != made["id"] {
		t.Fatal(id, made)
	}
	r.want(200, me, "PATCH", "/api/org/users/2", `{"role":"Admin"}`)
	r.want(400, me, "PATCH", "/api/org/users/2", `{"role":"King"}`)
	r.want(200, v, "GET", "/api/datasources", "")
	r.want(200, me, "PUT", "/api/admin/users/2/password", `{"password":"changed-by-admin"}`)
	r.want(401, "viewer:changed-by-admin", "PUT", "/api/user/password", `{"oldPassword":"no","newPassword":"own-password","confirmNew":"own-password"}`)
	r.want(200, "viewer:changed-by-admin", "PUT", "/api/user/password", `{"oldPassword":"changed-by-admin","newPassword":"own-password","confirmNew":"own-password"}`)
	r.want(200, "viewer:own-password", "GET", "/api/user", "")
	r.want(401, "", "POST", "/api/user/signup", `{"email":"x@example.org"}`)
	r.want(404, me, "GET", "/api/no/such/path", "")
}

func TestLoginCookieHeadersAndStandInMarks(t *testing.T) {
	r := newRig(t, nil).mustUp("GF_SECURITY_COOKIE_SECURE=true", "GF_SECURITY_COOKIE_SAMESITE=none", "GF_SECURITY_ALLOW_EMBEDDING=true")
	_, _, res := r.call("", "POST", "/login", `{"user":"keeper","password":"`+password+`"}`)
	c := res.Header["Set-Cookie"][0]
	has(t, c, "grafana_session=", "HttpOnly", "Secure", "SameSite=None", "Path=/")
	if res.Header.Get("X-Frame-Options") != "" || res.Header.Get("X-Taffrail-Stand-In") != "grafana" {
		t.Fatal(res.Header)
	}
	session := strings.Split(c, ";")[0]
	for origin, want := range map[string]int{"": 200, "http://evil.example": 403, r.srv.URL: 200} {
		req, _ := http.NewRequest("POST", r.srv.URL+"/api/admin/provisioning/dashboards/reload", nil)
		req.Header.Set("Cookie", session)
		if origin != "" {
			req.Header.Set("Origin", origin)
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil || res.StatusCode != want {
			t.Fatal(origin, res.StatusCode, err)
		}
	}
	r.down()
	r.mustUp("GF_AUTH_GENERIC_OAUTH_ENABLED=true", "GF_AUTH_GENERIC_OAUTH_CLIENT_ID=id", "GF_AUTH_GENERIC_OAUTH_AUTH_URL=https://idp.example/auth",
		"GF_AUTH_GENERIC_OAUTH_TOKEN_URL=https://idp.example/token", "GF_SERVER_ROOT_URL=http://localhost:3000/grafana/", "GF_SERVER_SERVE_FROM_SUB_PATH=true")
	_, page, res := r.call("", "GET", "/grafana/login", "")
	has(t, page["raw"].(string), "stand-in")
	if res.Header.Get("X-Frame-Options") != "deny" {
		t.Fatal(res.Header)
	}
	_, _, res = r.call("", "GET", "/grafana/login/generic_oauth", "")
	has(t, res.Header.Get("Location"), "https://idp.example/auth?", "client_id=id", "redirect_uri=http%3A%2F%2Flocalhost%3A3000%2Fgrafana%2Flogin%2Fgeneric_oauth")
	r.want(404, "", "GET", "/grafana/login/github", "")
	_, _, res = r.call("", "GET", "/grafana/d/x/y", "")
	if res.Header.Get("Location") != "/grafana/login" {
		t.Fatal(res.Header)
	}
	r.want(200, "", "GET", "/grafana/api/health", "")
	var out bytes.Buffer
	run([]string{"/run.sh", "--version"}, nil, &out, &out)
	has(t, out.String(), "stand-in")
	r.down()
	if err := r.up("GF_AUTH_GITHUB_ENABLED=true"); err == nil {
		t.Fatal("a provider without client id was accepted")
	}
}

func TestAnonymousAccessIsOffUnlessSet(t *testing.T) {
	r := newRig(t, nil).mustUp()
	r.want(401, "", "GET", "/api/search", "")
	m := r.want(200, "", "GET", "/api/frontend/settings", "")
	if m["anonymousEnabled"] != false || m["disableUserSignUp"] != true {
		t.Fatal(m)
	}
	has(t, r.want(200, "", "GET", "/metrics", "")["raw"].(string), "grafana_build_info", "grafana_http_request_duration_seconds_count", "process_resident_memory_bytes")
	r.down()
	r.mustUp("GF_AUTH_ANONYMOUS_ENABLED=true")
	r.want(200, "", "GET", "/api/search", "")
	r.want(403, "", "GET", "/api/datasources", "")
}
