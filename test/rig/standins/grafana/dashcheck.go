package main

import (
	"encoding/json"
	"fmt"
	"strings"
)

// The parts of a dashboard's classic model that matter here.
type dashModel struct {
	Panels     []panelModel `json:"panels"`
	Templating struct {
		List []varModel `json:"list"`
	} `json:"templating"`
	Annotations struct {
		List []struct {
			Name       string `json:"name"`
			Datasource dsRef  `json:"datasource"`
		} `json:"list"`
	} `json:"annotations"`
	Refresh any `json:"refresh"`
	Time    struct{ From, To string }
}

type panelModel struct {
	ID         int               `json:"id"`
	Type       string            `json:"type"`
	Title      string            `json:"title"`
	Datasource dsRef             `json:"datasource"`
	Targets    []json.RawMessage `json:"targets"`
	Panels     []panelModel      `json:"panels"`
	Repeat     string            `json:"repeat"`
	Interval   string            `json:"interval"`
	MaxPoints  int               `json:"maxDataPoints"`
}

type varModel struct {
	Name       string          `json:"name"`
	Type       string          `json:"type"`
	Query      json.RawMessage `json:"query"`
	Datasource dsRef           `json:"datasource"`
	Multi      bool            `json:"multi"`
	IncludeAll bool            `json:"includeAll"`
	AllValue   string          `json:"allValue"`
	Regex      string          `json:"regex"`
	Current    struct {
		Value any `json:"value"`
	} `json:"current"`
}

// dsRef is {"type","uid"}, or in old dashboards a name.
type dsRef struct{ Type, UID string }

func (r *dsRef) UnmarshalJSON(b []byte) error {
	var m struct{ Type, UID string }
	if err := json.Unmarshal(b, &m); err == nil {
		*r = dsRef(m)
		return nil
	}
	return json.Unmarshal(b, &r.UID)
}

func (r dsRef) builtin() bool {
	return r.UID == "grafana" || strings.HasPrefix(r.UID, "-- ")
}

func allPanels(list []panelModel) (out []panelModel) {
	for _, p := range list {
		if p.Type != "row" {
			out = append(out, p)
		}
		out = append(out, allPanels(p.Panels)...)
	}
	return out
}

// checkDashboard tells what would be broken in silence: a panel, variable or annotation whose datasource is not there.
func checkDashboard(data json.RawMessage, db *DB) (problems []string) {
	var m dashModel
	if err := json.Unmarshal(data, &m); err != nil {
		return []string{"the model is not a dashboard's: " + err.Error()}
	}
	check := func(what string, ref dsRef) {
		if msg := checkRef(ref, &m, db); msg != "" {
			problems = append(problems, what+": "+msg)
		}
	}
	for _, v := range m.Templating.List {
		if v.Type == "query" {
			check(fmt.Sprintf("variable %q", v.Name), v.Datasource)
		}
	}
	for _, a := range m.Annotations.List {
		check(fmt.Sprintf("annotation %q", a.Name), a.Datasource)
	}
	ids := map[int]bool{}
	for _, p := range allPanels(m.Panels) {
		where := fmt.Sprintf("panel %d %q", p.ID, p.Title)
		if p.ID != 0 && ids[p.ID] {
			problems = append(problems, where+": the panel id is used twice")
		}
		ids[p.ID] = true
		for _, raw := range p.Targets {
			var t struct {
				RefID      string `json:"refId"`
				Datasource *dsRef `json:"datasource"`
			}
			if err := json.Unmarshal(raw, &t); err != nil {
				problems = append(problems, where+": "+err.Error())
				continue
			}
			ref := p.Datasource
			if t.Datasource != nil && t.Datasource.UID != "" {
				ref = *t.Datasource
			}
			check(where+" target "+t.RefID, ref)
		}
	}
	return problems
}

func checkRef(ref dsRef, m *dashModel, db *DB) string {
	if ref.builtin() || ref.UID == "__expr__" {
		return ""
	}
	if v, ok := variableName(ref.UID); ok {
		if find2(m.Templating.List, func(x varModel) bool { return x.Name == v && x.Type == "datasource" }) == nil {
			return fmt.Sprintf("there is no datasource variable %q", v)
		}
		return ""
	}
	ds := resolveRef(ref, db)
	if ds == nil && ref.UID == "" {
		return "no datasource is named and there is no default one"
	}
	if ds == nil {
		return fmt.Sprintf("there is no data source with the uid %q", ref.UID)
	}
	if want := ref.Type; want != "" && want != ds.Type && !(want == "postgres" && ds.Type == postgresType) {
		return fmt.Sprintf("the data source %q is of type %s, not %s", ref.UID, ds.Type, want)
	}
	return ""
}

func variableName(s string) (string, bool) {
	if strings.HasPrefix(s, "${") && strings.HasSuffix(s, "}") {
		return s[2 : len(s)-1], true
	}
	if strings.HasPrefix(s, "$") {
		return s[1:], true
	}
	return "", false
}

func resolveRef(ref dsRef, db *DB) *Datasource {
	return find(db.Datasources, func(d *Datasource) bool {
		if ref.UID == "" || ref.UID == "default" {
			return d.IsDefault
		}
		return d.UID == ref.UID || d.Name == ref.UID
	})
}

func find2[T any](list []T, match func(T) bool) *T {
	for i := range list {
		if match(list[i]) {
			return &list[i]
		}
	}
	return nil
}
