package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Ctx is one request.
type Ctx struct {
	g   *Grafana
	w   http.ResponseWriter
	r   *http.Request
	who *Who
}

func (c *Ctx) json(status int, v any) {
	c.w.Header().Set("Content-Type", "application/json; charset=UTF-8")
	c.w.WriteHeader(status)
	json.NewEncoder(c.w).Encode(v)
}

func (c *Ctx) msg(status int, text string) { c.json(status, map[string]any{"message": text}) }

// fail has the shape of Grafana's newer errors.
func (c *Ctx) fail(status int, text, id string) {
	c.json(status, map[string]any{"message": text, "messageId": id, "statusCode": status, "traceID": "", "extra": nil})
}

func (c *Ctx) authFailed(err error) {
	switch {
	case errors.Is(err, errPassword):
		c.fail(401, errPassword.Error(), "password-auth.failed")
	case errors.Is(err, errUnauthorized):
		c.fail(401, "Unauthorized", "auth.unauthorized")
	default:
		c.fail(500, err.Error(), "")
	}
}

func (c *Ctx) body(into any) bool {
	if err := json.NewDecoder(http.MaxBytesReader(c.w, c.r.Body, 16<<20)).Decode(into); err != nil {
		c.msg(400, "bad request data")
		return false
	}
	return true
}

// done answers an update: err as 500, unless a refusal says otherwise.
func (c *Ctx) done(err error, v any) {
	var no refusal
	switch {
	case errors.As(err, &no):
		c.msg(no.status, no.text)
	case err != nil:
		c.fail(500, err.Error(), "")
	default:
		c.json(200, v)
	}
}

type refusal struct {
	status int
	text   string
}

func (r refusal) Error() string { return r.text }

func (g *Grafana) subPath() string {
	u, err := url.Parse(g.cfg.RootURL())
	if err != nil || !g.cfg.Bool("server.serve_from_sub_path") {
		return ""
	}
	return strings.TrimRight(u.Path, "/")
}

// Handler is the whole HTTP side.
func (g *Grafana) Handler() http.Handler {
	mux := http.NewServeMux()
	on := func(pattern string, n need, fn func(*Ctx)) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			c := &Ctx{g: g, w: w, r: r}
			if n != public {
				who, err := g.identify(r)
				if err != nil {
					c.authFailed(err)
					return
				}
				c.who = who
				if !who.allows(n) || who.User == nil && n > signedIn {
					c.json(403, map[string]any{"accessErrorId": "ACE" + randomHex(5), "title": "Access denied",
						"message": "You'll need additional permissions to perform this action."})
					return
				}
			}
			fn(c)
		})
	}
	g.routes(on)
	on("/", public, (*Ctx).page)
	return g.outer(mux)
}

func (g *Grafana) routes(on func(string, need, func(*Ctx))) {
	on("GET /api/health", public, (*Ctx).health)
	on("GET /healthz", public, func(c *Ctx) { fmt.Fprint(c.w, "Ok") })
	on("GET /metrics", public, (*Ctx).prometheus)
	on("GET /login", public, (*Ctx).loginPage)
	on("POST /login", public, (*Ctx).postLogin)
	on("GET /logout", public, (*Ctx).logout)
	on("GET /login/{provider}", public, (*Ctx).oauthLogin)
	on("GET /api/login/ping", signedIn, func(c *Ctx) { c.msg(200, "Logged in") })
	on("GET /api/frontend/settings", public, (*Ctx).frontendSettings)
	on("POST /api/user/signup", public, (*Ctx).signUp)
	on("GET /api/admin/settings", serverAdmin, func(c *Ctx) { c.json(200, c.g.cfg.Redacted()) })
	on("POST /api/admin/provisioning/{what}/reload", serverAdmin, (*Ctx).reload)
	on("GET /api/standin/problems", signedIn, func(c *Ctx) { c.json(200, c.g.problems.List()) })
	on("GET /api/standin/dashboards/uid/{uid}/run", signedIn, (*Ctx).runDashboard)
	g.userRoutes(on)
	g.datasourceRoutes(on)
	g.dashboardRoutes(on)
}

