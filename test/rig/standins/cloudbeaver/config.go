package main

import (
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
)

// kinds of the settings that this stand-in knows: those of the wiki's page Server-Configuration and of the shipped
// conf/cloudbeaver.conf. The real one ignores what it does not know, so that a misspelt key is never noticed.
var kinds = parseKinds(`
server.serverName string            server.serverPort int              server.serverHost string
server.serverURL string             server.workspaceLocation string    server.contentRoot string
server.driversLocation string       server.rootURI string              server.serviceURI string
server.sslConfigurationPath string  server.expireSessionAfterPeriod int server.develMode bool
server.enableSecurityManager bool   server.productSettings map         server.bindSessionToIp string
server.sm.enableBruteForceProtection bool server.sm.maxFailedLogin int server.sm.minimumLoginTimeout int
server.sm.blockLoginPeriod int      server.sm.expiredAuthAttemptInfoTtl int
server.sm.passwordPolicy.minLength int server.sm.passwordPolicy.requireMixedCase bool
server.sm.passwordPolicy.minNumberCount int server.sm.passwordPolicy.minSymbolCount int
server.database.driver string       server.database.url string         server.database.schema string
server.database.user string         server.database.password string    server.database.initialDataConfiguration string
server.database.backupEnabled bool  server.database.pool map
app.anonymousAccessEnabled bool     app.anonymousUserRole string       app.anonymousUserTeam string
app.grantConnectionsAccessToAnonymousTeam bool app.defaultUserTeam string
app.defaultAuthProvider string      app.enabledAuthProviders list      app.enableReverseProxyAuth bool
app.supportsCustomConnections bool  app.showReadOnlyConnectionInfo bool app.systemVariablesResolvingEnabled bool
app.forwardProxy bool               app.publicCredentialsSaveEnabled bool app.adminCredentialsSaveEnabled bool
app.linkExternalCredentialsWithUser bool app.redirectOnFederatedAuth bool app.resourceManagerEnabled bool
app.resourceQuotas map              app.defaultNavigatorSettings map   app.enabledFeatures list
app.enabledDrivers list             app.disabledDrivers list           app.disabledBetaFeatures list
app.plugins map
`)

func parseKinds(text string) map[string]string {
	words := strings.Fields(text)
	kinds := map[string]string{}
	for i := 0; i < len(words); i += 2 {
		kinds[words[i]] = words[i+1]
	}
	return kinds
}

// config is the merged configuration: a value for each path like `server.serverPort`.
type config struct {
	home   string // where relative paths start: the working directory, /opt/cloudbeaver in the image
	values map[string]any
}

const (
	mainConfig    = "conf/cloudbeaver.conf"
	runtimeConfig = ".data/.cloudbeaver.runtime.conf"
)

// loadConfig reads conf/cloudbeaver.conf, then, with precedence, the workspace's runtime configuration, which the
// real one writes when an administrator saves its settings page.
func loadConfig(home, path string) (*config, error) {
	c := &config{home: home, values: map[string]any{
		"server.serverPort": int64(8978), "server.rootURI": "/", "server.serviceURI": "/api/",
		"server.workspaceLocation": "workspace", "server.expireSessionAfterPeriod": int64(1800000),
		"server.sm.enableBruteForceProtection": true, "server.sm.maxFailedLogin": int64(10),
		"server.sm.minimumLoginTimeout": int64(1), "server.sm.blockLoginPeriod": int64(300),
		"server.database.driver": "h2_embedded_v2", "app.defaultUserTeam": "user",
		"server.database.initialDataConfiguration": "conf/initial-data.conf",
	}}
	if err := c.read(c.path(path)); err != nil {
		return nil, err
	}
	runtime := filepath.Join(c.workspace(), runtimeConfig)
	if _, err := os.Stat(runtime); err == nil {
		if err := c.read(runtime); err != nil {
			return nil, err
		}
	}
	return c, c.refuse()
}

func (c *config) read(path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("the configuration cannot be read: %w", err)
	}
	object, err := parseLenient(path, string(text))
	if err != nil {
		return err
	}
	return c.take(path, "", object)
}

func (c *config) take(file, prefix string, object map[string]any) error {
	names := make([]string, 0, len(object))
	for name := range object {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		path := strings.TrimPrefix(prefix+"."+name, ".")
		kind, known := kinds[path]
		nested, isObject := object[name].(map[string]any)
		if !known && isObject && isRoom(path) {
			if err := c.take(file, path, nested); err != nil {
				return err
			}
			continue
		}
		if !known {
			return fmt.Errorf("%s: %s is not a setting that this stand-in knows", file, path)
		}
		value, err := c.convert(kind, object[name])
		if err != nil {
			return fmt.Errorf("%s: %s: %w", file, path, err)
		}
		c.values[path] = value
	}
	return nil
}

