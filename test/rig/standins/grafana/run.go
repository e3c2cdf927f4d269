package main

import (
	"encoding/json"
	"errors"
	"time"
)

// TargetRun is what one target of a panel answered.
type TargetRun struct {
	RefID      string `json:"refId"`
	Datasource string `json:"datasource,omitempty"`
	Query      string `json:"query,omitempty"`
	Status     int    `json:"status"`
	Frames     int    `json:"frames"`
	Rows       int    `json:"rows"`
	Error      string `json:"error,omitempty"`
	Skipped    string `json:"skipped,omitempty"`
}

type PanelRun struct {
	ID      int         `json:"id"`
	Title   string      `json:"title"`
	Type    string      `json:"type"`
	Targets []TargetRun `json:"targets"`
}

// runDashboard runs every query of every panel, as a browser that shows all of them would.
// Query: from, to (default the dashboard's own), var-NAME (repeatable). Answer: uid, title, panels.
func (c *Ctx) runDashboard() {
	var data json.RawMessage
	var title string
	uid, q := c.r.PathValue("uid"), c.r.URL.Query()
	err := c.g.store.View(func(db *DB) error {
		d := db.Dashboard(uid)
		if d == nil {
			return refusal{404, "Dashboard not found"}
		}
		data, title = append(data, d.Data...), d.Title
		return nil
	})
	if err != nil {
		c.done(err, nil)
		return
	}
	var m dashModel
	if err := json.Unmarshal(data, &m); err != nil {
		c.fail(400, err.Error(), "")
		return
	}
	from, err1 := parseTime(first(q.Get("from"), m.Time.From, "now-6h"), time.Now())
	to, err2 := parseTime(first(q.Get("to"), m.Time.To, "now"), time.Now())
	vars, err3 := c.g.resolveVariables(c.r.Context(), &m, q, from, to)
	if err := errors.Join(err1, err2, err3); err != nil {
		c.fail(400, err.Error(), "")
		return
	}
	panels := []PanelRun{}
	for _, p := range allPanels(m.Panels) {
		run := PanelRun{ID: p.ID, Title: p.Title, Type: p.Type, Targets: []TargetRun{}}
		for _, raw := range p.Targets {
			run.Targets = append(run.Targets, c.runTarget(p, raw, vars, from, to))
		}
		panels = append(panels, run)
	}
	chosen := map[string][]string{}
	for k, v := range vars {
		chosen[k] = v.values
	}
	c.json(200, map[string]any{"uid": uid, "title": title, "variables": chosen, "panels": panels})
}

func (c *Ctx) runTarget(p panelModel, raw json.RawMessage, vars map[string]*variable, from, to time.Time) TargetRun {
	var q Query
	if err := json.Unmarshal(raw, &q); err != nil {
		return TargetRun{Error: err.Error(), Status: 400}
	}
	out := TargetRun{RefID: q.RefID}
	ref := p.Datasource
	if q.Datasource != nil && q.Datasource.UID != "" {
		ref = *q.Datasource
	}
	if q.Hide || ref.builtin() || ref.UID == "__expr__" {
		out.Skipped = "hidden, or answered by Grafana itself"
		return out
	}
	d, err := c.g.resolveDatasource(ref, vars)
	if err != nil {
		out.Status, out.Error = 404, err.Error()
		return out
	}
	out.Datasource = d.UID
	q.Expr, q.RawSQL = substitute(q.Expr, vars, d.Type), substitute(q.RawSQL, vars, d.Type)
	if q.Interval == "" {
		q.Interval = p.Interval
	}
	q.Interval = substitute(q.Interval, vars, d.Type)
	q.MaxDataPoints = float64(p.MaxPoints)
	q.From, q.To = from, to
	r := c.g.runQuery(c.r.Context(), d, &q)
	out.Query, out.Status, out.Error, out.Frames = q.Expr+q.RawSQL, r.Status, r.Error, len(r.Frames)
	for _, f := range r.Frames {
		out.Rows += f.rows()
	}
	return out
}

func first(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}
