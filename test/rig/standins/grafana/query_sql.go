package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
)

// table is a query's answer: each cell nil, float64, bool, string or time.Time.
type table struct {
	names []string
	kinds []string // number, time, boolean, string
	rows  [][]any
}

// sql runs one statement with the datasource's user. Errors: the connection's, or PostgreSQL's own words.
func (g *Grafana) sql(ctx context.Context, d *Datasource, statement string) (*table, error) {
	secret, err := g.open(d)
	if err != nil {
		return nil, err
	}
	database, _ := d.JSONData["database"].(string)
	if database == "" {
		database = d.Database
	}
	mode, _ := d.JSONData["sslmode"].(string)
	host := d.URL
	if _, _, err := net.SplitHostPort(host); err != nil {
		host = net.JoinHostPort(host, "5432")
	}
	q := url.Values{"sslmode": {mode}, "application_name": {"grafana-standin"}, "connect_timeout": {"10"}}
	for key, name := range map[string]string{"sslRootCertFile": "sslrootcert", "sslCertFile": "sslcert", "sslKeyFile": "sslkey"} {
		if v, _ := d.JSONData[key].(string); v != "" && mode != "disable" {
			q.Set(name, v)
		}
	}
	address := url.URL{Scheme: "postgres", User: url.UserPassword(d.User, secret["password"]), Host: host, Path: "/" + database, RawQuery: q.Encode()}
	ctx, cancel := context.WithTimeout(ctx, time.Duration(g.cfg.Int("dataproxy.timeout"))*time.Second)
	defer cancel()
	conf, err := pgx.ParseConfig(address.String())
	if err != nil {
		return nil, fmt.Errorf("data source %q: its address cannot be read", d.Name) // pgx's own words could hold the password
	}
	conn, err := pgx.ConnectConfig(ctx, conf)
	if err != nil {
		return nil, err
	}
	defer conn.Close(context.Background())
	rows, err := conn.Query(ctx, statement)
	if err != nil {
		return nil, queryError{400, "db query error: " + err.Error()}
	}
	defer rows.Close()
	t := &table{}
	for _, f := range rows.FieldDescriptions() {
		t.names = append(t.names, f.Name)
		t.kinds = append(t.kinds, kindOf(f.DataTypeOID))
	}
	limit := g.cfg.Int("dataproxy.row_limit")
	for rows.Next() && len(t.rows) < limit {
		cells, err := rows.Values()
		if err != nil {
			return nil, err
		}
		for i := range cells {
			cells[i] = cell(cells[i], t.kinds[i])
		}
		t.rows = append(t.rows, cells)
	}
	if err := rows.Err(); err != nil {
		return nil, queryError{400, "db query error: " + err.Error()}
	}
	return t, nil
}

func kindOf(oid uint32) string {
	switch oid {
	case pgtype.Int2OID, pgtype.Int4OID, pgtype.Int8OID, pgtype.Float4OID, pgtype.Float8OID, pgtype.NumericOID, pgtype.OIDOID:
		return "number"
	case pgtype.TimestampOID, pgtype.TimestamptzOID, pgtype.DateOID:
		return "time"
	case pgtype.BoolOID:
		return "boolean"
	}
	return "string"
}

func cell(v any, kind string) any {
	switch x := v.(type) {
	case nil:
		return nil
	case int16:
		return float64(x)
	case int32:
		return float64(x)
	case int64:
		return float64(x)
	case uint32:
		return float64(x)
	case float32:
		return float64(x)
	case float64, bool, string, time.Time:
		return x
	case pgtype.Numeric:
		f, err := x.Float64Value()
		if err != nil || !f.Valid {
			return nil
		}
		return f.Float64
	case [16]byte:
		return fmt.Sprintf("%x-%x-%x-%x-%x", x[:4], x[4:6], x[6:8], x[8:10], x[10:])
	case []byte:
		return string(x)
	case pgtype.Interval:
		return (time.Duration(x.Microseconds)*time.Microsecond + time.Duration(x.Days)*24*time.Hour + time.Duration(x.Months)*30*24*time.Hour).String()
	}
	if kind == "number" || kind == "time" {
		return nil // infinity and the like
	}
	if b, err := json.Marshal(v); err == nil {
		return strings.Trim(string(b), `"`)
	}
	return fmt.Sprint(v)
}

func (g *Grafana) queryPostgres(ctx context.Context, d *Datasource, q *Query) ([]*Frame, error) {
	step, _ := q.step(d, "1s")
	statement, err := q.sqlMacros(q.RawSQL, step)
	if err != nil {
		return nil, err
	}
	t, err := g.sql(ctx, d, statement)
	if err != nil {
		return nil, err
	}
	meta := map[string]any{"executedQueryString": statement}
	if q.format() == "time_series" {
		return t.wide(q.RefID, meta)
	}
	f := newFrame(q.RefID, meta)
	for i, name := range t.names {
		values := make([]any, len(t.rows))
		for r, row := range t.rows {
			values[r] = row[i]
			if at, ok := row[i].(time.Time); ok {
				values[r] = at.UnixMilli()
			}
		}
		f.add(Field{Name: name, Type: t.kinds[i], TypeInfo: map[string]any{"frame": frameType[t.kinds[i]], "nullable": true}}, values)
	}
	return []*Frame{f}, nil
}

var frameType = map[string]string{"number": "float64", "time": "time.Time", "boolean": "bool", "string": "string"}

