// Command cloudbeaver-standin stands in for CloudBeaver where the real image cannot be had. It is not CloudBeaver.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"html"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	version = "26.2.0-standin"
	says    = "This is Taffrail's stand-in for CloudBeaver 26.2.0, not CloudBeaver."
)

type server struct {
	config      *config
	store       *store
	connections *connections
	mu          sync.Mutex
	sessions    map[string]*session
}

func main() {
	webConfig := flag.String("web-config", mainConfig, "the configuration file, below the working directory")
	showVersion := flag.Bool("version", false, "say what this is")
	flag.Parse()
	if *showVersion {
		fmt.Println("cloudbeaver-standin " + version + ". " + says)
		return
	}
	log.SetOutput(os.Stdout)
	log.Print(says)
	if err := run(*webConfig); err != nil {
		fmt.Fprintf(os.Stderr, "cloudbeaver-standin: %v\n", err)
		os.Exit(1)
	}
}

func run(webConfig string) error {
	if flag.NArg() > 0 {
		return fmt.Errorf("%q is not an argument that the stand-in knows", flag.Arg(0))
	}
	home := os.Getenv("CLOUDBEAVER_HOME")
	if home == "" {
		home, _ = os.Getwd()
	}
	s, first, err := newServer(home, userHome(), webConfig)
	if err != nil {
		return err
	}
	if first {
		log.Print("First start of this workspace: users and teams made of the initial data")
	}
	listener, err := net.Listen("tcp", net.JoinHostPort(s.config.text("server.serverHost"), strconv.FormatInt(s.config.number("server.serverPort"), 10)))
	if err != nil {
		return err
	}
	log.Printf("Listening on %s, %d connections", listener.Addr(), len(s.connections.ids))
	return serve(s, listener)
}

func serve(s *server, listener net.Listener) error {
	stop, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer cancel()
	web := &http.Server{Handler: s, ReadHeaderTimeout: 10 * time.Second}
	go func() {
		<-stop.Done()
		late, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_ = web.Shutdown(late)
	}()
	if err := web.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	log.Print("Stopped")
	return nil
}

// userHome is the home of the user in /etc/passwd, as Java's user.home is; HOME counts only without an entry.
func userHome() string {
	if me, err := user.LookupId(strconv.Itoa(os.Getuid())); err == nil && me.HomeDir != "" {
		return me.HomeDir
	}
	return os.Getenv("HOME")
}

// newServer reads the files and makes the workspace; first says that it was the first start.
func newServer(home, userHome, webConfig string) (s *server, first bool, err error) {
	if err := makeConfigurationArea(home, userHome); err != nil {
		return nil, false, err
	}
	c, err := loadConfig(home, webConfig)
	if err != nil {
		return nil, false, err
	}
	data := filepath.Join(c.workspace(), ".data")
	if err := os.MkdirAll(data, 0o750); err != nil || !writable(data) {
		return nil, false, fmt.Errorf("the workspace %s cannot be written by uid %d", c.workspace(), os.Getuid())
	}
	s = &server{config: c, sessions: map[string]*session{}}
	if s.store, first, err = openStore(c); err != nil {
		return nil, false, err
	}
	if s.connections, err = openConnections(c, userHome); err != nil {
		return nil, false, err
	}
	return s, first, s.grantFromFile()
}

const (
	areaOption       = "-Dosgi.configuration.area="
	sharedAreaOption = "-Dosgi.sharedConfiguration.area="
)

// makeConfigurationArea is what Equinox does before anything of CloudBeaver runs (DBeaverLauncher): it writes to the
// area that JAVA_OPTS names; else to the one of the installation, if that can be written; else to one below the home.
// The area that is shared must hold the installation's config.ini, or no framework is found.
func makeConfigurationArea(home, userHome string) error {
	installed := filepath.Join(home, "server/configuration")
	area, shared := "", installed
	for _, option := range strings.Fields(os.Getenv("JAVA_OPTS")) {
		if value, ok := strings.CutPrefix(option, areaOption); ok {
			area = strings.TrimPrefix(value, "file:")
		}
		if value, ok := strings.CutPrefix(option, sharedAreaOption); ok {
			shared = strings.TrimPrefix(value, "file:")
		}
	}
	if area == "" && writable(installed) {
		return nil
	}
	if area == "" && userHome != "" {
		area = filepath.Join(userHome, ".local/share/DBeaverData/install-data")
	}
	if err := os.MkdirAll(area, 0o750); err != nil || !writable(area) {
		return fmt.Errorf("Invalid Configuration Location: the configuration area at '%s' could not be created. "+
			"Please choose a writable location using the '-configuration' command line option", area)
	}
	if shared == installed {
		return nil // not in a folder of tests
	}
	if _, err := os.Stat(filepath.Join(shared, "config.ini")); err != nil {
		return fmt.Errorf("%s%s holds no config.ini: the real one would find nothing to start", sharedAreaOption, shared)
	}
	return nil
}

func writable(folder string) bool {
	file, err := os.CreateTemp(folder, ".write-*")
	if err != nil {
		return false
	}
	_ = file.Close()
	return os.Remove(file.Name()) == nil
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Taffrail-Stand-In", "cloudbeaver")
	root := s.config.root()
	if root == "/" {
		root = ""
	}
	service := "/" + strings.Trim(s.config.text("server.serviceURI"), "/")
	switch filepath.Clean(r.URL.Path) {
	case filepath.Clean(root + "/status"):
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]string{
			"health": "ok", "product.name": "Stand-in for CloudBeaver CE", "product.version": version,
		})
	case filepath.Clean(root + service + "/gql"):
		s.serveGraphQL(w, r)
	case filepath.Clean(root + "/"):
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		fmt.Fprintf(w, "<!doctype html><title>%s</title><h1>%s</h1><p>%d connections</p>\n",
			html.EscapeString(s.config.text("server.serverName")), says, len(s.connections.ids))
	default:
		http.NotFound(w, r)
	}
}
