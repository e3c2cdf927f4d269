package main

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/jackc/pgpassfile"
)

const (
	projectFolder = "GlobalConfiguration/.dbeaver"
	projectID     = "g_GlobalConfiguration"
	authNative    = "native"
	authPgpass    = "postgres_pgpass"
)

// connections are the shared ones of workspace/GlobalConfiguration/.dbeaver/data-sources*.json.
type connections struct {
	folder   string
	key      []byte
	userHome string
	mu       sync.Mutex
	byID     map[string]*connection
	ids      []string
	// documents are the files as read, by name; credentials that move are taken out of theirs.
	documents map[string]map[string]any
	secured   map[string]credentials
}

type connection struct {
	file                                                        string // where it was read
	id, name, description, host, port, database, url, authModel string
	readOnly, savePassword                                      bool
	plain                                                       credentials
}

type credentials struct {
	User     string `json:"user"`
	Password string `json:"password"`
}

// openConnections copies conf/initial-data-sources.conf at the first start of a workspace, as the real one's start
// script does, then reads the project's own file.
func openConnections(c *config, userHome string) (*connections, error) {
	workspace := c.workspace()
	cs := &connections{folder: filepath.Join(workspace, projectFolder), userHome: userHome, secured: map[string]credentials{}}
	sources := cs.file("data-sources.json")
	if _, err := os.Stat(filepath.Join(workspace, ".metadata")); err != nil {
		for _, folder := range []string{filepath.Join(workspace, ".metadata"), cs.folder} {
			if err := os.MkdirAll(folder, 0o750); err != nil {
				return nil, err
			}
		}
		if _, err := os.Stat(sources); err != nil {
			text, err := os.ReadFile(c.path("conf/initial-data-sources.conf"))
			if err != nil {
				return nil, fmt.Errorf("no connections to begin with: %w", err)
			}
			if err := writeFile(sources, text, 0o640); err != nil {
				return nil, err
			}
		}
	}
	if err := cs.unlock(filepath.Join(workspace, ".data/standin.key")); err != nil {
		return nil, err
	}
	cs.byID, cs.documents = map[string]*connection{}, map[string]map[string]any{}
	files, err := filepath.Glob(cs.file("data-sources*.json"))
	if err != nil {
		return nil, err
	}
	for _, path := range files {
		if path == cs.file(permissionsFile) {
			continue
		}
		if err := cs.read(path); err != nil {
			return nil, err
		}
	}
	for id := range cs.byID {
		cs.ids = append(cs.ids, id)
	}
	if err := cs.checkPermissions(); err != nil {
		return nil, err
	}
	slices.Sort(cs.ids)
	return cs, nil
}

// permissionsFile says which users and teams see a connection. The real one applies it at each start and logs an unknown
// connection; here that is an error. The stand-in has one user, the administrator, who sees all of them.
const permissionsFile = "data-sources-permissions.json"

func (cs *connections) checkPermissions() error {
	path := cs.file(permissionsFile)
	text, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	document, err := parseLenient(path, string(text))
	if err != nil {
		return err
	}
	for id, value := range document {
		if cs.byID[id] == nil {
			return fmt.Errorf("%s: no connection has the id %s", path, id)
		}
		subjects, ok := value.([]any)
		if !ok {
			return fmt.Errorf("%s: %s is not a list of users and teams", path, id)
		}
		for _, subject := range subjects {
			if _, ok := subject.(string); !ok {
				return fmt.Errorf("%s: %s lists %v, which is no name", path, id, subject)
			}
		}
	}
	return nil
}

func (cs *connections) file(name string) string { return filepath.Join(cs.folder, name) }

func (cs *connections) read(path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	document, err := parseLenient(path, string(text))
	if err != nil {
		return err
	}
	if err := onlyKeys(path, document, "folders", "connections", "connection-types"); err != nil {
		return err
	}
	cs.documents[path] = document
	entries, _ := document["connections"].(map[string]any)
	for id, value := range entries {
		entry, _ := value.(map[string]any)
		made, err := newConnection(path+": connections."+id, id, entry)
		if err != nil {
			return err
		}
		made.file = path
		cs.byID[id] = made
	}
	return nil
}