func isRoom(path string) bool {
	for known := range kinds {
		if strings.HasPrefix(known, path+".") {
			return true
		}
	}
	return false
}

func (c *config) convert(kind string, value any) (any, error) {
	text, isText := value.(string)
	if isText {
		text = c.expand(text)
	}
	switch kind {
	case "string":
		if isText {
			return text, nil
		}
	case "int":
		if n, ok := value.(int64); ok {
			return n, nil
		}
		if n, err := strconv.ParseInt(text, 10, 64); isText && err == nil {
			return n, nil
		}
	case "bool":
		if b, ok := value.(bool); ok {
			return b, nil
		}
		if isText && (text == "true" || text == "false") {
			return text == "true", nil
		}
	case "map":
		if object, ok := value.(map[string]any); ok {
			return object, nil
		}
	case "list":
		list, ok := value.([]any)
		texts := []string{}
		for _, item := range list {
			text, isText := item.(string)
			ok = ok && isText
			texts = append(texts, c.expand(text))
		}
		if ok {
			return texts, nil
		}
	}
	return nil, fmt.Errorf("%v is not a %s", value, kind)
}

// expand replaces ${NAME} and ${NAME:default}, which may be nested, by the environment or the default.
func (c *config) expand(text string) string {
	start := strings.Index(text, "${")
	if start < 0 {
		return text
	}
	depth, end := 0, -1
	for i := start; i < len(text) && end < 0; i++ {
		switch text[i] {
		case '{':
			depth++
		case '}':
			if depth--; depth == 0 {
				end = i
			}
		}
	}
	if end < 0 {
		return text
	}
	name, fallback, hasDefault := strings.Cut(text[start+2:end], ":")
	value, found := os.LookupEnv(name)
	switch {
	case found:
	case name == "workspace":
		value = c.workspace()
	case name == "home":
		value = c.home
	case hasDefault:
		value = c.expand(fallback)
	default:
		value = text[start : end+1]
	}
	return text[:start] + value + c.expand(text[end+1:])
}

// refuse stops at what the real one supports and the stand-in does not, and at what would open it to anybody.
func (c *config) refuse() error {
	for _, name := range []string{"CB_SERVER_NAME", "CB_SERVER_URL", "CB_ADMIN_NAME", "CB_ADMIN_PASSWORD"} {
		if _, set := os.LookupEnv(name); set {
			return fmt.Errorf("%s is set: the stand-in takes its name and admin from files only, since "+
				"an environment shows in docker inspect; use server.serverName and the initial data", name)
		}
	}
	if _, err := os.Stat(c.path("conf/.cloudbeaver.auto.conf")); err == nil {
		return fmt.Errorf("conf/.cloudbeaver.auto.conf is not supported by the stand-in; use the initial data")
	}
	if c.text("server.serverName") == "" {
		return fmt.Errorf("server.serverName is empty: the real one would open its setup wizard to the first visitor")
	}
	if driver := c.text("server.database.driver"); driver != "h2_embedded_v2" {
		return fmt.Errorf("server.database.driver %s: the stand-in has a store of its own instead of h2_embedded_v2", driver)
	}
	if ssl := c.text("server.sslConfigurationPath"); ssl != "" {
		if _, err := os.Stat(c.path(ssl)); err == nil {
			return fmt.Errorf("server.sslConfigurationPath: the stand-in speaks no TLS")
		}
	}
	for _, provider := range c.list("app.enabledAuthProviders") {
		if provider != "local" {
			return fmt.Errorf("app.enabledAuthProviders: the stand-in knows local only, not %s", provider)
		}
	}
	return nil
}

func (c *config) path(path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(c.home, path)
}

func (c *config) workspace() string { return c.path(c.text("server.workspaceLocation")) }

func (c *config) root() string { return "/" + strings.Trim(c.text("server.rootURI"), "/") }

func (c *config) text(path string) string { value, _ := c.values[path].(string); return value }

func (c *config) number(path string) int64 { value, _ := c.values[path].(int64); return value }

func (c *config) is(path string) bool { value, _ := c.values[path].(bool); return value }

func (c *config) list(path string) []string { value, _ := c.values[path].([]string); return value }

// quota is a number below app.resourceQuotas.
func (c *config) quota(name string, fallback int64) int64 {
	quotas, _ := c.values["app.resourceQuotas"].(map[string]any)
	if n, err := c.convert("int", quotas[name]); err == nil {
		return n.(int64)
	}
	return fallback
}
