package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const password = "A-password-of-29-characters-1"

// room is a /opt/cloudbeaver with the files that Taffrail renders (its golden files).
func room(t *testing.T) (home, userHome string) {
	t.Helper()
	home, userHome = t.TempDir(), t.TempDir()
	golden := "../../../configs/golden/cloudbeaver/"
	for name, from := range map[string]string{
		"conf/cloudbeaver.conf":          "conf/cloudbeaver.conf",
		"conf/initial-data-sources.conf": "data-sources-taffrail.json", // connections to begin with
	} {
		text, err := os.ReadFile(golden + from)
		if err != nil {
			t.Fatal(err)
		}
		put(t, home, name, strings.ReplaceAll(string(text), "/run/secrets/", "secrets/"))
	}
	initialData, err := os.ReadFile(golden + "secrets/initial-data.conf")
	if err != nil {
		t.Fatal(err)
	}
	put(t, home, "secrets/initial-data.conf", strings.ReplaceAll(string(initialData), "{{adminPassword}}", `"`+password+`"`))
	return home, userHome
}

func put(t *testing.T, home, name, text string) {
	t.Helper()
	path := filepath.Join(home, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func change(t *testing.T, home, name, old, changed string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(home, name))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), old) {
		t.Fatalf("%s has no %q", name, old)
	}
	put(t, home, name, strings.Replace(string(text), old, changed, 1))
}

type client struct {
	t   *testing.T
	url string
	web *http.Client
}

func start(t *testing.T, home, userHome string) *client {
	t.Helper()
	s, _, err := newServer(home, userHome, mainConfig)
	if err != nil {
		t.Fatal(err)
	}
	// Two logins within a second are refused otherwise.
	s.config.values["server.sm.minimumLoginTimeout"] = int64(0)
	web := httptest.NewServer(s)
	t.Cleanup(web.Close)
	return (&client{t: t, url: web.URL}).fresh()
}

func (c *client) fresh() *client {
	jar, _ := cookiejar.New(nil)
	return &client{t: c.t, url: c.url, web: &http.Client{Jar: jar}}
}

type reply struct {
	Data   map[string]any
	Errors []struct {
		Message    string
		Extensions map[string]any
	}
}

func (r reply) failed() string {
	if len(r.Errors) == 0 {
		return ""
	}
	return r.Errors[0].Message
}