// outer sets the headers, checks the origin, strips the sub path, and measures.
func (g *Grafana) outer(next http.Handler) http.Handler {
	sub := g.subPath()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start, rec := time.Now(), &recorder{ResponseWriter: w, status: 200}
		defer func() {
			g.metrics.observe(r, rec.status, time.Since(start))
			if g.cfg.Bool("server.router_logging") || rec.status >= 500 {
				g.log.Info("context", "Request Completed", "method", r.Method, "path", r.URL.Path, "status", rec.status, "remote_addr", r.RemoteAddr)
			}
		}()
		g.securityHeaders(rec, r)
		if !g.sameOrigin(r) {
			rec.WriteHeader(http.StatusForbidden)
			fmt.Fprintln(rec, "origin not allowed")
			return
		}
		host, _, err := net.SplitHostPort(r.Host)
		if err != nil {
			host = r.Host
		}
		if g.cfg.Bool("server.enforce_domain") && host != g.cfg.Get("server.domain") {
			http.Redirect(rec, r, g.cfg.RootURL(), http.StatusMovedPermanently)
			return
		}
		if sub != "" {
			if r.URL.Path != sub && !strings.HasPrefix(r.URL.Path, sub+"/") {
				http.Redirect(rec, r, sub+r.URL.RequestURI(), http.StatusFound)
				return
			}
			r.URL.Path = strings.TrimPrefix(r.URL.Path, sub)
			if r.URL.Path == "" {
				r.URL.Path = "/"
			}
		}
		next.ServeHTTP(rec, r)
	})
}

func (g *Grafana) securityHeaders(w http.ResponseWriter, r *http.Request) {
	h, cfg := w.Header(), g.cfg
	h.Set("X-Taffrail-Stand-In", "grafana")
	h.Set("Cache-Control", "no-store")
	if !cfg.Bool("security.allow_embedding") {
		h.Set("X-Frame-Options", "deny")
	}
	if cfg.Bool("security.x_content_type_options") {
		h.Set("X-Content-Type-Options", "nosniff")
	}
	if cfg.Bool("security.x_xss_protection") {
		h.Set("X-XSS-Protection", "1; mode=block")
	}
	if cfg.Bool("security.strict_transport_security") && (cfg.Get("server.protocol") == "https" || cfg.Bool("security.cookie_secure")) {
		v := "max-age=" + cfg.Get("security.strict_transport_security_max_age_seconds")
		if cfg.Bool("security.strict_transport_security_preload") {
			v += "; preload"
		}
		if cfg.Bool("security.strict_transport_security_subdomains") {
			v += "; includeSubDomains"
		}
		h.Set("Strict-Transport-Security", v)
	}
	if cfg.Bool("security.content_security_policy") {
		csp := strings.NewReplacer("$NONCE", "'nonce-"+randomHex(8)+"'", "$ROOT_PATH", strings.TrimRight(r.Host, "/")).
			Replace(cfg.Get("security.content_security_policy_template"))
		h.Set("Content-Security-Policy", csp)
	}
}

// sameOrigin is Grafana's guard against requests forged from other sites: it looks at those that carry the login cookie.
func (g *Grafana) sameOrigin(r *http.Request) bool {
	origin := r.Header.Get("Origin")
	_, err := r.Cookie(g.cfg.Get("auth.login_cookie_name"))
	if r.Method == http.MethodGet || r.Method == http.MethodHead || r.Method == http.MethodOptions || origin == "" || err != nil {
		return true
	}
	u, err := url.Parse(origin)
	if err != nil {
		return false
	}
	host, _, err := net.SplitHostPort(r.Host)
	if err != nil {
		host = r.Host
	}
	for _, ok := range append(strings.Fields(g.cfg.Get("security.csrf_trusted_origins")), host) {
		if u.Hostname() == ok {
			return true
		}
	}
	return false
}

func (c *Ctx) health() {
	status, db := 200, "ok"
	if err := c.g.store.View(func(*DB) error { return nil }); err != nil {
		status, db = 503, "failing"
	}
	out := map[string]any{"database": db}
	if !c.g.cfg.Bool("auth.anonymous.hide_version") {
		out["version"], out["commit"] = version, commit
	}
	c.json(status, out)
}

func (c *Ctx) loginPage() {
	if _, err := c.g.identify(c.r); err == nil && !c.g.cfg.Bool("auth.anonymous.enabled") {
		http.Redirect(c.w, c.r, c.g.subPath()+"/", http.StatusFound)
		return
	}
	form := `<form method="post"><input name="user" autocomplete="username"><input name="password" type="password" autocomplete="current-password"><button>Log in</button></form>`
	if c.g.cfg.Bool("auth.disable_login_form") {
		form = ""
	}
	for _, n := range oauthNames {
		if c.g.cfg.Bool("auth." + n + ".enabled") {
			form += fmt.Sprintf(`<p><a href="%s/login/%s">Sign in with %s</a></p>`, c.g.subPath(), n, html.EscapeString(c.g.cfg.Get("auth."+n+".name")))
		}
	}
	c.html(200, "Grafana (stand-in)", form)
}

