// A stand-in for Grafana: same files, environment, user, ports and the part of the API that Taffrail's jobs and
// tests use. It refuses what it does not know. See README.md.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"syscall"
)

func main() { os.Exit(run(os.Args, os.Stdin, os.Stdout, os.Stderr)) }

// run chooses by the name it is called by, as one binary stands for /run.sh, grafana, grafana-server and grafana-cli.
func run(argv []string, in io.Reader, out, errw io.Writer) int {
	words := argv[1:]
	if slices.ContainsFunc(words, func(w string) bool { return w == "--version" || w == "-v" || w == "-version" }) {
		fmt.Fprintf(out, "Version %s (commit: %s). %s\n", version, commit, banner)
		return 0
	}
	first := ""
	if len(words) > 0 {
		first = words[0]
	}
	var err error
	switch base := filepath.Base(argv[0]); {
	case base == "grafana-cli":
		err = cli(words, in, out)
	case base == "grafana-server":
		err = serve(serverArgs(words))
	case base == "run.sh":
		err = serve(entrypointArgs(words))
	case first == "cli":
		err = cli(words[1:], in, out)
	case first == "server":
		err = serve(serverArgs(words[1:]))
	case base == "grafana":
		err = fmt.Errorf("the Grafana stand-in knows `grafana server` and `grafana cli`, not %q", first)
	default:
		err = serve(entrypointArgs(words))
	}
	if err != nil {
		fmt.Fprintf(errw, "Error: ✗ %v\n", err)
		return 1
	}
	return 0
}

func serve(a Args, err error) error {
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	first := NewLogger(os.Stdout, "info", "console")
	first.Info("standin", banner, "version", version)
	cfg, err := LoadSettings(a, os.Environ())
	if err != nil {
		return err
	}
	log := logger(cfg)
	for _, o := range cfg.Overrides {
		log.Info("settings", "Config overridden from Environment variable", "var", o)
	}
	log.Info("settings", "Path Data", "path", cfg.Path("paths.data"))
	log.Info("settings", "Path Provisioning", "path", cfg.Path("paths.provisioning"))
	g, err := NewGrafana(ctx, cfg, log)
	if err != nil {
		log.Error("server", "Startup failed", "error", err)
		return err
	}
	return g.Serve(ctx)
}