func (c *client) ask(query string, variables map[string]any) reply {
	c.t.Helper()
	body, _ := json.Marshal(map[string]any{"query": query, "variables": variables})
	got, err := c.web.Post(c.url+"/api/gql", "application/json", bytes.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	defer got.Body.Close()
	var out reply
	if err := json.NewDecoder(got.Body).Decode(&out); err != nil {
		c.t.Fatal(err)
	}
	return out
}

func (c *client) login(secret string) reply {
	c.t.Helper()
	return c.ask(`query($credentials: Object) { authInfo: authLogin(provider: "local", credentials: $credentials) { authStatus userTokens { userId } } }`,
		map[string]any{"credentials": map[string]any{"user": "cbadmin", "password": clientDigest(secret)}})
}

func want(t *testing.T, got, part string) {
	t.Helper()
	if !strings.Contains(got, part) {
		t.Errorf("%q is not in %q", part, got)
	}
}

func TestLogin(t *testing.T) {
	c := start(t, firstOf(room(t)), t.TempDir())
	want(t, c.login("something else").failed(), "User authentication failed:\nInvalid user name or password")
	if c.ask(`{ activeUser { userId } }`, nil).Data["activeUser"] != nil {
		t.Error("somebody is logged in after a wrong password")
	}
	if got := c.login(password); got.failed() != "" || fmt.Sprint(got.Data["authInfo"]) != "map[authStatus:SUCCESS userTokens:[map[userId:cbadmin]]]" {
		t.Errorf("%+v", got)
	}
	got := c.ask(`{ userConnections { id name host readOnly authNeeded credentialsSaved } }`, nil)
	want(t, fmt.Sprint(got.Data), "postgres-bot-read")
	if c.fresh().ask(`{ activeUser { userId } }`, nil).Data["activeUser"] != nil {
		t.Error("another browser is logged in too")
	}
}

func firstOf(home, _ string) string { return home }

func TestAnonymousIsRefused(t *testing.T) {
	c := start(t, firstOf(room(t)), t.TempDir())
	got := c.ask(`mutation { initConnection(id: "postgres-bot") { id } }`, nil)
	if got.failed() != "Anonymous access restricted" || got.Errors[0].Extensions["webErrorCode"] != "accessDenied" {
		t.Errorf("%+v", got)
	}
	got = c.ask(`{ serverConfig { name configurationMode anonymousAccessEnabled } userConnections { id } }`, nil)
	if s := fmt.Sprint(got.Data); s != "map[serverConfig:map[anonymousAccessEnabled:false configurationMode:false name:Taffrail prod] userConnections:[]]" {
		t.Error(s)
	}
}

func TestPasswordsChangeByTheAPIOnly(t *testing.T) {
	home, userHome := room(t)
	start(t, home, userHome)
	change(t, home, "secrets/initial-data.conf", password, "Another-password-of-30-chars-2")
	c := start(t, home, userHome)
	want(t, c.login("Another-password-of-30-chars-2").failed(), "Invalid user name or password")
	if failed := c.login(password).failed(); failed != "" {
		t.Fatal("the first password no longer works: " + failed)
	}
	set := func(c *client, secret string) reply {
		return c.ask(`query($c: Object!) { setUserCredentials(userId: "cbadmin", providerId: "local", credentials: $c) }`,
			map[string]any{"c": map[string]any{"password": clientDigest(secret)}})
	}
	want(t, set(c.fresh(), "x").failed(), "Anonymous access restricted")
	if failed := set(c, "Third-password-of-28-chars-3").failed(); failed != "" {
		t.Fatal(failed)
	}
	if err := os.Remove(filepath.Join(home, "secrets/initial-data.conf")); err != nil {
		t.Fatal(err)
	}
	c = start(t, home, userHome)
	want(t, c.login(password).failed(), "Invalid user name or password")
	if failed := c.login("Third-password-of-28-chars-3").failed(); failed != "" {
		t.Error(failed)
	}
	for _, name := range []string{".data/cb.standin.json", "GlobalConfiguration/.dbeaver/data-sources.json"} {
		text, _ := os.ReadFile(filepath.Join(home, "workspace", name))
		if len(text) == 0 || bytes.Contains(text, []byte("password-of")) {
			t.Errorf("%s is missing or holds a password", name)
		}
	}
}

func TestBruteForce(t *testing.T) {
	home, userHome := room(t)
	s, _, err := newServer(home, userHome, mainConfig)
	if err != nil {
		t.Fatal(err)
	}
	_ = s.store.login(s.config, "cbadmin", clientDigest("a"))
	want(t, s.store.login(s.config, "cbadmin", clientDigest(password)).Error(), "Too frequent")
	s.config.values["server.sm.minimumLoginTimeout"] = int64(0)
	for range 10 {
		_ = s.store.login(s.config, "cbadmin", clientDigest("b"))
	}
	want(t, s.store.login(s.config, "cbadmin", clientDigest(password)).Error(), "Blocked the possibility of login")
}

func TestConnectionsAreTakenOnceOnly(t *testing.T) {
	home, userHome := room(t)
	start(t, home, userHome)
	put(t, home, "conf/initial-data-sources.conf", `{ connections: {} }`)
	c := start(t, home, userHome)
	c.login(password)
	if found, _ := c.ask(`{ userConnections { id } }`, nil).Data["userConnections"].([]any); len(found) != 2 {
		t.Errorf("%v", found)
	}
}

func TestEachFileOfConnectionsIsRead(t *testing.T) {
	home, userHome := room(t)
	start(t, home, userHome)
	folder := "workspace/GlobalConfiguration/.dbeaver/"
	text, err := os.ReadFile(filepath.Join(home, folder+"data-sources.json"))
	if err != nil {
		t.Fatal(err)
	}
	put(t, home, folder+"data-sources-taffrail.json", strings.ReplaceAll(string(text), `"postgres-bot"`, `"team-late"`))
	put(t, home, folder+"others.json", `no connections`)
	c := start(t, home, userHome)
	c.login(password)
	got := fmt.Sprint(c.ask(`{ userConnections { id } }`, nil).Data)
	want(t, got, "map[userConnections:[map[id:postgres-bot] map[id:postgres-bot-read] map[id:team-late]]]")
	if err := os.Remove(filepath.Join(home, folder+"data-sources-taffrail.json")); err != nil {
		t.Fatal(err)
	}
	c = start(t, home, userHome)
	c.login(password)
	if found, _ := c.ask(`{ userConnections { id } }`, nil).Data["userConnections"].([]any); len(found) != 2 {
		t.Errorf("%v", found)
	}
}

func TestRuntimeConfigurationWins(t *testing.T) {
	home, userHome := room(t)
	put(t, home, "workspace/.data/.cloudbeaver.runtime.conf", `{ server: { serverName: 'By hand' } # of the settings page
	}`)
	got := start(t, home, userHome).ask(`{ serverConfig { name anonymousAccessEnabled } }`, nil)
	want(t, fmt.Sprint(got.Data), "map[anonymousAccessEnabled:false name:By hand]")
}

func TestVariables(t *testing.T) {
	t.Setenv("TAFFRAIL_TEST_NAME", "of the environment")
	home, userHome := room(t)
	change(t, home, mainConfig, `"Taffrail prod"`, `"${TAFFRAIL_TEST_NAME:x}"`)
	change(t, home, mainConfig, `"serverPort": 8978`, `"serverPort": "${TAFFRAIL_TEST_PORT:1234}"`)
	s, _, err := newServer(home, userHome, mainConfig)
	if err != nil {
		t.Fatal(err)
	}
	if s.config.text("server.serverName") != "of the environment" || s.config.number("server.serverPort") != 1234 {
		t.Errorf("%v", s.config.values)
	}
}

func TestPermissionsNameConnections(t *testing.T) {
	home, userHome := room(t)
	start(t, home, userHome)
	file := "workspace/GlobalConfiguration/.dbeaver/data-sources-permissions.json"
	put(t, home, file, `{ "postgres-bot": ["user"], "postgres-bot-read": ["user"] }`)
	c := start(t, home, userHome)
	c.login(password)
	if found, _ := c.ask(`{ userConnections { id } }`, nil).Data["userConnections"].([]any); len(found) != 2 {
		t.Errorf("%v", found)
	}
	for text, says := range map[string]string{
		`{ "postgres-other": ["user"] }`: "no connection has the id postgres-other",
		`{ "postgres-bot": "user" }`:     "postgres-bot is not a list",
		`{ "postgres-bot": [1] }`:        "which is no name",
	} {
		put(t, home, file, text)
		if _, _, err := newServer(home, userHome, mainConfig); err == nil {
			t.Error("it starts with", text)
		} else {
			want(t, err.Error(), says)
		}
	}
}

func TestAnswersAreWrittenLikeGson(t *testing.T) {
	got := string(gson(map[string]string{"name": `Tom's <R&D> "a=b"`}))
	want(t, got, "{\n  \"name\": \"Tom\\u0027s \\u003cR\\u0026D\\u003e \\\"a\\u003db\\\"\"\n}")
	var back map[string]string
	if err := json.Unmarshal([]byte(got), &back); err != nil || back["name"] != `Tom's <R&D> "a=b"` {
		t.Error(back, err)
	}
}

func TestBadFilesAreRefused(t *testing.T) {
	for name, test := range map[string]struct{ file, old, changed, says string }{
		"broken":         {mainConfig, `"app": {`, `"app": `, "a comma or"},
		"line":           {mainConfig, `"app": {`, `"app" = {`, "conf/cloudbeaver.conf:"},
		"unknown":        {mainConfig, `"serverPort"`, `"serverport"`, "server.serverport is not a setting"},
		"kind":           {mainConfig, `"serverPort": 8978`, `"serverPort": "many"`, "server.serverPort: many is not a int"},
		"no server name": {mainConfig, `"Taffrail prod"`, `""`, "server.serverName is empty"},
		"another provider": {mainConfig, `"local"
    ]`, `"local", "ldap"]`, "knows local only, not ldap"},
		"no admin":           {"secrets/initial-data.conf", `"adminName": "cbadmin",`, ``, "adminName and adminPassword are needed"},
		"admin like a team":  {"secrets/initial-data.conf", `"cbadmin"`, `"admin"`, "is the name of a team"},
		"unknown admin key":  {"secrets/initial-data.conf", `"adminName"`, `"adminUser"`, "adminUser is not known"},
		"no default team":    {"secrets/initial-data.conf", `"subjectId": "user"`, `"subjectId": "people"`, "doesn't contain default team user"},
		"unknown connection": {"conf/initial-data-sources.conf", `"user": "bot"`, `"credentials": {}`, "credentials is not known"},
		"another driver":     {"conf/initial-data-sources.conf", `"postgres-jdbc"`, `"mysql8"`, "postgres-jdbc only"},
		"another url":        {"conf/initial-data-sources.conf", `5432/bot`, `5432/other`, "is not that of host, port and database"},
	} {
		t.Run(name, func(t *testing.T) {
			home, userHome := room(t)
			change(t, home, test.file, test.old, test.changed)
			if _, _, err := newServer(home, userHome, mainConfig); err == nil {
				t.Error("it starts")
			} else {
				want(t, err.Error(), test.says)
				if strings.Contains(err.Error(), password) {
					t.Error("the error tells the password")
				}
			}
		})
	}
}

func TestEnvironmentIsRefused(t *testing.T) {
	home, userHome := room(t)
	t.Setenv("CB_ADMIN_PASSWORD", password)
	if _, _, err := newServer(home, userHome, mainConfig); err == nil || strings.Contains(err.Error(), password) {
		t.Error(err)
	} else {
		want(t, err.Error(), "CB_ADMIN_PASSWORD is set")
	}
}

func TestNeedsWritablePlaces(t *testing.T) {
	home, _ := room(t)
	if _, _, err := newServer(home, "/proc/nothing", mainConfig); err == nil {
		t.Error("it starts without a home")
	} else {
		want(t, err.Error(), "Invalid Configuration Location")
	}
	change(t, home, mainConfig, `"workspaceLocation": "workspace"`, `"workspaceLocation": "/proc/nothing"`)
	if _, _, err := newServer(home, t.TempDir(), mainConfig); err == nil {
		t.Error("it starts without a workspace")
	} else {
		want(t, err.Error(), "cannot be written")
	}
}

func TestSaysThatItIsAStandIn(t *testing.T) {
	c := start(t, firstOf(room(t)), t.TempDir())
	for path, part := range map[string]string{"/": "stand-in for CloudBeaver", "/status": `"health":"ok"`} {
		got, err := c.web.Get(c.url + path)
		if err != nil {
			t.Fatal(err)
		}
		var body bytes.Buffer
		_, _ = body.ReadFrom(got.Body)
		_ = got.Body.Close()
		want(t, body.String(), part)
		want(t, got.Header.Get("X-Taffrail-Stand-In"), "cloudbeaver")
	}
	want(t, c.ask(`{ driverList { id } }`, nil).failed(), "Taffrail's stand-in for CloudBeaver")
	want(t, c.ask(`mutation { createConnection(config: {}) { id } }`, nil).failed(), "stand-in")
}

func TestRootPath(t *testing.T) {
	home, userHome := room(t)
	change(t, home, mainConfig, `"rootURI": "/"`, `"rootURI": "/cloudbeaver/"`)
	c := start(t, home, userHome)
	for path, status := range map[string]int{"/cloudbeaver/": 200, "/cloudbeaver/status": 200, "/status": 404} {
		got, err := c.web.Get(c.url + path)
		if err != nil {
			t.Fatal(err)
		}
		_ = got.Body.Close()
		if got.StatusCode != status {
			t.Errorf("%s: %d", path, got.StatusCode)
		}
	}
}
