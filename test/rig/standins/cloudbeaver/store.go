package main

import (
	"crypto/md5" //nolint:gosec // not our choice: so does the real web client
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// store is what the real one keeps in its H2 database below workspace/.data: users and teams.
type store struct {
	path string
	mu   sync.Mutex
	data storeData
	// attempts of logging in, by user; in memory only, where the real one writes them down.
	attempts map[string][]attempt
}

type storeData struct {
	Note  string              `json:"note"`
	Users map[string]*account `json:"users"`
	Teams []string            `json:"teams"`
	// Grants are the users and teams that see a connection, by its id.
	Grants map[string][]string `json:"grants,omitempty"`
}

type account struct {
	Salt  []byte   `json:"salt"`
	Hash  []byte   `json:"hash"`
	Teams []string `json:"teams"`
	Admin bool     `json:"admin"`
}

type attempt struct {
	at     time.Time
	failed bool
}

// openStore opens what is there, or, at the first start of a workspace and only then, makes it of the initial data.
func openStore(c *config) (*store, bool, error) {
	s := &store{path: filepath.Join(c.workspace(), ".data/cb.standin.json"), attempts: map[string][]attempt{}}
	text, err := os.ReadFile(s.path)
	if err == nil {
		if err := json.Unmarshal(text, &s.data); err != nil {
			return nil, false, fmt.Errorf("%s is broken: %w", s.path, err)
		}
		return s, false, nil
	}
	if !errors.Is(err, os.ErrNotExist) {
		return nil, false, err
	}
	if err := s.create(c); err != nil {
		return nil, false, fmt.Errorf("error loading initial data configuration: %w", err)
	}
	return s, true, s.save()
}

func (s *store) create(c *config) error {
	path := c.path(c.text("server.database.initialDataConfiguration"))
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	data, err := parseLenient(path, string(text))
	if err != nil {
		return err
	}
	if err := onlyKeys(path, data, "adminName", "adminPassword", "teams"); err != nil {
		return err
	}
	s.data = storeData{Note: "made by a stand-in of CloudBeaver; the real one cannot read it", Users: map[string]*account{}}
	admin := &account{Admin: true}
	teams, _ := data["teams"].([]any)
	for _, item := range teams {
		team, _ := item.(map[string]any)
		if err := onlyKeys(path+": teams", team, "subjectId", "teamName", "description", "permissions"); err != nil {
			return err
		}
		id, _ := team["subjectId"].(string)
		if id == "" {
			return fmt.Errorf("%s: a team without subjectId", path)
		}
		s.data.Teams = append(s.data.Teams, id)
		admin.Teams = append(admin.Teams, id)
	}
	if team := c.text("app.defaultUserTeam"); !slices.Contains(s.data.Teams, team) {
		return fmt.Errorf("Initial teams configuration doesn't contain default team %s", team)
	}
	name, _ := data["adminName"].(string)
	password, _ := data["adminPassword"].(string)
	switch {
	case name == "" || password == "":
		return fmt.Errorf("%s: adminName and adminPassword are needed", path)
	case slices.Contains(s.data.Teams, name):
		return fmt.Errorf("%s: adminName %s is the name of a team (cloudbeaver#1902)", path, name)
	}
	s.data.Users[name] = admin
	admin.setPassword(clientDigest(password))
	return nil
}

func onlyKeys(where string, object map[string]any, known ...string) error {
	for name := range object {
		if !slices.Contains(known, name) {
			return fmt.Errorf("%s: %s is not known to this stand-in (it knows %s)", where, name, strings.Join(known, ", "))
		}
	}
	return nil
}

// clientDigest is how a client sends a password: its MD5 in upper case.
func clientDigest(password string) string {
	sum := md5.Sum([]byte(password)) //nolint:gosec
	return strings.ToUpper(hex.EncodeToString(sum[:]))
}

func (u *account) setPassword(digest string) {
	u.Salt = make([]byte, 16)
	_, _ = rand.Read(u.Salt)
	u.Hash = u.hash(digest)
}

func (u *account) hash(digest string) []byte {
	key, err := pbkdf2.Key(sha256.New, digest, u.Salt, 10_000, 32)
	if err != nil {
		panic(err)
	}
	return key
}

// login checks a password's digest under the rules of server.sm; its errors are the real one's.
func (s *store) login(c *config, name, digest string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	if c.is("server.sm.enableBruteForceProtection") {
		if err := s.bruteForce(c, name, now); err != nil {
			return err
		}
	}
	u, known := s.data.Users[name]
	if !known {
		u = &account{} // the same work for a name that is not there
	}
	ok := subtle.ConstantTimeCompare(u.hash(digest), u.Hash) == 1
	s.attempts[name] = append(s.attempts[name], attempt{now, !ok})
	switch {
	case digest == "":
		return errors.New("No user password provided")
	case !ok:
		return errors.New("Invalid user name or password")
	}
	return nil
}

func (s *store) bruteForce(c *config, name string, now time.Time) error {
	block := time.Duration(c.number("server.sm.blockLoginPeriod")) * time.Second
	recent := slices.DeleteFunc(s.attempts[name], func(a attempt) bool { return now.Sub(a.at) > block })
	limit := int(c.number("server.sm.maxFailedLogin"))
	recent = recent[max(0, len(recent)-limit):]
	s.attempts[name] = recent
	if len(recent) == 0 {
		return nil
	}
	// The real one looks at the oldest attempt that counts, not at the last.
	if now.Sub(recent[0].at) < time.Duration(c.number("server.sm.minimumLoginTimeout"))*time.Second {
		return errors.New("Too frequent authentication requests")
	}
	failed := 0
	for _, a := range recent {
		if a.failed {
			failed++
		}
	}
	if failed >= limit {
		left := block - now.Sub(recent[0].at)
		return fmt.Errorf("Blocked the possibility of login for this user for %d seconds", int(left.Seconds()))
	}
	return nil
}

// find says whether there is such a user, and an administrator.
func (s *store) find(name string) (isAdmin, known bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	u, known := s.data.Users[name]
	return known && u.Admin, known
}

func (s *store) setPassword(name, digest string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	u, known := s.data.Users[name]
	switch {
	case !known:
		return fmt.Errorf("User '%s' doesn't exist", name)
	case len(digest) != 32:
		// The real one would take it, and no client could log in any more.
		return errors.New("the stand-in wants the password as its clients send it: MD5 in upper case")
	}
	u.setPassword(digest)
	return s.save()
}

func (s *store) save() error {
	text, err := json.MarshalIndent(s.data, "", "  ")
	if err != nil {
		return err
	}
	return writeFile(s.path, text, 0o600)
}

// writeFile replaces a file at once, so that a killed server leaves the old one or the new one.
func writeFile(path string, content []byte, mode os.FileMode) error {
	temporary := path + ".new"
	if err := os.WriteFile(temporary, content, mode); err != nil {
		return err
	}
	return os.Rename(temporary, path)
}
