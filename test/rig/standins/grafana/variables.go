package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
)

// variable is a dashboard variable with what is chosen. The browser does this part in Grafana; here it serves
// the tests that run every panel.
type variable struct {
	model  varModel
	values []string
	all    bool // "All" is chosen
}

var reLabelValues = regexp.MustCompile(`^\s*label_values\(\s*(?:(.+?)\s*,\s*)?([a-zA-Z_]\w*)\s*\)\s*$`)

// resolveVariables chooses for each variable what the request says, else what the dashboard holds, else the
// first option. Errors: a query that fails, a kind that is unknown.
func (g *Grafana) resolveVariables(ctx context.Context, m *dashModel, given url.Values, from, to time.Time) (map[string]*variable, error) {
	vars := map[string]*variable{}
	for _, v := range m.Templating.List {
		x := &variable{model: v}
		chosen := given["var-"+v.Name]
		if len(chosen) == 0 {
			chosen = texts(v.Current.Value)
		}
		options, err := g.options(ctx, v, vars, from, to)
		if err != nil {
			return nil, fmt.Errorf("variable %q: %w", v.Name, err)
		}
		if len(chosen) == 0 && len(options) > 0 {
			chosen = options[:1]
			if v.IncludeAll {
				chosen = []string{"$__all"}
			}
		}
		if len(chosen) == 1 && (chosen[0] == "$__all" || chosen[0] == "All" && v.IncludeAll) {
			x.all, chosen = true, options
		}
		x.values = chosen
		vars[v.Name] = x
	}
	return vars, nil
}

func texts(v any) (out []string) {
	switch x := v.(type) {
	case string:
		if x != "" {
			out = []string{x}
		}
	case []any:
		for _, e := range x {
			out = append(out, fmt.Sprint(e))
		}
	}
	return out
}

func (g *Grafana) options(ctx context.Context, v varModel, vars map[string]*variable, from, to time.Time) ([]string, error) {
	var text string
	json.Unmarshal(v.Query, &text)
	switch v.Type {
	case "custom", "interval":
		var out []string
		for _, o := range strings.Split(text, ",") {
			if label, value, ok := strings.Cut(o, " : "); ok && label != "" {
				o = value
			}
			out = append(out, strings.TrimSpace(o))
		}
		return out, nil
	case "constant", "textbox":
		return []string{text}, nil
	case "adhoc":
		return nil, nil
	case "datasource":
		var out []string
		err := g.store.View(func(db *DB) error {
			for _, d := range db.Datasources {
				if d.Type == text || text == "postgres" && d.Type == postgresType {
					out = append(out, d.UID)
				}
			}
			return nil
		})
		return out, err
	case "query":
		out, err := g.queryOptions(ctx, v, text, vars, from, to)
		if err != nil || v.Regex == "" {
			return out, err
		}
		return filterOptions(out, v.Regex)
	}
	return nil, fmt.Errorf("the Grafana stand-in does not know the kind %q", v.Type)
}

