package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

// The "database": one JSON file in the data folder. The command line tool and the server share it, so every
// access takes a file lock and reads the file again when another process replaced it.

type User struct {
	ID             int64     `json:"id"`
	UID            string    `json:"uid"`
	Login          string    `json:"login"`
	Email          string    `json:"email"`
	Name           string    `json:"name"`
	Role           string    `json:"role"`
	IsGrafanaAdmin bool      `json:"isGrafanaAdmin"`
	IsDisabled     bool      `json:"isDisabled"`
	Salt           string    `json:"salt"`
	Password       string    `json:"password"`
	Created        time.Time `json:"created"`
	LastSeen       time.Time `json:"lastSeen"`
}

type Session struct {
	UserID int64     `json:"userId"`
	Until  time.Time `json:"until"`
}

type Attempt struct {
	Login string    `json:"login"`
	IP    string    `json:"ip"`
	At    time.Time `json:"at"`
}

type Datasource struct {
	ID              int64             `json:"id"`
	UID             string            `json:"uid"`
	OrgID           int64             `json:"orgId"`
	Name            string            `json:"name"`
	Type            string            `json:"type"`
	Access          string            `json:"access"`
	URL             string            `json:"url"`
	User            string            `json:"user"`
	Database        string            `json:"database"`
	BasicAuth       bool              `json:"basicAuth"`
	BasicAuthUser   string            `json:"basicAuthUser"`
	WithCredentials bool              `json:"withCredentials"`
	IsDefault       bool              `json:"isDefault"`
	JSONData        map[string]any    `json:"jsonData"`
	Sealed          map[string]string `json:"sealed,omitempty"`
	Version         int               `json:"version"`
	ReadOnly        bool              `json:"readOnly"`
	Prunable        bool              `json:"prunable,omitempty"`
}

type Folder struct {
	ID        int64  `json:"id"`
	UID       string `json:"uid"`
	Title     string `json:"title"`
	ParentUID string `json:"parentUid,omitempty"`
}

type Dashboard struct {
	ID        int64           `json:"id"`
	UID       string          `json:"uid"`
	Title     string          `json:"title"`
	FolderUID string          `json:"folderUid,omitempty"`
	Version   int             `json:"version"`
	Data      json.RawMessage `json:"data"`
	Provider  string          `json:"provider,omitempty"` // empty: made by hand
	File      string          `json:"file,omitempty"`
	Hash      string          `json:"hash,omitempty"`
	AllowUI   bool            `json:"allowUi,omitempty"`
	Created   time.Time       `json:"created"`
	Updated   time.Time       `json:"updated"`
}

type DB struct {
	Note        string             `json:"note"`
	Created     time.Time          `json:"created"`
	LastID      int64              `json:"lastId"`
	Users       []*User            `json:"users"`
	Sessions    map[string]Session `json:"sessions"` // by the hash of the cookie
	Attempts    []Attempt          `json:"attempts"`
	Datasources []*Datasource      `json:"datasources"`
	Folders     []*Folder          `json:"folders"`
	Dashboards  []*Dashboard       `json:"dashboards"`
	Preferences map[string]any     `json:"preferences"`
}

func (d *DB) NextID() int64 { d.LastID++; return d.LastID }

func find[T any](list []*T, match func(*T) bool) *T {
	for _, v := range list {
		if match(v) {
			return v
		}
	}
	return nil
}

func (d *DB) UserByLogin(loginOrEmail string) *User {
	return find(d.Users, func(u *User) bool {
		return strings.EqualFold(u.Login, loginOrEmail) || u.Email != "" && strings.EqualFold(u.Email, loginOrEmail)
	})
}
func (d *DB) UserByID(id int64) *User { return find(d.Users, func(u *User) bool { return u.ID == id }) }
func (d *DB) Datasource(uid string) *Datasource {
	return find(d.Datasources, func(x *Datasource) bool { return x.UID == uid })
}
func (d *DB) Dashboard(uid string) *Dashboard {
	return find(d.Dashboards, func(x *Dashboard) bool { return x.UID == uid })
}
func (d *DB) Folder(uid string) *Folder {
	return find(d.Folders, func(x *Folder) bool { return x.UID == uid })
}

