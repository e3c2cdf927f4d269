package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

type dashboardsFile struct {
	APIVersion yInt                `yaml:"apiVersion"`
	Providers  []dashboardProvider `yaml:"providers"`
}

type dashboardProvider struct {
	Name                  string `yaml:"name"`
	Type                  string `yaml:"type"`
	OrgID                 yInt   `yaml:"orgId"`
	Folder                string `yaml:"folder"`
	FolderUID             string `yaml:"folderUid"`
	Editable              yBool  `yaml:"editable"`
	DisableDeletion       yBool  `yaml:"disableDeletion"`
	AllowUIUpdates        yBool  `yaml:"allowUiUpdates"`
	UpdateIntervalSeconds yInt   `yaml:"updateIntervalSeconds"`
	Options               struct {
		Path                      string `yaml:"path"`
		FoldersFromFilesStructure yBool  `yaml:"foldersFromFilesStructure"`
	} `yaml:"options"`
}

// provisionDashboards reads the providers, walks their folders once, and then again at each provider's interval.
// Errors: a malformed provider file. A bad dashboard is only logged, as in Grafana, and listed as a problem.
func (g *Grafana) provisionDashboards(ctx context.Context) error {
	dir := filepath.Join(g.cfg.Path("paths.provisioning"), "dashboards")
	files, gone := yamlFiles(dir)
	if gone {
		g.log.Error("provisioning.dashboard", "can't read dashboard provisioning files from directory", "path", dir)
	}
	var all []dashboardProvider
	var bad []error
	for _, f := range files {
		var c dashboardsFile
		if err := decodeStrict(f, &c); err != nil {
			bad = append(bad, err)
			continue
		}
		if c.APIVersion != 1 && len(c.Providers) > 0 {
			bad = append(bad, fmt.Errorf("%s: apiVersion must be 1", f))
		}
		for _, p := range c.Providers {
			if err := p.check(all); err != nil {
				bad = append(bad, fmt.Errorf("%s: provider %q: %w", f, p.Name, err))
			}
			all = append(all, p)
		}
	}
	if len(bad) > 0 {
		return errors.Join(bad...)
	}
	g.pollMu.Lock()
	defer g.pollMu.Unlock()
	if g.stopPolling != nil {
		g.stopPolling()
	}
	ctx, g.stopPolling = context.WithCancel(ctx)
	if err := g.dropOrphans(all); err != nil {
		return err
	}
	g.problems.Clear("dashboard:")
	for _, p := range all {
		g.walk(&p)
		go g.poll(ctx, p)
	}
	return nil
}

func (p *dashboardProvider) check(others []dashboardProvider) error {
	var bad []error
	if p.Name == "" {
		bad = append(bad, errors.New("name is missing"))
	}
	if slices.ContainsFunc(others, func(o dashboardProvider) bool { return o.Name == p.Name }) {
		bad = append(bad, errors.New("the name is used twice"))
	}
	if p.Type != "" && p.Type != "file" {
		bad = append(bad, fmt.Errorf("the Grafana stand-in does not know the type %q", p.Type))
	}
	if p.OrgID > 1 {
		bad = append(bad, fmt.Errorf("organization %d does not exist", p.OrgID))
	}
	if p.Options.Path == "" {
		bad = append(bad, errors.New("options.path is missing"))
	}
	if bool(p.Options.FoldersFromFilesStructure) && (p.Folder != "" || p.FolderUID != "") {
		bad = append(bad, errors.New("'folder' and 'folderUid' should be empty using 'foldersFromFilesStructure' option"))
	}
	if p.UpdateIntervalSeconds <= 0 {
		p.UpdateIntervalSeconds = 10
	}
	return errors.Join(bad...)
}

func (g *Grafana) poll(ctx context.Context, p dashboardProvider) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(time.Duration(p.UpdateIntervalSeconds) * g.second):
			g.pollMu.Lock()
			if ctx.Err() == nil {
				g.walk(&p)
			}
			g.pollMu.Unlock()
		}
	}
}

// dropOrphans removes the dashboards of providers that are no longer configured.
func (g *Grafana) dropOrphans(all []dashboardProvider) error {
	return g.store.Update(func(db *DB) error {
		db.Dashboards = slices.DeleteFunc(db.Dashboards, func(d *Dashboard) bool {
			return d.Provider != "" && !slices.ContainsFunc(all, func(p dashboardProvider) bool { return p.Name == d.Provider })
		})
		return nil
	})
}

type foundDashboard struct {
	file, title, uid, folder, hash string
	data                           json.RawMessage
}

