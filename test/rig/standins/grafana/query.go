package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Query is one entry of /api/ds/query, and a target of a panel.
type Query struct {
	RefID         string          `json:"refId"`
	Datasource    *dsRef          `json:"datasource"`
	Expr          string          `json:"expr"`
	RawSQL        string          `json:"rawSql"`
	Format        json.RawMessage `json:"format"`
	QueryType     string          `json:"queryType"`
	Instant       *bool           `json:"instant"`
	Range         *bool           `json:"range"`
	Interval      string          `json:"interval"`
	IntervalMs    float64         `json:"intervalMs"`
	MaxDataPoints float64         `json:"maxDataPoints"`
	MaxLines      int             `json:"maxLines"`
	Step          string          `json:"step"`
	Direction     string          `json:"direction"`
	LegendFormat  string          `json:"legendFormat"`
	Hide          bool            `json:"hide"`

	From, To time.Time `json:"-"`
}

func (q *Query) format() string { return strings.Trim(string(q.Format), `"`) }

func (q *Query) flags() (instant, ranged bool) {
	instant = q.Instant != nil && *q.Instant || q.QueryType == "instant"
	ranged = q.Range != nil && *q.Range || q.QueryType == "range"
	return instant, ranged || !instant
}

// Frame is Grafana's data frame in JSON.
type Frame struct {
	Schema struct {
		RefID  string         `json:"refId,omitempty"`
		Name   string         `json:"name,omitempty"`
		Meta   map[string]any `json:"meta,omitempty"`
		Fields []Field        `json:"fields"`
	} `json:"schema"`
	Data struct {
		Values   [][]any          `json:"values"`
		Entities []map[string]any `json:"entities,omitempty"`
	} `json:"data"`
}

type Field struct {
	Name     string            `json:"name"`
	Type     string            `json:"type"`
	TypeInfo map[string]any    `json:"typeInfo"`
	Labels   map[string]string `json:"labels,omitempty"`
	Config   map[string]any    `json:"config,omitempty"`
}

func newFrame(refID string, meta map[string]any) *Frame {
	f := &Frame{}
	f.Schema.RefID, f.Schema.Meta = refID, meta
	f.Schema.Fields, f.Data.Values = []Field{}, [][]any{}
	return f
}

// add appends a column. NaN and the infinities have no JSON: they become null and are listed under entities.
func (f *Frame) add(field Field, values []any) {
	special := map[string][]int{}
	for i, v := range values {
		x, ok := v.(float64)
		if !ok {
			continue
		}
		switch {
		case math.IsNaN(x):
			special["NaN"] = append(special["NaN"], i)
		case math.IsInf(x, 1):
			special["Inf"] = append(special["Inf"], i)
		case math.IsInf(x, -1):
			special["NegInf"] = append(special["NegInf"], i)
		default:
			continue
		}
		values[i] = nil
	}
	var entity map[string]any
	for k, v := range special {
		if entity == nil {
			entity = map[string]any{}
		}
		entity[k] = v
	}
	f.Schema.Fields = append(f.Schema.Fields, field)
	f.Data.Values = append(f.Data.Values, values)
	f.Data.Entities = append(f.Data.Entities, entity)
}

func (f *Frame) rows() int {
	if len(f.Data.Values) == 0 {
		return 0
	}
	return len(f.Data.Values[0])
}

func timeField(name string) Field {
	return Field{Name: name, Type: "time", TypeInfo: map[string]any{"frame": "time.Time"}}
}

// queryError carries the status that Grafana gives a single result.
type queryError struct {
	status int
	text   string
}

func (e queryError) Error() string { return e.text }

// Result is one entry of the answer's results.
type Result struct {
	Status      int      `json:"status"`
	Frames      []*Frame `json:"frames"`
	Error       string   `json:"error,omitempty"`
	ErrorSource string   `json:"errorSource,omitempty"`
}

// runQuery asks the datasource itself.
func (g *Grafana) runQuery(ctx context.Context, d *Datasource, q *Query) Result {
	if q.IntervalMs <= 0 {
		q.IntervalMs = 1000
	}
	if q.MaxDataPoints <= 0 {
		q.MaxDataPoints = 100
	}
	var frames []*Frame
	var err error
	switch d.Type {
	case "prometheus":
		frames, err = g.queryPrometheus(ctx, d, q)
	case "loki":
		frames, err = g.queryLoki(ctx, d, q)
	case postgresType:
		frames, err = g.queryPostgres(ctx, d, q)
	default:
		err = queryError{400, "the Grafana stand-in does not query data sources of type " + d.Type}
	}
	if err != nil {
		r := Result{Status: 500, Error: err.Error(), ErrorSource: "downstream", Frames: []*Frame{}}
		var qe queryError
		if errors.As(err, &qe) {
			r.Status = qe.status
		}
		return r
	}
	if frames == nil {
		frames = []*Frame{}
	}
	return Result{Status: 200, Frames: frames}
}

