package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// version and commit are what /api/health shows; the rig stamps version with -ldflags "-X main.version=13.x.y".
var (
	version = "13.2.1"
	commit  = "stand-in"
)

const banner = "This is a stand-in for Grafana, made for tests. It is not Grafana."

// Grafana is one running stand-in.
type Grafana struct {
	cfg      *Settings
	log      *Logger
	store    *Store
	problems Problems
	metrics  *metrics

	second      time.Duration // of updateIntervalSeconds; shorter in unit tests
	pollMu      sync.Mutex
	stopPolling context.CancelFunc
}

// Problems is what the real program would do wrong in silence; GET /api/standin/problems shows it.
type Problems struct {
	mu     sync.Mutex
	list   []Problem
	logged map[Problem]bool
}

type Problem struct {
	Kind    string `json:"kind"`
	Where   string `json:"where"`
	Message string `json:"message"`
}

// Add tells whether the problem is seen for the first time.
func (p *Problems) Add(kind, where, msg string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	x := Problem{kind, where, msg}
	p.list = append(p.list, x)
	if p.logged == nil {
		p.logged = map[Problem]bool{}
	}
	first := !p.logged[x]
	p.logged[x] = true
	return first
}

func (p *Problems) Clear(kindPrefix string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.list = slices.DeleteFunc(p.list, func(x Problem) bool { return strings.HasPrefix(x.Kind, kindPrefix) })
}

func (p *Problems) List() []Problem {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := []Problem{}
	for _, x := range p.list {
		x.Kind, _, _ = strings.Cut(x.Kind, ":")
		out = append(out, x)
	}
	return out
}

// NewGrafana opens the database and provisions. Errors: whatever makes the real program exit at its start.
func NewGrafana(ctx context.Context, cfg *Settings, log *Logger) (*Grafana, error) {
	g := &Grafana{cfg: cfg, log: log, store: NewStore(cfg.Path("paths.data")), metrics: newMetrics(), second: time.Second}
	if err := os.MkdirAll(cfg.Path("paths.data"), 0o750); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(cfg.Path("paths.plugins"), 0o750); err != nil {
		return nil, fmt.Errorf("mkdir: can't create directory: %w", err)
	}
	made, err := g.store.Migrate(cfg)
	if err != nil {
		return nil, err
	}
	if made && !cfg.Bool("security.disable_initial_admin_creation") {
		log.Info("sqlstore", "Created default admin", "user", cfg.Get("security.admin_user"))
		if cfg.Get("security.admin_password") == "admin" {
			g.problems.Add("security", "security.admin_password", "the database was made with the default password")
		}
	}
	if home := cfg.Path("dashboards.default_home_dashboard_path"); home != "" && !readable(home) {
		g.problems.Add("dashboard", home, "dashboards.default_home_dashboard_path cannot be read")
	}
	for _, o := range cfg.Outgoing() {
		g.problems.Add("outgoing", "settings", o)
		log.Warn("standin", "the real program would talk to the outside", "setting", o)
	}
	if err := errors.Join(g.checkProvisioningFolders(), g.checkOAuth()); err != nil {
		return nil, err
	}
	for _, step := range []struct {
		what string
		run  func() error
	}{
		{"Datasource provisioning error", g.provisionDatasources},
		{"Plugin provisioning error", g.provisionPlugins},
		{"Alert provisioning error", g.provisionAlerting},
		{"Dashboard provisioning error", func() error { return g.provisionDashboards(ctx) }},
	} {
		if err := step.run(); err != nil {
			return nil, fmt.Errorf("%s: %w", step.what, err)
		}
	}
	return g, nil
}

