package main

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

type need int

const (
	public need = iota
	signedIn
	editor
	admin
	serverAdmin
)

// Who is the caller: a user, or anonymous with a role.
type Who struct {
	User *User // nil: anonymous
	Role string
}

var (
	errUnauthorized = errors.New("Unauthorized")
	errPassword     = errors.New("Invalid username or password")
)

func (w *Who) allows(n need) bool {
	if w.User != nil && w.User.IsGrafanaAdmin {
		return true
	}
	switch n {
	case editor:
		return w.Role == "Editor" || w.Role == "Admin"
	case admin:
		return w.Role == "Admin"
	case serverAdmin:
		return false
	}
	return true
}

// identify finds the caller by basic authentication, cookie, or the anonymous setting, in this order.
func (g *Grafana) identify(r *http.Request) (*Who, error) {
	if h := r.Header.Get("Authorization"); h != "" {
		login, password, ok := r.BasicAuth()
		if !ok || !g.cfg.Bool("auth.basic.enabled") {
			return nil, errUnauthorized // API keys and service accounts are unknown here
		}
		u, err := g.login(r, login, password)
		if err != nil {
			return nil, err
		}
		return &Who{u, u.Role}, nil
	}
	if c, err := r.Cookie(g.cfg.Get("auth.login_cookie_name")); err == nil {
		var u *User
		g.store.View(func(db *DB) error {
			if s, ok := db.Sessions[sha(c.Value)]; ok && time.Now().Before(s.Until) {
				if x := db.UserByID(s.UserID); x != nil && !x.IsDisabled {
					copied := *x
					u = &copied
				}
			}
			return nil
		})
		if u != nil {
			return &Who{u, u.Role}, nil
		}
	}
	if g.cfg.Bool("auth.anonymous.enabled") {
		return &Who{nil, g.cfg.Get("auth.anonymous.org_role")}, nil
	}
	return nil, errUnauthorized
}

// login checks a password and counts failures: five in five minutes lock the account, for the right password too.
func (g *Grafana) login(r *http.Request, login, password string) (*User, error) {
	ip, _, _ := net.SplitHostPort(r.RemoteAddr)
	guard := !g.cfg.Bool("security.disable_brute_force_login_protection")
	var u *User
	locked := false
	err := g.store.View(func(db *DB) error {
		if x := db.UserByLogin(login); x != nil {
			copied := *x
			u = &copied
		}
		byName, byIP := 0, 0
		for _, a := range db.Attempts {
			if time.Since(a.At) < 5*time.Minute {
				if a.Login == strings.ToLower(login) {
					byName++
				}
				if a.IP == ip {
					byIP++
				}
			}
		}
		most := g.cfg.Int("security.brute_force_login_protection_max_attempts")
		locked = guard && (byName >= most && !g.cfg.Bool("security.disable_username_login_protection") ||
			byIP >= most && !g.cfg.Bool("security.disable_ip_address_login_protection"))
		return nil
	})
	if err != nil {
		return nil, err
	}
	if locked {
		g.log.Info("authn.service", "Failed to authenticate request",
			"error", "too many consecutive incorrect login attempts for user - login for user temporarily blocked", "user", login)
		return nil, errPassword
	}
	if u != nil && !u.IsDisabled && password != "" && u.Matches(password) {
		return u, nil
	}
	g.log.Info("authn.service", "Failed to authenticate request", "error", "[password-auth.failed] invalid username or password", "user", login)
	if guard && u != nil {
		err = g.store.Update(func(db *DB) error {
			db.Attempts = slices.DeleteFunc(db.Attempts, func(a Attempt) bool { return time.Since(a.At) > 10*time.Minute })
			db.Attempts = append(db.Attempts, Attempt{strings.ToLower(login), ip, time.Now()})
			return nil
		})
	}
	return nil, errors.Join(err, errPassword)
}

func (g *Grafana) cookie(name, value string, age int, httpOnly bool) *http.Cookie {
	c := &http.Cookie{Name: name, Value: value, Path: "/", MaxAge: age, HttpOnly: httpOnly, Secure: g.cfg.Bool("security.cookie_secure")}
	if p := g.subPath(); p != "" {
		c.Path = p
	}
	switch g.cfg.Get("security.cookie_samesite") {
	case "lax":
		c.SameSite = http.SameSiteLaxMode
	case "strict":
		c.SameSite = http.SameSiteStrictMode
	case "none":
		c.SameSite = http.SameSiteNoneMode
	}
	return c
}