func (c *Ctx) dsQuery() {
	var in struct {
		From, To json.RawMessage
		Queries  []Query
	}
	if !c.body(&in) {
		return
	}
	from, err1 := parseTime(strings.Trim(string(in.From), `"`), time.Now())
	to, err2 := parseTime(strings.Trim(string(in.To), `"`), time.Now())
	if err := errors.Join(err1, err2); err != nil {
		c.fail(400, "Query data error: "+err.Error(), "")
		return
	}
	if len(in.Queries) == 0 {
		c.fail(400, "No queries found in query", "query.noQueries")
		return
	}
	results, status := map[string]Result{}, 200
	for _, q := range in.Queries {
		if q.Datasource == nil || q.Datasource.UID == "" {
			c.fail(400, "Invalid data source ID", "query.missingDataSourceInfo")
			return
		}
		d := c.g.datasource(func(d *Datasource) bool { return d.UID == q.Datasource.UID })
		if d == nil {
			c.fail(404, "Data source not found", "")
			return
		}
		if !c.g.hasPlugin(d.Type) {
			c.pluginMissing()
			return
		}
		if q.RefID == "" {
			q.RefID = "A"
		}
		q.From, q.To = from, to
		r := c.g.runQuery(c.r.Context(), d, &q)
		if r.Error != "" {
			status = 400
			c.g.log.Error("query_data", "query failed", "datasource", d.Name, "refId", q.RefID, "error", r.Error)
		}
		results[q.RefID] = r
	}
	c.json(status, map[string]any{"results": results})
}

var (
	reRelative = regexp.MustCompile(`^now(?:([+-]\d+)([smhdwMy]))?$`)
	reDuration = regexp.MustCompile(`^(\d+)(ms|s|m|h|d|w|y)$`)
	unit       = map[string]time.Duration{"ms": time.Millisecond, "s": time.Second, "m": time.Minute, "h": time.Hour,
		"d": 24 * time.Hour, "w": 7 * 24 * time.Hour, "M": 30 * 24 * time.Hour, "y": 365 * 24 * time.Hour}
)

// parseTime knows epoch milliseconds, "now" and "now-6h".
func parseTime(s string, now time.Time) (time.Time, error) {
	if ms, err := strconv.ParseInt(s, 10, 64); err == nil {
		return time.UnixMilli(ms), nil
	}
	if t, err := time.Parse(time.RFC3339, s); err == nil {
		return t, nil
	}
	m := reRelative.FindStringSubmatch(s)
	if m == nil {
		return now, fmt.Errorf("the Grafana stand-in does not know the time %q", s)
	}
	n, _ := strconv.Atoi(m[1])
	return now.Add(time.Duration(n) * unit[m[2]]), nil
}

func parseDuration(s string) (time.Duration, bool) {
	m := reDuration.FindStringSubmatch(strings.TrimLeft(s, "<>="))
	if m == nil {
		return 0, false
	}
	n, _ := strconv.Atoi(m[1])
	return time.Duration(n) * unit[m[2]], true
}

// step is the distance of points: what the panel asks for, never under the datasource's or the query's minimum,
// never more than 11,000 points.
func (q *Query) step(d *Datasource, fallback string) (step, least time.Duration) {
	text, _ := d.JSONData["timeInterval"].(string)
	if text == "" {
		text = fallback
	}
	least, _ = parseDuration(text)
	step = time.Duration(q.IntervalMs) * time.Millisecond
	if v, ok := parseDuration(q.Interval); ok {
		least = v
	}
	if v, ok := parseDuration(q.Step); ok {
		return v, least
	}
	span := q.To.Sub(q.From)
	step = max(step, least, roundUp(span/time.Duration(max(q.MaxDataPoints, 1))), span/11000+time.Millisecond)
	if step > time.Second {
		step = step.Round(time.Second)
	}
	return step, least
}

var niceSteps = []time.Duration{time.Millisecond, 10 * time.Millisecond, 100 * time.Millisecond, time.Second, 2 * time.Second, 5 * time.Second, 10 * time.Second,
	15 * time.Second, 20 * time.Second, 30 * time.Second, time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute, 15 * time.Minute, 20 * time.Minute,
	30 * time.Minute, time.Hour, 2 * time.Hour, 3 * time.Hour, 6 * time.Hour, 12 * time.Hour, 24 * time.Hour, 7 * 24 * time.Hour, 30 * 24 * time.Hour}

func roundUp(d time.Duration) time.Duration {
	if i := slices.IndexFunc(niceSteps, func(n time.Duration) bool { return n >= d }); i >= 0 {
		return niceSteps[i]
	}
	return d
}

func durationText(d time.Duration) string {
	switch {
	case d%(time.Hour) == 0:
		return fmt.Sprintf("%dh", d/time.Hour)
	case d%time.Minute == 0:
		return fmt.Sprintf("%dm", d/time.Minute)
	case d%time.Second == 0:
		return fmt.Sprintf("%ds", d/time.Second)
	}
	return fmt.Sprintf("%dms", d/time.Millisecond)
}

// macros replaces the interval macros that PromQL and LogQL share. $__range_s before $__range: longest first.
func (q *Query) macros(expr string, step, least time.Duration) string {
	span := q.To.Sub(q.From)
	rate := max(step+least, 4*least)
	pairs := []string{}
	for _, kv := range [][2]string{
		{"__rate_interval_ms", fmt.Sprint(rate.Milliseconds())}, {"__rate_interval", durationText(rate)},
		{"__interval_ms", fmt.Sprint(step.Milliseconds())}, {"__interval", durationText(step)}, {"__auto", durationText(step)},
		{"__range_ms", fmt.Sprint(span.Milliseconds())}, {"__range_s", fmt.Sprint(int64(math.Ceil(span.Seconds())))},
		{"__range", fmt.Sprintf("%ds", int64(math.Ceil(span.Seconds())))},
	} {
		pairs = append(pairs, "${"+kv[0]+"}", kv[1], "$"+kv[0], kv[1])
	}
	return strings.NewReplacer(pairs...).Replace(expr)
}

// leftover finds a macro or variable that nobody replaced: Grafana would send it as it is.
var reLeftover = regexp.MustCompile(`\$__\w+|\$\{\w+[^}]*\}|\[\[\w+\]\]`)
