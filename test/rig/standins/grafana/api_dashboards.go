package main

import (
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"
)

func (g *Grafana) dashboardRoutes(on func(string, need, func(*Ctx))) {
	on("GET /api/search", signedIn, (*Ctx).searchDashboards)
	on("GET /api/folders", signedIn, (*Ctx).folders)
	on("GET /api/folders/{uid}", signedIn, (*Ctx).oneFolder)
	on("POST /api/folders", editor, (*Ctx).createFolder)
	on("GET /api/dashboards/home", signedIn, (*Ctx).homeDashboard)
	on("GET /api/dashboards/uid/{uid}", signedIn, (*Ctx).oneDashboard)
	on("DELETE /api/dashboards/uid/{uid}", editor, (*Ctx).deleteDashboard)
	on("POST /api/dashboards/db", editor, (*Ctx).saveDashboard)
}

var reSlug = regexp.MustCompile(`[^a-z0-9]+`)

func slug(title string) string {
	return strings.Trim(reSlug.ReplaceAllString(strings.ToLower(title), "-"), "-")
}

func (c *Ctx) url(d *Dashboard) string { return c.g.subPath() + "/d/" + d.UID + "/" + slug(d.Title) }

func (c *Ctx) searchDashboards() {
	q := c.r.URL.Query()
	match := func(title string) bool {
		return strings.Contains(strings.ToLower(title), strings.ToLower(q.Get("query")))
	}
	out := []map[string]any{}
	err := c.g.store.View(func(db *DB) error {
		for _, f := range db.Folders {
			if q.Get("type") != "dash-db" && match(f.Title) && !q.Has("tag") && !q.Has("folderUIDs") {
				out = append(out, map[string]any{"id": f.ID, "uid": f.UID, "title": f.Title, "uri": "db/" + slug(f.Title),
					"url": c.g.subPath() + "/dashboards/f/" + f.UID + "/" + slug(f.Title), "type": "dash-folder", "tags": []string{}, "isStarred": false})
			}
		}
		for _, d := range db.Dashboards {
			var m struct{ Tags []string }
			json.Unmarshal(d.Data, &m)
			if m.Tags == nil {
				m.Tags = []string{}
			}
			inFolder := !q.Has("folderUIDs") || slices.Contains(strings.Split(strings.Join(q["folderUIDs"], ","), ","), d.FolderUID)
			tagged := true
			for _, t := range q["tag"] {
				tagged = tagged && slices.Contains(m.Tags, t)
			}
			if q.Get("type") == "dash-folder" || !match(d.Title) || !inFolder || !tagged {
				continue
			}
			hit := map[string]any{"id": d.ID, "uid": d.UID, "title": d.Title, "uri": "db/" + slug(d.Title), "url": c.url(d),
				"type": "dash-db", "tags": m.Tags, "isStarred": false}
			if f := db.Folder(d.FolderUID); f != nil {
				hit["folderUid"], hit["folderTitle"], hit["folderId"] = f.UID, f.Title, f.ID
			}
			out = append(out, hit)
		}
		return nil
	})
	slices.SortFunc(out, func(a, b map[string]any) int { return strings.Compare(a["title"].(string), b["title"].(string)) })
	c.done(err, out)
}

func (c *Ctx) folders() {
	out := []map[string]any{}
	err := c.g.store.View(func(db *DB) error {
		for _, f := range db.Folders {
			if f.ParentUID == c.r.URL.Query().Get("parentUid") {
				out = append(out, map[string]any{"id": f.ID, "uid": f.UID, "title": f.Title})
			}
		}
		return nil
	})
	c.done(err, out)
}

func (c *Ctx) oneFolder() {
	var out map[string]any
	err := c.g.store.View(func(db *DB) error {
		f := db.Folder(c.r.PathValue("uid"))
		if f == nil {
			return refusal{404, "folder not found"}
		}
		out = map[string]any{"id": f.ID, "uid": f.UID, "title": f.Title, "parentUid": f.ParentUID, "url": c.g.subPath() + "/dashboards/f/" + f.UID + "/" + slug(f.Title)}
		return nil
	})
	c.done(err, out)
}

func (c *Ctx) createFolder() {
	var in struct{ UID, Title, ParentUID string }
	if !c.body(&in) {
		return
	}
	f := &Folder{UID: in.UID, Title: in.Title, ParentUID: in.ParentUID}
	err := c.g.store.Update(func(db *DB) error {
		if f.Title == "" {
			return refusal{400, "folder title cannot be empty"}
		}
		if f.UID == "" {
			f.UID = randomHex(7)
		}
		if db.Folder(f.UID) != nil {
			return refusal{412, "the folder has been changed by someone else"}
		}
		f.ID = db.NextID()
		db.Folders = append(db.Folders, f)
		return nil
	})
	c.done(err, map[string]any{"id": f.ID, "uid": f.UID, "title": f.Title, "url": c.g.subPath() + "/dashboards/f/" + f.UID + "/" + slug(f.Title)})
}

