package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// postgres starts a real server on loopback, or skips the test where there is none. It refuses to run as root.
func postgres(t *testing.T) (port string) {
	t.Helper()
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if len(found) == 0 {
		t.Skip("no Postgres on this machine")
	}
	folder, err := os.MkdirTemp("", "standin-postgres-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(folder) })
	attributes := &syscall.SysProcAttr{}
	if os.Getuid() == 0 {
		attributes.Credential = &syscall.Credential{Uid: 65534, Gid: 65534}
		if err := os.Chown(folder, 65534, 65534); err != nil {
			t.Fatal(err)
		}
	}
	secret := filepath.Join(folder, "password")
	if err := os.WriteFile(secret, []byte("se:cr\\et"), 0o644); err != nil {
		t.Fatal(err)
	}
	data := filepath.Join(folder, "data")
	command := func(name string, args ...string) *exec.Cmd {
		made := exec.Command(filepath.Join(filepath.Dir(found[0]), name), args...)
		made.SysProcAttr, made.Dir, made.Env = attributes, folder, append(os.Environ(), "LC_ALL=C")
		return made
	}
	if out, err := command("initdb", "-D", data, "-U", "bot", "--pwfile", secret, "-A", "scram-sha-256", "-N").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port = strconv.Itoa(listener.Addr().(*net.TCPAddr).Port)
	_ = listener.Close()
	running := command("postgres", "-D", data, "-p", port, "-k", folder, "-c", "listen_addresses=127.0.0.1", "-c", "fsync=off")
	if err := running.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = running.Process.Signal(syscall.SIGINT)
		_ = running.Wait()
	})
	for range 100 {
		if conn, err := net.Dial("tcp", "127.0.0.1:"+port); err == nil {
			_ = conn.Close()
			return port
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatal("Postgres does not start")
	return ""
}

// sources is the rendered file for a database `postgres` of the user `bot`, with changes.
func sources(port, authModel, more string) string {
	return fmt.Sprintf(`{ folders: {}, connections: { "postgres-bot": { provider: postgresql, driver: "postgres-jdbc",
		name: Bot, "save-password": true, "read-only": %s, configuration: { host: "127.0.0.1", port: "%s", database: postgres,
		"auth-model": %s, user: bot %s } } } }`, strconv.FormatBool(strings.Contains(more, "read")), port, authModel,
		strings.TrimPrefix(more, "read"))
}

func (c *client) run(sql string) reply {
	c.t.Helper()
	in := c.ask(`mutation { sqlContextCreate(projectId: "g_GlobalConfiguration", connectionId: "postgres-bot") { id } }`, nil)
	if in.failed() != "" {
		return in
	}
	context := in.Data["sqlContextCreate"].(map[string]any)["id"]
	task := c.ask(`mutation($sql: String!, $context: ID!) { asyncSqlExecuteQuery(connectionId: "postgres-bot", contextId: $context, sql: $sql,
		filter: { limit: 3 }) { id running } }`, map[string]any{"sql": sql, "context": context})
	if task.failed() != "" {
		return task
	}
	id := map[string]any{"id": task.Data["asyncSqlExecuteQuery"].(map[string]any)["id"]}
	for range 200 {
		info := c.ask(`mutation($id: String!) { asyncTaskInfo(id: $id, removeOnFinish: false) { running error { message } } }`, id)
		if info.Data["asyncTaskInfo"].(map[string]any)["running"] == false {
			return c.ask(`mutation($id: ID!) { asyncSqlExecuteResults(taskId: $id) { statusMessage
				results { updateRowCount resultSet { columns { name dataKind } rowsWithMetaData { data } hasMoreData } } } }`, id)
		}
		time.Sleep(10 * time.Millisecond)
	}
	c.t.Fatal("the query does not end")
	return reply{}
}

func (c *client) open() string {
	c.t.Helper()
	return c.ask(`mutation { initConnection(id: "postgres-bot") { connected serverVersion } }`, nil).failed()
}

func (c *client) browse(path string) []string {
	c.t.Helper()
	got := c.ask(`query($path: ID!) { navNodeChildren(parentPath: $path) { id name } }`, map[string]any{"path": path})
	if got.failed() != "" {
		c.t.Fatal(got.failed())
	}
	var names []string
	for _, node := range got.Data["navNodeChildren"].([]any) {
		name := node.(map[string]any)["name"].(string)
		names = append(names, name)
		if name != "users" {
			names = append(names, c.browse(node.(map[string]any)["id"].(string))...)
		}
	}
	return names
}

func TestPostgresByPgpass(t *testing.T) {
	port := postgres(t)
	home, userHome := room(t)
	put(t, home, "conf/initial-data-sources.conf", sources(port, authPgpass, ""))
	t.Setenv("PGPASSFILE", filepath.Join(home, "secrets/pgpass"))
	c := start(t, home, userHome)
	c.login(password)

	want(t, c.open(), "pgpass' not found")
	put(t, home, "secrets/pgpass", "127.0.0.1:"+port+":postgres:bot:wrong\n")
	want(t, c.open(), "password authentication failed")
	want(t, c.run("SELECT 1").failed(), "is not connected")
	// A changed file counts at the next connection: nothing is stored, nothing restarted.
	put(t, home, "secrets/pgpass", "127.0.0.1:"+port+":postgres:bot:se\\:cr\\\\et\n")
	if failed := c.open(); failed != "" {
		t.Fatal(failed)
	}
	want(t, c.open(), "already connected")

	got := c.run("CREATE TABLE users (id int, name text, vip bool)")
	want(t, fmt.Sprint(got.Data, got.failed()), "statusMessage:CREATE TABLE")
	want(t, fmt.Sprint(c.run("INSERT INTO users SELECT n, NULLIF('user ' || n, 'user 2'), n = 1 FROM generate_series(1, 5) n").Data), "updateRowCount:5")
	got = c.run("SELECT * FROM users ORDER BY id")
	want(t, fmt.Sprint(got.Data), "rowsWithMetaData:[map[data:[1 user 1 true]] map[data:[2 <nil> false]] map[data:[3 user 3 false]]]")
	want(t, fmt.Sprint(got.Data), "hasMoreData:true")
	want(t, c.run("SELECT * FROM nothing").failed(), `relation "nothing" does not exist`)
	if names := strings.Join(c.browse("database://postgres-bot"), " "); names != "Databases postgres Schemas public Tables users" {
		t.Error(names)
	}
	got = c.ask(`mutation { testConnection(config: { connectionId: "postgres-bot" }) { serverVersion } }`, nil)
	want(t, fmt.Sprint(got.Data, got.failed()), "serverVersion:PostgreSQL")
	assertNowhere(t, filepath.Join(home, "workspace"), "se:cr")
}

func TestPostgresNativeCredentialsMoveAtTheFirstConnection(t *testing.T) {
	port := postgres(t)
	home, userHome := room(t)
	put(t, home, "conf/initial-data-sources.conf", sources(port, authNative, `read, password: "se:cr\\et"`))
	c := start(t, home, userHome)
	c.login(password)
	file := filepath.Join(home, "workspace/GlobalConfiguration/.dbeaver/data-sources.json")
	if text, _ := os.ReadFile(file); !strings.Contains(string(text), "se:cr") {
		t.Error("not in clear before the first connection")
	}
	if failed := c.open(); failed != "" {
		t.Fatal(failed)
	}
	assertNowhere(t, filepath.Join(home, "workspace"), "se:cr")
	want(t, c.run("CREATE TABLE t (id int)").failed(), "read-only transaction")

	c = start(t, home, userHome)
	c.login(password)
	if failed := c.open(); failed != "" {
		t.Error("after a restart: " + failed)
	}
}

func assertNowhere(t *testing.T, folder, secret string) {
	t.Helper()
	_ = filepath.WalkDir(folder, func(path string, entry os.DirEntry, err error) error {
		if err == nil && entry.Type().IsRegular() {
			if text, _ := os.ReadFile(path); strings.Contains(string(text), secret) {
				t.Errorf("%s holds the password", path)
			}
		}
		return nil
	})
}
