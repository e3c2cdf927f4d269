package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The answer's shape of Prometheus and Loki.
type apiAnswer struct {
	Status, ErrorType, Error string
	Data                     struct {
		ResultType string
		Result     json.RawMessage
	}
}

type series struct {
	Metric map[string]string
	Stream map[string]string
	Value  []any
	Values [][]any
}

// ask posts or gets one query. Errors: a queryError with the store's own words.
func (g *Grafana) ask(ctx context.Context, d *Datasource, method, path string, q url.Values, h http.Header) (*apiAnswer, error) {
	var status int
	var body []byte
	var err error
	if method == "POST" {
		h = http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}
		status, body, _, err = g.upstream(ctx, d, method, path, nil, []byte(q.Encode()), h)
	} else {
		status, body, _, err = g.upstream(ctx, d, method, path, q, nil, h)
	}
	if err != nil {
		return nil, queryError{502, err.Error()}
	}
	a := &apiAnswer{}
	if json.Unmarshal(body, a) != nil || a.Status != "success" {
		text := firstLine(body)
		if a.ErrorType != "" {
			text = a.ErrorType + ": " + a.Error
		}
		if status < 400 {
			status = 500
		}
		if text == "" {
			text = http.StatusText(status)
		}
		return nil, queryError{status, text}
	}
	return a, nil
}

func seconds(t time.Time) string { return strconv.FormatFloat(float64(t.UnixMilli())/1000, 'f', 3, 64) }

func (g *Grafana) queryPrometheus(ctx context.Context, d *Datasource, q *Query) ([]*Frame, error) {
	step, least := q.step(d, "15s")
	expr := q.macros(q.Expr, step, least)
	if err := checkExpr(expr); err != nil {
		return nil, err
	}
	method, _ := d.JSONData["httpMethod"].(string)
	if method == "" {
		method = "POST"
	}
	var frames []*Frame
	instant, ranged := q.flags()
	if ranged {
		// Prometheus data is aligned to the step, so that a refresh shows the same points.
		from, to := q.From.Truncate(step), q.To.Truncate(step)
		a, err := g.ask(ctx, d, method, "/api/v1/query_range", url.Values{"query": {expr}, "start": {seconds(from)}, "end": {seconds(to)},
			"step": {strconv.FormatFloat(step.Seconds(), 'f', -1, 64)}}, nil)
		if err != nil {
			return nil, err
		}
		more, err := metricFrames(q, a, expr, step)
		if err != nil {
			return nil, err
		}
		frames = append(frames, more...)
	}
	if instant {
		a, err := g.ask(ctx, d, method, "/api/v1/query", url.Values{"query": {expr}, "time": {seconds(q.To)}}, nil)
		if err != nil {
			return nil, err
		}
		more, err := metricFrames(q, a, expr, step)
		if err != nil {
			return nil, err
		}
		frames = append(frames, more...)
	}
	return frames, nil
}

func checkExpr(expr string) error {
	if strings.TrimSpace(expr) == "" {
		return queryError{400, "query expression is empty"}
	}
	if left := reLeftover.FindString(expr); left != "" {
		return queryError{400, "the Grafana stand-in does not know " + left}
	}
	return nil
}

func metricFrames(q *Query, a *apiAnswer, expr string, step time.Duration) ([]*Frame, error) {
	var list []series
	kind := "timeseries-multi"
	if a.Data.ResultType == "vector" || a.Data.ResultType == "scalar" {
		kind = "numeric-multi"
	}
	if a.Data.ResultType == "scalar" {
		var v []any
		if err := json.Unmarshal(a.Data.Result, &v); err != nil {
			return nil, err
		}
		list = []series{{Value: v}}
	} else if err := json.Unmarshal(a.Data.Result, &list); err != nil {
		return nil, fmt.Errorf("the data source's answer cannot be read: %w", err)
	}
	var frames []*Frame
	for _, s := range list {
		if s.Value != nil {
			s.Values = [][]any{s.Value}
		}
		times, values := make([]any, 0, len(s.Values)), make([]any, 0, len(s.Values))
		for _, p := range s.Values {
			t, v, err := point(p)
			if err != nil {
				return nil, err
			}
			times, values = append(times, t), append(values, v)
		}
		f := newFrame(q.RefID, map[string]any{"type": kind, "typeVersion": []int{0, 1}, "custom": map[string]any{"resultType": a.Data.ResultType},
			"executedQueryString": fmt.Sprintf("Expr: %s\nStep: %s", expr, step)})
		f.Schema.Name = legend(q.LegendFormat, s.Metric)
		time := timeField("Time")
		time.Config = map[string]any{"interval": step.Milliseconds()}
		f.add(time, times)
		f.add(Field{Name: "Value", Type: "number", TypeInfo: map[string]any{"frame": "float64"}, Labels: s.Metric,
			Config: map[string]any{"displayNameFromDS": f.Schema.Name}}, values)
		frames = append(frames, f)
	}
	return frames, nil
}

// point reads [seconds, "value"].
func point(p []any) (ms int64, v float64, err error) {
	if len(p) == 2 {
		t, ok1 := p[0].(float64)
		s, ok2 := p[1].(string)
		if ok1 && ok2 {
			v, err = strconv.ParseFloat(s, 64)
			return int64(t * 1000), v, err
		}
	}
	return 0, 0, fmt.Errorf("a sample cannot be read: %v", p)
}