// Serve listens until ctx ends, then lets running requests finish.
func (g *Grafana) Serve(ctx context.Context) error {
	ln, err := net.Listen("tcp", net.JoinHostPort(g.cfg.Get("server.http_addr"), g.cfg.Get("server.http_port")))
	if err != nil {
		return err
	}
	srv := &http.Server{Handler: g.Handler(), ReadHeaderTimeout: 30 * time.Second,
		ReadTimeout: time.Duration(g.cfg.Int("server.read_timeout")) * time.Minute}
	g.log.Info("http.server", "HTTP Server Listen", "address", ln.Addr(), "protocol", g.cfg.Get("server.protocol"), "subUrl", g.subPath())
	failed := make(chan error, 1)
	go func() {
		if g.cfg.Get("server.protocol") == "https" {
			failed <- srv.ServeTLS(ln, g.cfg.Path("server.cert_file"), g.cfg.Path("server.cert_key"))
		} else {
			failed <- srv.Serve(ln)
		}
	}()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	g.log.Info("server", "Shutdown started", "reason", "System signal: terminated")
	stop, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	return srv.Shutdown(stop)
}

// logger builds the log from the settings.
func logger(cfg *Settings) *Logger {
	level := cfg.Get("log.console.level")
	if level == "" {
		level = cfg.Get("log.level")
	}
	return NewLogger(os.Stdout, level, cfg.Get("log.console.format"))
}

// entrypointArgs does what the official image's /run.sh does before it starts the server: __FILE variables,
// paths from the environment, defaults of the image.
func entrypointArgs(words []string) (Args, error) {
	at := func(env, def string) string {
		if v := os.Getenv(env); v != "" {
			return v
		}
		return def
	}
	home, data := at("GF_PATHS_HOME", "/usr/share/grafana"), at("GF_PATHS_DATA", "/var/lib/grafana")
	config, plugins := at("GF_PATHS_CONFIG", "/etc/grafana/grafana.ini"), at("GF_PATHS_PLUGINS", "/var/lib/grafana/plugins")
	if !readable(config) {
		return Args{}, fmt.Errorf("GF_PATHS_CONFIG='%s' is not readable", config)
	}
	for _, e := range os.Environ() {
		n, path, _ := strings.Cut(e, "=")
		target, ok := strings.CutSuffix(n, "__FILE")
		if !ok || !strings.HasPrefix(n, "GF_") || path == "" {
			continue
		}
		if os.Getenv(target) != "" {
			return Args{}, fmt.Errorf("ERROR: Both %s and %s are set (but are exclusive)", target, n)
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return Args{}, fmt.Errorf("getting secret %s: %w", target, err)
		}
		fmt.Printf("Getting secret %s from %s\n", target, path)
		os.Setenv(target, strings.TrimRight(string(b), "\n"))
		os.Unsetenv(n)
	}
	a, err := serverArgs(words)
	if err != nil {
		return a, err
	}
	a.Home, a.Config = home, config
	a.Properties = append(a.Properties, "cfg:default.log.mode=console", "cfg:default.paths.data="+data,
		"cfg:default.paths.logs="+at("GF_PATHS_LOGS", "/var/log/grafana"), "cfg:default.paths.plugins="+plugins,
		"cfg:default.paths.provisioning="+at("GF_PATHS_PROVISIONING", "/etc/grafana/provisioning"))
	return a, nil
}

// serverArgs reads the flags of `grafana server`.
func serverArgs(words []string) (Args, error) {
	var a Args
	for i := 0; i < len(words); i++ {
		w := words[i]
		if strings.HasPrefix(w, "cfg:") {
			a.Properties = append(a.Properties, w)
			continue
		}
		key, value, joined := strings.Cut(strings.TrimLeft(w, "-"), "=")
		if !joined && i+1 < len(words) {
			i++
			value = words[i]
		}
		switch {
		case !strings.HasPrefix(w, "-"):
			return a, fmt.Errorf("the Grafana stand-in does not know the argument %q", w)
		case key == "homepath":
			a.Home = value
		case key == "config":
			a.Config = value
		case key == "packaging" || key == "pidfile":
		default:
			return a, fmt.Errorf("the Grafana stand-in does not know the flag --%s", key)
		}
	}
	if a.Home == "" {
		a.Home, _ = os.Getwd()
	}
	if custom := filepath.Join(a.Home, "conf/custom.ini"); a.Config == "" && readable(custom) {
		a.Config = custom
	}
	return a, nil
}