func (g *Grafana) walk(p *dashboardProvider) {
	const logger = "provisioning.dashboard"
	g.problems.Clear("dashboard:" + p.Name + ":")
	problem := func(file, format string, a ...any) {
		msg := fmt.Sprintf(format, a...)
		if g.problems.Add("dashboard:"+p.Name+":", file, msg) {
			g.log.Error(logger, "failed to load dashboard", "file", file, "error", msg, "provider", p.Name)
		}
	}
	var found []foundDashboard
	present := map[string]bool{} // a file that became unreadable keeps its dashboard, as in Grafana
	err := filepath.WalkDir(p.Options.Path, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if e.IsDir() && strings.HasPrefix(e.Name(), ".") && path != p.Options.Path {
			return filepath.SkipDir
		}
		if e.IsDir() || filepath.Ext(path) != ".json" {
			return nil
		}
		present[path] = true
		if d, err := readDashboard(path, p); err != nil {
			problem(path, "%v", err)
		} else {
			found = append(found, d)
		}
		return nil
	})
	if err != nil {
		problem(p.Options.Path, "failed to search for dashboards: %v", err)
		return
	}
	err = g.store.Update(func(db *DB) error {
		if !p.DisableDeletion {
			db.Dashboards = slices.DeleteFunc(db.Dashboards, func(d *Dashboard) bool { return d.Provider == p.Name && !present[d.File] })
		}
		for i, d := range found {
			first := slices.IndexFunc(found, func(o foundDashboard) bool {
				return o.uid == d.uid || o.folder == d.folder && strings.EqualFold(o.title, d.title)
			})
			if first < i {
				problem(d.file, "the same 'uid' or 'title' is used more than once: uid %q, title %q, also in %s", d.uid, d.title, found[first].file)
				continue
			}
			if err := g.saveProvisioned(db, p, d); err != nil {
				problem(d.file, "%v", err)
				continue
			}
			for _, msg := range checkDashboard(d.data, db) {
				problem(d.file, "%s", msg)
			}
		}
		return nil
	})
	if err != nil {
		problem(p.Options.Path, "%v", err)
	}
}

func readDashboard(path string, p *dashboardProvider) (d foundDashboard, err error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return d, err
	}
	var head struct {
		UID        string `json:"uid"`
		Title      string `json:"title"`
		APIVersion string `json:"apiVersion"`
	}
	if err := json.Unmarshal(raw, &head); err != nil {
		return d, fmt.Errorf("invalid JSON: %w", err)
	}
	switch {
	case head.APIVersion != "":
		return d, fmt.Errorf("the Grafana stand-in knows the classic model only, not %q", head.APIVersion)
	case strings.TrimSpace(head.Title) == "":
		return d, errors.New("Dashboard title cannot be empty")
	case head.UID == "":
		return d, errors.New("the dashboard has no uid: Grafana would make another one at each first start")
	case len(head.UID) > 40:
		return d, errors.New("uid too long, max 40 characters")
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, raw); err != nil {
		return d, err
	}
	folder := p.Folder
	if p.Options.FoldersFromFilesStructure {
		if rel, err := filepath.Rel(p.Options.Path, filepath.Dir(path)); err == nil && rel != "." {
			folder = rel
		}
	}
	return foundDashboard{path, head.Title, head.UID, folder, sha(compact.String()), compact.Bytes()}, nil
}

func (g *Grafana) saveProvisioned(db *DB, p *dashboardProvider, f foundDashboard) error {
	folder, err := g.folder(db, p, f.folder)
	if err != nil {
		return err
	}
	old := find(db.Dashboards, func(d *Dashboard) bool { return d.Provider == p.Name && d.File == f.file })
	if other := db.Dashboard(f.uid); other != nil && other != old {
		if other.Provider != "" && other.Provider != p.Name {
			return fmt.Errorf("the uid %q belongs to the provider %q", f.uid, other.Provider)
		}
		old = other // moved to another file, or made by hand: taken over
	}
	if old == nil {
		old = &Dashboard{ID: db.NextID(), Created: time.Now().UTC()}
		db.Dashboards = append(db.Dashboards, old)
	}
	old.Provider, old.File, old.FolderUID, old.AllowUI = p.Name, f.file, folder, bool(p.AllowUIUpdates)
	if old.Hash != f.hash { // an edit in the UI lasts until the file changes
		old.UID, old.Title, old.Hash, old.Data, old.Updated = f.uid, f.title, f.hash, f.data, time.Now().UTC()
		old.Version++
	}
	return nil
}

// folder finds or makes the folder; a path of several is nested.
func (g *Grafana) folder(db *DB, p *dashboardProvider, path string) (uid string, err error) {
	if path == "" || path == "." {
		return "", nil
	}
	titles := []string{path}
	if p.Options.FoldersFromFilesStructure {
		titles = strings.Split(filepath.ToSlash(path), "/")
	}
	for _, title := range titles {
		f := find(db.Folders, func(f *Folder) bool { return f.ParentUID == uid && f.Title == title })
		if f != nil && p.FolderUID != "" && f.UID != p.FolderUID {
			return "", fmt.Errorf("the folder %q exists with the uid %q, folderUid says %q", title, f.UID, p.FolderUID)
		}
		if f == nil {
			id := p.FolderUID
			if id == "" {
				id = randomHex(7)
			}
			if other := db.Folder(id); other != nil {
				return "", fmt.Errorf("the folder uid %q belongs to the folder %q", id, other.Title)
			}
			f = &Folder{ID: db.NextID(), UID: id, Title: title, ParentUID: uid}
			db.Folders = append(db.Folders, f)
		}
		uid = f.UID
	}
	return uid, nil
}