func (g *Grafana) queryOptions(ctx context.Context, v varModel, text string, vars map[string]*variable, from, to time.Time) ([]string, error) {
	d, err := g.resolveDatasource(v.Datasource, vars)
	if err != nil {
		return nil, err
	}
	var m struct {
		Query, RawSQL, Label, Stream string
		Type                         int
	}
	if text == "" {
		json.Unmarshal(v.Query, &m)
		text = m.Query + m.RawSQL
		if d.Type == "loki" && m.Type == 1 {
			text = "label_values(" + m.Label + ")"
			if m.Stream != "" {
				text = "label_values(" + m.Stream + ", " + m.Label + ")"
			}
		}
	}
	text = substitute(text, vars, d.Type)
	if d.Type == postgresType {
		q := &Query{From: from, To: to, IntervalMs: 1000, MaxDataPoints: 100}
		statement, err := q.sqlMacros(text, time.Second)
		if err != nil {
			return nil, err
		}
		t, err := g.sql(ctx, d, statement)
		if err != nil {
			return nil, err
		}
		at := max(slices.Index(t.names, "__value"), 0)
		out := []string{}
		for _, row := range t.rows {
			if s := fmt.Sprint(row[at]); row[at] != nil && !slices.Contains(out, s) {
				out = append(out, s)
			}
		}
		return out, nil
	}
	lv := reLabelValues.FindStringSubmatch(text)
	if lv == nil {
		return nil, fmt.Errorf("the Grafana stand-in does not know the variable query %q", text)
	}
	path, q := "/api/v1/label/"+lv[2]+"/values", url.Values{"start": {seconds(from)}, "end": {seconds(to)}}
	if d.Type == "loki" {
		path = "/loki" + path
		q = url.Values{"start": {fmt.Sprint(from.UnixNano())}, "end": {fmt.Sprint(to.UnixNano())}}
		if lv[1] != "" {
			q.Set("query", lv[1])
		}
	} else if lv[1] != "" {
		q.Set("match[]", lv[1])
	}
	status, body, _, err := g.upstream(ctx, d, "GET", path, q, nil, nil)
	if err != nil {
		return nil, err
	}
	var a struct{ Data []string }
	if status != 200 || json.Unmarshal(body, &a) != nil {
		return nil, fmt.Errorf("%d: %s", status, firstLine(body))
	}
	slices.Sort(a.Data)
	return a.Data, nil
}

// filterOptions keeps what /regex/ matches, or its first group.
func filterOptions(options []string, pattern string) (out []string, err error) {
	re, err := regexp.Compile(strings.TrimSuffix(strings.TrimPrefix(pattern, "/"), "/"))
	if err != nil {
		return nil, err
	}
	for _, o := range options {
		m := re.FindStringSubmatch(o)
		if m == nil {
			continue
		}
		if len(m) > 1 {
			o = m[1]
		}
		if !slices.Contains(out, o) {
			out = append(out, o)
		}
	}
	return out, nil
}

func (g *Grafana) resolveDatasource(ref dsRef, vars map[string]*variable) (*Datasource, error) {
	if name, ok := variableName(ref.UID); ok {
		v := vars[name]
		if v == nil || len(v.values) == 0 {
			return nil, fmt.Errorf("the datasource variable %q has no value", name)
		}
		ref.UID = v.values[0]
	}
	var out *Datasource
	err := g.store.View(func(db *DB) error {
		if d := resolveRef(ref, db); d != nil {
			copied := *d
			out = &copied
		}
		return nil
	})
	if err == nil && out == nil {
		err = fmt.Errorf("there is no data source with the uid %q", ref.UID)
	}
	return out, err
}

var reVariable = regexp.MustCompile(`\$\{(\w+)(?::(\w+))?\}|\[\[(\w+)\]\]|\$(\w+)`)

// substitute puts variables into a query in the format of its language; what is no variable stays.
func substitute(text string, vars map[string]*variable, language string) string {
	return reVariable.ReplaceAllStringFunc(text, func(m string) string {
		p := reVariable.FindStringSubmatch(m)
		v := vars[p[1]+p[3]+p[4]]
		if v == nil {
			return m
		}
		if v.all && v.model.AllValue != "" {
			return v.model.AllValue
		}
		return formatValues(v, p[2], language)
	})
}

func formatValues(v *variable, format, language string) string {
	each := func(sep string, fn func(string) string) string {
		out := make([]string, len(v.values))
		for i, s := range v.values {
			out[i] = fn(s)
		}
		return strings.Join(out, sep)
	}
	plain := func(s string) string { return s }
	sqlQuote := func(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }
	many := v.model.Multi || v.model.IncludeAll
	switch {
	case format == "regex" || format == "" && many && language != postgresType:
		if len(v.values) == 1 && format == "" {
			return regexp.QuoteMeta(v.values[0])
		}
		return "(" + each("|", regexp.QuoteMeta) + ")"
	case format == "sqlstring" || format == "singlequote" || format == "" && many && language == postgresType:
		return each(",", sqlQuote)
	case format == "doublequote":
		return each(",", func(s string) string { return fmt.Sprintf("%q", s) })
	case format == "pipe":
		return each("|", plain)
	case format == "text" && v.all:
		return "All"
	}
	return each(",", plain)
}