func newConnection(where, id string, entry map[string]any) (*connection, error) {
	if err := onlyKeys(where, entry, "provider", "driver", "name", "description", "save-password", "read-only",
		"template", "show-system-objects", "folder", "configuration"); err != nil {
		return nil, err
	}
	settings, _ := entry["configuration"].(map[string]any)
	if err := onlyKeys(where+".configuration", settings, "host", "port", "database", "url", "configurationType", "type",
		"auth-model", "user", "password", "properties", "provider-properties"); err != nil {
		return nil, err
	}
	text := func(object map[string]any, name string) string {
		if object[name] == nil {
			return ""
		}
		return fmt.Sprint(object[name])
	}
	c := &connection{
		id: id, name: text(entry, "name"), description: text(entry, "description"),
		host: text(settings, "host"), port: text(settings, "port"), database: text(settings, "database"),
		url: text(settings, "url"), authModel: text(settings, "auth-model"),
		readOnly: entry["read-only"] == true, savePassword: entry["save-password"] == true,
		plain: credentials{text(settings, "user"), text(settings, "password")},
	}
	if c.authModel == "" {
		c.authModel = authNative
	}
	switch {
	case text(entry, "provider") != "postgresql" || text(entry, "driver") != "postgres-jdbc":
		return nil, fmt.Errorf("%s: the stand-in knows provider postgresql with driver postgres-jdbc only", where)
	case c.name == "" || c.host == "" || c.port == "" || c.database == "":
		return nil, fmt.Errorf("%s: name, host, port and database are needed", where)
	case c.url != "" && c.url != c.jdbc():
		return nil, fmt.Errorf("%s: url %s is not that of host, port and database, %s", where, c.url, c.jdbc())
	case c.authModel != authNative && c.authModel != authPgpass:
		return nil, fmt.Errorf("%s: auth-model %s is not known to this stand-in", where, c.authModel)
	}
	return c, nil
}

func (c *connection) jdbc() string {
	return "jdbc:postgresql://" + c.host + ":" + c.port + "/" + c.database
}

// credentialsOf finds who connects: what the caller gives, else the pgpass file, else what is saved.
func (cs *connections) credentialsOf(c *connection, given credentials) (credentials, error) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	if c.authModel == authPgpass {
		if given.User == "" {
			given.User = c.plain.User
		}
		password, err := cs.pgpass(c, given.User)
		return credentials{given.User, password}, err
	}
	if given.User != "" {
		return given, nil
	}
	if saved, ok := cs.secured[c.id]; ok {
		return saved, nil
	}
	if c.plain.User == "" || c.plain.Password == "" {
		return credentials{}, errors.New("Authentication required: no credentials are saved for this connection")
	}
	return c.plain, nil
}

func (cs *connections) pgpass(c *connection, user string) (string, error) {
	path := os.Getenv("PGPASSFILE")
	if path == "" {
		path = filepath.Join(cs.userHome, ".pgpass")
	}
	if _, err := os.Stat(path); err != nil {
		return "", fmt.Errorf("PgPass file '%s' not found", path)
	}
	file, err := pgpassfile.ReadPassfile(path)
	if err != nil {
		return "", fmt.Errorf("Error loading PgPass file '%s'", path)
	}
	password := file.FindPassword(c.host, c.port, c.database, user)
	if password == "" {
		return "", errors.New("No matches in pgpass")
	}
	return password, nil
}

// connected moves credentials that were written in clear into the store, at the first connection that works.
func (cs *connections) connected(c *connection) error {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	if c.authModel != authNative || c.plain.Password == "" {
		return nil
	}
	cs.secured[c.id] = c.plain
	if err := cs.lock(); err != nil {
		return err
	}
	entries := cs.documents[c.file]["connections"].(map[string]any)
	settings := entries[c.id].(map[string]any)["configuration"].(map[string]any)
	delete(settings, "user")
	delete(settings, "password")
	c.plain = credentials{}
	text, err := json.MarshalIndent(cs.documents[c.file], "", "  ")
	if err != nil {
		return err
	}
	return writeFile(c.file, text, 0o640)
}

func (cs *connections) saved(c *connection) bool {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	_, secured := cs.secured[c.id]
	return secured || c.plain.Password != "" || c.authModel == authPgpass
}

// unlock reads the saved credentials; their key is this workspace's own, where DBeaver's is the same everywhere.
func (cs *connections) unlock(keyPath string) error {
	var err error
	if cs.key, err = os.ReadFile(keyPath); errors.Is(err, os.ErrNotExist) {
		cs.key = make([]byte, 32)
		_, _ = rand.Read(cs.key)
		err = writeFile(keyPath, cs.key, 0o600)
	}
	if err != nil {
		return err
	}
	sealed, err := os.ReadFile(cs.file("credentials-config.json"))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	gcm, err := cs.cipher()
	if err != nil {
		return err
	}
	if len(sealed) < gcm.NonceSize() {
		return errors.New("credentials-config.json is broken")
	}
	text, err := gcm.Open(nil, sealed[:gcm.NonceSize()], sealed[gcm.NonceSize():], nil)
	if err != nil {
		return fmt.Errorf("credentials-config.json is broken or of another server: %w", err)
	}
	return json.Unmarshal(text, &cs.secured)
}

func (cs *connections) lock() error {
	text, err := json.Marshal(cs.secured)
	if err != nil {
		return err
	}
	gcm, err := cs.cipher()
	if err != nil {
		return err
	}
	nonce := make([]byte, gcm.NonceSize())
	_, _ = rand.Read(nonce)
	return writeFile(cs.file("credentials-config.json"), gcm.Seal(nonce, nonce, text, nil), 0o600)
}

func (cs *connections) cipher() (cipher.AEAD, error) {
	block, err := aes.NewCipher(cs.key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}