var reLegend = regexp.MustCompile(`\{\{\s*(.+?)\s*\}\}`)

func legend(format string, labels map[string]string) string {
	if format != "" && format != "__auto" {
		return reLegend.ReplaceAllStringFunc(format, func(m string) string { return labels[reLegend.FindStringSubmatch(m)[1]] })
	}
	pairs := []string{}
	for k, v := range labels {
		if k != "__name__" {
			pairs = append(pairs, fmt.Sprintf("%s=%q", k, v))
		}
	}
	slices.Sort(pairs)
	if len(pairs) == 0 {
		return labels["__name__"]
	}
	return labels["__name__"] + "{" + strings.Join(pairs, ", ") + "}"
}

func (g *Grafana) queryLoki(ctx context.Context, d *Datasource, q *Query) ([]*Frame, error) {
	step, least := q.step(d, "1s")
	expr := q.macros(q.Expr, step, least)
	if err := checkExpr(expr); err != nil {
		return nil, err
	}
	limit := q.MaxLines
	if limit == 0 {
		limit, _ = strconv.Atoi(fmt.Sprint(d.JSONData["maxLines"]))
	}
	if limit == 0 {
		limit = 1000
	}
	direction := q.Direction
	if direction == "" {
		direction = "backward"
	}
	v := url.Values{"query": {expr}, "limit": {strconv.Itoa(limit)}, "direction": {direction}}
	path := "/loki/api/v1/query_range"
	if instant, _ := q.flags(); instant {
		path = "/loki/api/v1/query"
		v.Set("time", strconv.FormatInt(q.To.UnixNano(), 10))
	} else {
		v.Set("start", strconv.FormatInt(q.From.UnixNano(), 10))
		v.Set("end", strconv.FormatInt(q.To.UnixNano(), 10))
		v.Set("step", durationText(step))
	}
	// The flag makes Loki tell structured metadata and parsed labels apart from stream labels.
	a, err := g.ask(ctx, d, "GET", path, v, http.Header{"X-Loki-Response-Encoding-Flags": {"categorize-labels"}})
	if err != nil {
		return nil, err
	}
	if a.Data.ResultType == "streams" {
		return logFrame(q, a, expr)
	}
	return metricFrames(q, a, expr, step)
}

type logLine struct {
	ns     string
	text   string
	labels map[string]string
	kinds  map[string]string
}

// logFrame is one frame for all streams, newest first: labels, Time, Line, tsNs, labelTypes, id.
func logFrame(q *Query, a *apiAnswer, expr string) ([]*Frame, error) {
	var streams []struct {
		Stream map[string]string
		Values [][]json.RawMessage
	}
	if err := json.Unmarshal(a.Data.Result, &streams); err != nil {
		return nil, err
	}
	var lines []logLine
	for _, s := range streams {
		for _, v := range s.Values {
			l := logLine{labels: map[string]string{}, kinds: map[string]string{}}
			if len(v) < 2 || json.Unmarshal(v[0], &l.ns) != nil || json.Unmarshal(v[1], &l.text) != nil {
				return nil, fmt.Errorf("a log line cannot be read")
			}
			var extra struct{ StructuredMetadata, Parsed map[string]string }
			if len(v) > 2 {
				json.Unmarshal(v[2], &extra)
			}
			for kind, set := range map[string]map[string]string{"I": s.Stream, "S": extra.StructuredMetadata, "P": extra.Parsed} {
				for k, x := range set {
					l.labels[k], l.kinds[k] = x, kind
				}
			}
			lines = append(lines, l)
		}
	}
	slices.SortStableFunc(lines, func(a, b logLine) int {
		if q.Direction == "forward" {
			a, b = b, a
		}
		return strings.Compare(b.ns, a.ns)
	})
	cols := make([][]any, 6)
	for i := range cols {
		cols[i] = []any{}
	}
	for i, l := range lines {
		ns, _ := strconv.ParseInt(l.ns, 10, 64)
		for j, x := range []any{l.labels, ns / 1e6, l.text, l.ns, l.kinds, fmt.Sprintf("%s_%s_%d", l.ns, sha(l.text)[:8], i)} {
			cols[j] = append(cols[j], x)
		}
	}
	f := newFrame(q.RefID, map[string]any{"typeVersion": []int{0, 0}, "custom": map[string]any{"frameType": "LabeledTimeValues"},
		"executedQueryString": "Expr: " + expr})
	raw, str := map[string]any{"frame": "json.RawMessage"}, map[string]any{"frame": "string"}
	f.add(Field{Name: "labels", Type: "other", TypeInfo: raw}, cols[0])
	f.add(timeField("Time"), cols[1])
	f.add(Field{Name: "Line", Type: "string", TypeInfo: str}, cols[2])
	f.add(Field{Name: "tsNs", Type: "string", TypeInfo: str}, cols[3])
	f.add(Field{Name: "labelTypes", Type: "other", TypeInfo: raw}, cols[4])
	f.add(Field{Name: "id", Type: "string", TypeInfo: str}, cols[5])
	return []*Frame{f}, nil
}