// withNumbers puts id and version into the model, as Grafana does when it hands a dashboard out.
func withNumbers(d *Dashboard) map[string]any {
	m := map[string]any{}
	json.Unmarshal(d.Data, &m)
	m["id"], m["uid"], m["version"] = d.ID, d.UID, d.Version
	return m
}

func (c *Ctx) oneDashboard() {
	var out map[string]any
	err := c.g.store.View(func(db *DB) error {
		d := db.Dashboard(c.r.PathValue("uid"))
		if d == nil {
			return refusal{404, "Dashboard not found"}
		}
		folderTitle, folderURL, folderID := "General", "", int64(0)
		if f := db.Folder(d.FolderUID); f != nil {
			folderTitle, folderURL, folderID = f.Title, c.g.subPath()+"/dashboards/f/"+f.UID+"/"+slug(f.Title), f.ID
		}
		writable := c.who.allows(editor) && (d.Provider == "" || d.AllowUI)
		meta := map[string]any{"type": "db", "canSave": writable, "canEdit": c.who.allows(editor), "canAdmin": c.who.allows(admin), "canStar": true,
			"canDelete": writable, "slug": slug(d.Title), "url": c.url(d), "expires": "0001-01-01T00:00:00Z", "created": d.Created, "updated": d.Updated,
			"updatedBy": "Anonymous", "createdBy": "Anonymous", "version": d.Version, "hasAcl": false, "isFolder": false, "folderId": folderID,
			"folderUid": d.FolderUID, "folderTitle": folderTitle, "folderUrl": folderURL, "provisioned": d.Provider != "" && !d.AllowUI,
			"provisionedExternalId": d.File, "apiVersion": "v1beta1", "publicDashboardEnabled": false}
		out = map[string]any{"meta": meta, "dashboard": withNumbers(d)}
		return nil
	})
	c.done(err, out)
}

func (c *Ctx) homeDashboard() {
	if home := c.g.cfg.Path("dashboards.default_home_dashboard_path"); home != "" {
		raw, err := os.ReadFile(home)
		if err == nil && json.Valid(raw) {
			c.json(200, map[string]any{"meta": map[string]any{"isHome": true, "canSave": false, "canEdit": false}, "dashboard": json.RawMessage(raw)})
			return
		}
		c.fail(500, "Failed to load home dashboard", "")
		return
	}
	var uri string
	err := c.g.store.View(func(db *DB) error {
		uid, _ := db.Preferences["homeDashboardUID"].(string)
		if d := db.Dashboard(uid); d != nil {
			uri = c.url(d)
		}
		return nil
	})
	if uri != "" {
		c.done(err, map[string]any{"redirectUri": uri})
		return
	}
	c.done(err, map[string]any{"meta": map[string]any{"isHome": true}, "dashboard": map[string]any{"title": "Home", "panels": []any{}}})
}

func (c *Ctx) deleteDashboard() {
	var title string
	err := c.g.store.Update(func(db *DB) error {
		d := db.Dashboard(c.r.PathValue("uid"))
		if d == nil {
			return refusal{404, "Dashboard not found"}
		}
		if d.Provider != "" {
			return refusal{400, "provisioned dashboard cannot be deleted"}
		}
		title = d.Title
		db.Dashboards = slices.DeleteFunc(db.Dashboards, func(x *Dashboard) bool { return x == d })
		return nil
	})
	c.done(err, map[string]any{"title": title, "message": "Dashboard " + title + " deleted"})
}

func (c *Ctx) saveDashboard() {
	var in struct {
		Dashboard json.RawMessage
		FolderUID string
		Message   string
		Overwrite bool
	}
	var head struct {
		UID, Title string
		Version    int
	}
	if !c.body(&in) {
		return
	}
	if err := json.Unmarshal(in.Dashboard, &head); err != nil {
		c.msg(400, "bad request data")
		return
	}
	var d *Dashboard
	err := c.g.store.Update(func(db *DB) error {
		if strings.TrimSpace(head.Title) == "" {
			return refusal{400, "Dashboard title cannot be empty"}
		}
		if in.FolderUID != "" && db.Folder(in.FolderUID) == nil {
			return refusal{400, "folder not found"}
		}
		d = db.Dashboard(head.UID)
		if d != nil && head.UID != "" {
			if d.Provider != "" && !d.AllowUI {
				return refusal{400, "Cannot save provisioned dashboard"}
			}
			if !in.Overwrite && head.Version != d.Version {
				return refusal{412, "The dashboard has been changed by someone else"}
			}
		} else {
			if head.UID == "" {
				head.UID = randomHex(7)
			}
			d = &Dashboard{ID: db.NextID(), UID: head.UID, Created: time.Now().UTC()}
			db.Dashboards = append(db.Dashboards, d)
		}
		d.Title, d.Data, d.Updated = head.Title, in.Dashboard, time.Now().UTC()
		d.Version++
		if d.Provider == "" {
			d.FolderUID = in.FolderUID
		}
		return nil
	})
	if err != nil || d == nil {
		c.done(err, nil)
		return
	}
	c.json(200, map[string]any{"id": d.ID, "uid": d.UID, "url": c.url(d), "status": "success", "version": d.Version, "slug": slug(d.Title), "folderUid": d.FolderUID})
}
