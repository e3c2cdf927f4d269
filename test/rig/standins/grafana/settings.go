package main

import (
	_ "embed"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/ini.v1"
)

//go:embed known-settings.ini
var knownSettings []byte

var enums = map[string][]string{
	"server.protocol":            {"http", "https"},
	"database.type":              {"sqlite3"},
	"security.cookie_samesite":   {"lax", "strict", "none", "disabled"},
	"log.mode":                   {"console"},
	"log.level":                  {"debug", "info", "warn", "error", "critical"},
	"log.console.level":          {"", "debug", "info", "warn", "error", "critical"},
	"log.console.format":         {"console", "text", "json"},
	"users.auto_assign_org_role": {"Viewer", "Editor", "Admin"},
	"users.default_theme":        {"dark", "light", "system"},
	"auth.anonymous.org_role":    {"Viewer", "Editor", "Admin"},
}

var (
	reEnvName = regexp.MustCompile(`[.\-]`)
	reInt     = regexp.MustCompile(`^-?\d+$`)
	reSecret  = regexp.MustCompile(`(?i)password|secret|(^|_)key$|tls_client_key|token$`)
)

const redacted = "*********"

// Settings is the composed configuration: defaults, file, environment, command line, in Grafana's order.
type Settings struct {
	file      *ini.File
	Home      string
	Overrides []string // what the environment and the command line changed, secrets redacted; for the log
}

// Args are the server's command line: --homepath, --config and cfg:section.key=value words.
type Args struct {
	Home, Config string
	Properties   []string
}

// LoadSettings reads the configuration. Errors, all of them at once: unknown sections, keys and GF_ variables,
// wrong types, a file that cannot be read.
func LoadSettings(a Args, env []string) (*Settings, error) {
	f, err := ini.Load(knownSettings)
	if err != nil {
		return nil, err
	}
	s := &Settings{file: f, Home: a.Home}
	defaults := map[string]string{}
	for _, sec := range f.Sections() {
		for _, k := range sec.Keys() {
			defaults[name(sec.Name(), k.Name())] = k.Value()
		}
	}
	var bad []error
	set := func(where, full, value string) {
		if _, ok := defaults[full]; !ok {
			bad = append(bad, fmt.Errorf("%s: the Grafana stand-in does not know the setting %q%s", where, full, nearest(full, defaults)))
			return
		}
		sec, key := split(full)
		f.Section(sec).Key(key).SetValue(value)
	}
	for _, p := range a.Properties {
		if full, value, ok := strings.Cut(strings.TrimPrefix(p, "cfg:default."), "="); strings.HasPrefix(p, "cfg:default.") && ok {
			set("command line", full, value)
		}
	}
	bad = append(bad, mergeFile(a.Config, set)...)
	bad = append(bad, s.mergeEnv(env, defaults, set)...)
	for _, p := range a.Properties {
		if strings.HasPrefix(p, "cfg:default.") {
			continue
		}
		full, value, ok := strings.Cut(strings.TrimPrefix(p, "cfg:"), "=")
		if !strings.HasPrefix(p, "cfg:") || !ok {
			bad = append(bad, fmt.Errorf("command line: the Grafana stand-in does not know %q", p))
			continue
		}
		set("command line", full, value)
	}
	bad = append(bad, s.expandAndCheck(defaults)...)
	return s, errors.Join(bad...)
}

func mergeFile(path string, set func(where, full, value string)) []error {
	if path == "" {
		return nil
	}
	user, err := ini.Load(path)
	if err != nil {
		return []error{fmt.Errorf("%s: %w", path, err)}
	}
	for _, sec := range user.Sections() {
		for _, k := range sec.Keys() {
			set(path, name(sec.Name(), k.Name()), k.Value())
		}
	}
	return nil
}

// mergeEnv takes GF_<SECTION>_<KEY>. As in Grafana an empty variable counts as absent; unlike there an unknown one is refused.
func (s *Settings) mergeEnv(env []string, defaults map[string]string, set func(where, full, value string)) []error {
	names := map[string]string{}
	for full := range defaults {
		sec, key := split(full)
		names[envName(sec, key)] = full
	}
	ignored := []string{"GF_PATHS_CONFIG", "GF_PATHS_HOME", "GF_UID", "GF_GID"}
	var bad []error
	slices.Sort(env)
	for _, e := range env {
		n, value, _ := strings.Cut(e, "=")
		if !strings.HasPrefix(n, "GF_") || slices.Contains(ignored, n) || value == "" {
			continue
		}
		full, ok := names[n]
		if !ok {
			bad = append(bad, fmt.Errorf("environment: the Grafana stand-in does not know the variable %s", n))
			continue
		}
		set("environment", full, value)
		s.Overrides = append(s.Overrides, n+"="+redact(full, value))
	}
	return bad
}