// wide turns rows (time, text columns, numbers) into one time column and a number column for each series.
func (t *table) wide(refID string, meta map[string]any) ([]*Frame, error) {
	timeAt := -1
	for i, n := range t.names {
		if n == "time" || n == "time_sec" || timeAt < 0 && t.kinds[i] == "time" {
			timeAt = i
		}
	}
	if timeAt < 0 {
		return nil, queryError{400, "no time column found"}
	}
	type column struct {
		field  Field
		values map[int64]any
	}
	var order []int64
	seen, columns, keys := map[int64]bool{}, map[string]*column{}, []string{}
	for _, row := range t.rows {
		at, ok := millis(row[timeAt])
		if !ok {
			return nil, queryError{400, "found a row without a time"}
		}
		if len(order) > 0 && at < order[len(order)-1] {
			return nil, queryError{400, "failed to convert long to wide series when converting from dataframe: long series must be sorted ascending by time to be converted"}
		}
		if !seen[at] {
			seen[at] = true
			order = append(order, at)
		}
		labels := map[string]string{}
		for i, v := range row {
			if s, ok := v.(string); ok && i != timeAt {
				labels[t.names[i]] = s
			}
		}
		for i, v := range row {
			if i == timeAt || t.kinds[i] != "number" {
				continue
			}
			key := t.names[i] + fmt.Sprint(labels)
			if columns[key] == nil {
				f := Field{Name: t.names[i], Type: "number", TypeInfo: map[string]any{"frame": "float64", "nullable": true}, Labels: labels}
				if m, ok := labels["metric"]; ok { // the column named metric gives the series its name
					f.Name, f.Labels = m, nil
				}
				columns[key], keys = &column{f, map[int64]any{}}, append(keys, key)
			}
			columns[key].values[at] = v
		}
	}
	f := newFrame(refID, meta)
	times := make([]any, len(order))
	for i, at := range order {
		times[i] = at
	}
	f.add(timeField("Time"), times)
	for _, k := range keys {
		values := make([]any, len(order))
		for i, at := range order {
			values[i] = columns[k].values[at]
		}
		f.add(columns[k].field, values)
	}
	return []*Frame{f}, nil
}

// millis takes a time, or a number as Grafana does: seconds when small, else milliseconds or nanoseconds.
func millis(v any) (int64, bool) {
	switch x := v.(type) {
	case time.Time:
		return x.UnixMilli(), true
	case float64:
		switch {
		case x < 1e11:
			return int64(x * 1000), true
		case x > 1e15:
			return int64(x / 1e6), true
		}
		return int64(x), true
	}
	return 0, false
}

var reMacro = regexp.MustCompile(`\$__(\w+)(?:\(([^()]*(?:\([^()]*\)[^()]*)*)\))?`)

// sqlMacros replaces the macros of Grafana's PostgreSQL datasource. Errors: one it does not know.
func (q *Query) sqlMacros(statement string, step time.Duration) (out string, err error) {
	from, to := q.From.UTC().Format("'2006-01-02T15:04:05.999Z'"), q.To.UTC().Format("'2006-01-02T15:04:05.999Z'")
	out = reMacro.ReplaceAllStringFunc(statement, func(m string) string {
		part := reMacro.FindStringSubmatch(m)
		args := strings.Split(part[2], ",")
		for i := range args {
			args[i] = strings.TrimSpace(args[i])
		}
		group := func(column string) string {
			every := strings.Trim(args[min(1, len(args)-1)], `'"`)
			if every == "$__interval" {
				every = durationText(step)
			}
			d, ok := parseDuration(every)
			if !ok || len(args) < 2 {
				err = queryError{400, fmt.Sprintf("macro $__%s needs time column and interval", part[1])}
			}
			return fmt.Sprintf("floor(%s/%s)*%s", column, secs(d), secs(d))
		}
		switch part[1] {
		case "time":
			return args[0] + ` AS "time"`
		case "timeEpoch":
			return fmt.Sprintf(`extract(epoch from %s) as "time"`, args[0])
		case "timeFilter":
			return fmt.Sprintf("%s BETWEEN %s AND %s", args[0], from, to)
		case "timeFrom":
			return from
		case "timeTo":
			return to
		case "timeGroup":
			return group("extract(epoch from " + args[0] + ")")
		case "timeGroupAlias":
			return group("extract(epoch from "+args[0]+")") + ` AS "time"`
		case "unixEpochFilter":
			return fmt.Sprintf("%s >= %d AND %s <= %d", args[0], q.From.Unix(), args[0], q.To.Unix())
		case "unixEpochFrom":
			return strconv.FormatInt(q.From.Unix(), 10)
		case "unixEpochTo":
			return strconv.FormatInt(q.To.Unix(), 10)
		case "unixEpochGroup":
			return group(args[0])
		case "unixEpochGroupAlias":
			return group(args[0]) + ` AS "time"`
		case "interval":
			return durationText(step)
		case "interval_ms":
			return strconv.FormatInt(step.Milliseconds(), 10)
		}
		err = queryError{400, "the Grafana stand-in does not know the macro $__" + part[1]}
		return m
	})
	if left := reLeftover.FindString(out); left != "" && err == nil {
		err = queryError{400, "the Grafana stand-in does not know " + left}
	}
	if strings.TrimSpace(out) == "" && err == nil {
		err = queryError{400, "query model property rawSql should not be empty"}
	}
	return out, err
}

func secs(d time.Duration) string { return strconv.FormatFloat(d.Seconds(), 'f', -1, 64) }