func (c *Ctx) html(status int, title, body string) {
	c.w.Header().Set("Content-Type", "text/html; charset=UTF-8")
	c.w.WriteHeader(status)
	fmt.Fprintf(c.w, "<!doctype html><html lang=\"en\"><title>%s</title><h1>%s</h1><p>%s</p>%s</html>\n",
		html.EscapeString(title), html.EscapeString(title), banner, body)
}

// page answers what is no route: the user interface's addresses, and everything unknown.
func (c *Ctx) page() {
	p := c.r.URL.Path
	ui := p == "/" || p == "/dashboards" || p == "/explore"
	for _, prefix := range []string{"/d/", "/d-solo/", "/dashboards/", "/explore/", "/connections/", "/alerting/", "/admin/", "/profile"} {
		ui = ui || strings.HasPrefix(p, prefix)
	}
	if !ui || c.r.Method != http.MethodGet && c.r.Method != http.MethodHead {
		c.msg(404, "the Grafana stand-in does not know this path")
		return
	}
	if _, err := c.g.identify(c.r); err != nil {
		http.Redirect(c.w, c.r, c.g.subPath()+"/login", http.StatusFound)
		return
	}
	c.html(200, "Grafana (stand-in)", "<p>The stand-in has no user interface.</p>")
}

func (c *Ctx) frontendSettings() {
	oauth := map[string]any{}
	for _, n := range oauthNames {
		if c.g.cfg.Bool("auth." + n + ".enabled") {
			oauth[n] = map[string]any{"name": c.g.cfg.Get("auth." + n + ".name"), "icon": c.g.cfg.Get("auth." + n + ".icon")}
		}
	}
	c.json(200, map[string]any{
		"appUrl": c.g.cfg.RootURL(), "appSubUrl": c.g.subPath(), "allowOrgCreate": c.g.cfg.Bool("users.allow_org_create"),
		"anonymousEnabled": c.g.cfg.Bool("auth.anonymous.enabled"), "disableLoginForm": c.g.cfg.Bool("auth.disable_login_form"),
		"disableUserSignUp": !c.g.cfg.Bool("users.allow_sign_up"), "exploreEnabled": c.g.cfg.Bool("explore.enabled"),
		"newsFeedEnabled": c.g.cfg.Bool("news.news_feed_enabled"), "reportingStaticContext": map[string]any{},
		"analytics": map[string]any{"enabled": c.g.cfg.Bool("analytics.enabled")}, "oauth": oauth,
		"publicDashboardsEnabled": c.g.cfg.Bool("public_dashboards.enabled"), "snapshotEnabled": c.g.cfg.Bool("snapshots.enabled"),
		"buildInfo": map[string]any{"version": version, "commit": commit, "edition": "Open Source", "env": "production",
			"hasUpdate": false, "latestVersion": "", "standIn": true},
	})
}

func (c *Ctx) signUp() {
	if !c.g.cfg.Bool("users.allow_sign_up") {
		c.msg(401, "User signup is disabled")
		return
	}
	c.msg(501, "the Grafana stand-in does not sign users up")
}

// reload reads one kind of provisioning again. As in the real program a failure's reason is in the log only.
func (c *Ctx) reload() {
	g, what := c.g, c.r.PathValue("what")
	steps := map[string]struct {
		run  func() error
		said string
	}{
		"datasources": {g.provisionDatasources, "Datasources config reloaded"},
		"plugins":     {g.provisionPlugins, "Plugins config reloaded"},
		"alerting":    {g.provisionAlerting, "Alerting config reloaded"},
		"dashboards":  {func() error { return g.provisionDashboards(g.background()) }, "Dashboards config reloaded"},
	}
	step, ok := steps[what]
	if !ok {
		c.msg(404, "the Grafana stand-in does not know this path")
		return
	}
	g.problems.Clear("provisioning:" + what)
	if err := step.run(); err != nil {
		g.log.Error("provisioning."+what, "Request error", "error", err)
		g.problems.Add("provisioning:"+what, what, err.Error())
		c.json(500, map[string]any{"message": "Internal Server Error", "traceID": ""})
		return
	}
	c.msg(200, step.said)
}