func (c *Ctx) postLogin() {
	if c.g.cfg.Bool("auth.disable_login") {
		c.fail(401, "Login is disabled", "auth.disabled")
		return
	}
	var in struct{ User, Password string }
	if strings.HasPrefix(c.r.Header.Get("Content-Type"), "application/json") {
		if !c.body(&in) {
			return
		}
	} else {
		in.User, in.Password = c.r.PostFormValue("user"), c.r.PostFormValue("password")
	}
	u, err := c.g.login(c.r, in.User, in.Password)
	if err != nil {
		c.authFailed(err)
		return
	}
	token := randomHex(16)
	err = c.g.store.Update(func(db *DB) error {
		for k, s := range db.Sessions {
			if time.Now().After(s.Until) {
				delete(db.Sessions, k)
			}
		}
		db.Sessions[sha(token)] = Session{u.ID, time.Now().Add(30 * 24 * time.Hour)}
		db.UserByID(u.ID).LastSeen = time.Now().UTC()
		return nil
	})
	if err != nil {
		c.fail(500, err.Error(), "")
		return
	}
	http.SetCookie(c.w, c.g.cookie(c.g.cfg.Get("auth.login_cookie_name"), token, 30*24*3600, true))
	expiry := time.Now().Add(time.Duration(c.g.cfg.Int("auth.token_rotation_interval_minutes")) * time.Minute).Unix()
	http.SetCookie(c.w, c.g.cookie(c.g.cfg.Get("auth.login_cookie_name")+"_expiry", fmt.Sprint(expiry), 30*24*3600, false))
	c.json(200, map[string]any{"message": "Logged in", "redirectUrl": c.g.subPath() + "/"})
}

func (c *Ctx) logout() {
	name := c.g.cfg.Get("auth.login_cookie_name")
	if cookie, err := c.r.Cookie(name); err == nil {
		c.g.store.Update(func(db *DB) error { delete(db.Sessions, sha(cookie.Value)); return nil })
	}
	http.SetCookie(c.w, c.g.cookie(name, "", -1, true))
	http.Redirect(c.w, c.r, c.g.subPath()+"/login", http.StatusFound)
}

var oauthNames = []string{"generic_oauth", "github", "gitlab", "google", "azuread"}

// checkOAuth refuses a provider that could not work; the real one finds out when somebody clicks.
func (g *Grafana) checkOAuth() error {
	var bad []error
	for _, n := range oauthNames {
		sec := "auth." + n
		if !g.cfg.Bool(sec + ".enabled") {
			continue
		}
		for _, k := range []string{"client_id", "auth_url", "token_url"} {
			if g.cfg.Get(sec+"."+k) == "" {
				bad = append(bad, fmt.Errorf("%s.%s is empty", sec, k))
			}
		}
	}
	return errors.Join(bad...)
}

// oauthLogin goes as far as the redirect to the provider; the way back is refused.
func (c *Ctx) oauthLogin() {
	n := c.r.PathValue("provider")
	sec := "auth." + n
	if !slices.Contains(oauthNames, n) || !c.g.cfg.Bool(sec+".enabled") {
		c.fail(404, "OAuth not enabled", "auth.oauth.disabled")
		return
	}
	if c.r.URL.Query().Has("code") {
		c.fail(501, "the Grafana stand-in does not exchange OAuth codes", "")
		return
	}
	state := randomHex(16)
	q := url.Values{"client_id": {c.g.cfg.Get(sec + ".client_id")}, "response_type": {"code"}, "state": {state},
		"redirect_uri": {c.g.cfg.RootURL() + "login/" + n}, "scope": {strings.Join(strings.FieldsFunc(c.g.cfg.Get(sec+".scopes"),
			func(r rune) bool { return r == ' ' || r == ',' }), " ")}}
	http.SetCookie(c.w, c.g.cookie("oauth_state", sha(state), c.g.cfg.Int("auth.oauth_state_cookie_max_age"), true))
	sep := "?"
	if strings.Contains(c.g.cfg.Get(sec+".auth_url"), "?") {
		sep = "&"
	}
	http.Redirect(c.w, c.r, c.g.cfg.Get(sec+".auth_url")+sep+q.Encode(), http.StatusFound)
}