func (s *Settings) expandAndCheck(defaults map[string]string) (bad []error) {
	for full, d := range defaults {
		sec, key := split(full)
		k := s.file.Section(sec).Key(key)
		v, err := expandVar(k.Value())
		if err != nil {
			bad = append(bad, fmt.Errorf("got error while expanding %s: %w", full, err))
			continue
		}
		k.SetValue(v)
		v = k.String()
		if allowed := enums[full]; allowed != nil && !slices.Contains(allowed, v) {
			bad = append(bad, fmt.Errorf("%s is %q; the Grafana stand-in knows %s", full, v, strings.Join(allowed, ", ")))
		}
		// Grafana falls back to the default in silence here.
		if _, err := strconv.ParseBool(v); (d == "true" || d == "false") && err != nil {
			bad = append(bad, fmt.Errorf("%s is %q, not true or false", full, v))
		}
		if reInt.MatchString(d) && !reInt.MatchString(v) {
			bad = append(bad, fmt.Errorf("%s is %q, not a whole number", full, v))
		}
	}
	slices.SortFunc(bad, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return bad
}

func (s *Settings) Get(full string) string {
	sec, key := split(full)
	return s.file.Section(sec).Key(key).String()
}

func (s *Settings) Bool(full string) bool { b, _ := strconv.ParseBool(s.Get(full)); return b }
func (s *Settings) Int(full string) int   { n, _ := strconv.Atoi(s.Get(full)); return n }

// Path is absolute; a relative one counts from the home folder.
func (s *Settings) Path(full string) string {
	p := s.Get(full)
	if p == "" || filepath.IsAbs(p) {
		return p
	}
	return filepath.Join(s.Home, p)
}

func (s *Settings) RootURL() string { return strings.TrimRight(s.Get("server.root_url"), "/") + "/" }

// Redacted is the body of /api/admin/settings.
func (s *Settings) Redacted() map[string]map[string]string {
	out := map[string]map[string]string{}
	for _, sec := range s.file.Sections() {
		m := map[string]string{}
		for _, k := range sec.Keys() {
			m[k.Name()] = redact(name(sec.Name(), k.Name()), k.String())
		}
		out[sec.Name()] = m
	}
	return out
}

// Outgoing lists the settings by which the real program would talk to the outside, or hurt itself trying.
func (s *Settings) Outgoing() (out []string) {
	check := func(full string, want bool, why string) {
		if s.Bool(full) != want {
			out = append(out, fmt.Sprintf("%s should be %v: %s", full, want, why))
		}
	}
	check("analytics.reporting_enabled", false, "sends usage statistics")
	check("analytics.check_for_updates", false, "asks for a newer Grafana")
	check("analytics.check_for_plugin_updates", false, "asks for newer plugins")
	check("news.news_feed_enabled", false, "fetches a news feed")
	check("security.disable_gravatar", true, "fetches pictures by the users' e-mail addresses")
	check("snapshots.external_enabled", false, "offers to publish snapshots outside")
	check("plugins.public_key_retrieval_disabled", true, "fetches signing keys")
	if !s.Bool("plugins.preinstall_disabled") {
		check("plugins.preinstall_auto_update", false,
			"replaces bundled datasource plugins at each start and loses them where the root is read-only (grafana#132528)")
		out = append(out, "plugins.preinstall_disabled should be true: app plugins are downloaded at the first start")
	}
	return out
}

func redact(full, value string) string {
	_, key := split(full)
	if reSecret.MatchString(key) && value != "" {
		return redacted
	}
	return value
}

func name(section, key string) string {
	if section == "" {
		section = ini.DefaultSection
	}
	return section + "." + key
}

func split(full string) (section, key string) {
	i := strings.LastIndex(full, ".")
	if i < 0 {
		return ini.DefaultSection, full
	}
	return full[:i], full[i+1:]
}

func envName(section, key string) string {
	return "GF_" + strings.ToUpper(reEnvName.ReplaceAllString(section+"_"+key, "_"))
}

// nearest names a known setting that has the same key in another section, or the same section, to help a reader.
func nearest(full string, known map[string]string) string {
	sec, key := split(full)
	var same []string
	for k := range known {
		if s, kk := split(k); kk == key && s != sec {
			same = append(same, k)
		}
	}
	slices.Sort(same)
	if len(same) > 0 && len(same) < 4 {
		return " (but " + strings.Join(same, ", ") + ")"
	}
	return ""
}

func readable(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	f.Close()
	return true
}