type Store struct {
	dir  string
	mu   sync.Mutex
	seen os.FileInfo
	raw  []byte
	db   *DB
}

func NewStore(dir string) *Store { return &Store{dir: dir} }

func (s *Store) file() string { return filepath.Join(s.dir, "grafana-standin.json") }

// View calls fn with the database; fn must not keep or change what it sees.
func (s *Store) View(fn func(*DB) error) error { return s.locked(syscall.LOCK_SH, fn) }

// Update calls fn and writes the file; an error of fn leaves everything as it was.
func (s *Store) Update(fn func(*DB) error) error { return s.locked(syscall.LOCK_EX, fn) }

func (s *Store) locked(how int, fn func(*DB) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	lock, err := os.OpenFile(s.file()+".lock", os.O_CREATE|os.O_RDWR, 0o640)
	if err != nil {
		return fmt.Errorf("unable to open the database: %w", err)
	}
	defer lock.Close()
	if err := syscall.Flock(int(lock.Fd()), how); err != nil {
		return err
	}
	if err := s.refresh(); err != nil {
		return err
	}
	err = fn(s.db)
	if how == syscall.LOCK_SH {
		return err
	}
	if err == nil {
		err = s.save()
	}
	if err != nil {
		s.seen = nil // forget what fn half did
	}
	return err
}

func (s *Store) refresh() error {
	info, err := os.Stat(s.file())
	if os.IsNotExist(err) {
		s.db, s.seen, s.raw = &DB{}, nil, nil
		return nil
	}
	if err != nil {
		return err
	}
	if s.seen != nil && os.SameFile(info, s.seen) && info.ModTime().Equal(s.seen.ModTime()) {
		return nil
	}
	b, err := os.ReadFile(s.file())
	if err != nil {
		return err
	}
	db := &DB{}
	if err := json.Unmarshal(b, db); err != nil {
		return fmt.Errorf("%s is damaged: %w", s.file(), err)
	}
	s.db, s.seen, s.raw = db, info, b
	return nil
}

func (s *Store) save() error {
	b, err := json.Marshal(s.db)
	if err != nil {
		return err
	}
	if s.seen != nil && bytes.Equal(b, s.raw) {
		return nil
	}
	tmp := s.file() + ".tmp"
	if err := os.WriteFile(tmp, b, 0o640); err != nil {
		return err
	}
	if old, err := os.Stat(s.dir); err == nil { // a command line run by root must not take the file from the server
		if st, ok := old.Sys().(*syscall.Stat_t); ok {
			os.Chown(tmp, int(st.Uid), int(st.Gid))
			os.Chown(s.file()+".lock", int(st.Uid), int(st.Gid))
		}
	}
	if err := os.Rename(tmp, s.file()); err != nil {
		return err
	}
	s.raw = b
	s.seen, err = os.Stat(s.file())
	return err
}

// Migrate makes the database and its administrator, once. Later starts do not look at the password again,
// which is what makes a rotation a task of its own.
func (s *Store) Migrate(cfg *Settings) (made bool, err error) {
	err = s.Update(func(d *DB) error {
		if !d.Created.IsZero() {
			return nil
		}
		made = true
		d.Note = "database of the Grafana stand-in"
		d.Created = time.Now().UTC()
		d.Sessions = map[string]Session{}
		d.Preferences = map[string]any{}
		if cfg.Bool("security.disable_initial_admin_creation") {
			return nil
		}
		u := &User{ID: d.NextID(), UID: randomHex(7), Login: cfg.Get("security.admin_user"), Email: cfg.Get("security.admin_email"),
			Role: "Admin", IsGrafanaAdmin: true, Created: d.Created}
		u.SetPassword(cfg.Get("security.admin_password"))
		d.Users = append(d.Users, u)
		return nil
	})
	return made, err
}
