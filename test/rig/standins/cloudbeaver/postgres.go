package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
)

// connect opens a real connection. The driver's own error text is passed on, which never holds a password.
func connect(ctx context.Context, c *connection, who credentials) (*pgx.Conn, error) {
	settings, err := pgx.ParseConfig("sslmode=prefer connect_timeout=10")
	if err != nil {
		return nil, err
	}
	port, err := strconv.ParseUint(c.port, 10, 16)
	if err != nil {
		return nil, fmt.Errorf("port %s is not a number", c.port)
	}
	settings.Host, settings.Port, settings.Database = c.host, uint16(port), c.database
	settings.User, settings.Password = who.User, who.Password
	for _, fallback := range settings.Fallbacks {
		fallback.Host, fallback.Port = settings.Host, settings.Port
	}
	if settings.TLSConfig != nil {
		settings.TLSConfig.ServerName = c.host
	}
	settings.RuntimeParams = map[string]string{"application_name": "CloudBeaver stand-in", "client_encoding": "UTF8"}
	if c.readOnly {
		settings.RuntimeParams["default_transaction_read_only"] = "on"
	}
	return pgx.ConnectConfig(ctx, settings)
}

// execute runs one statement and shapes it as SQLExecuteInfo; at most limit rows are kept.
func execute(ctx context.Context, conn *pgx.Conn, sql string, limit int) (map[string]any, error) {
	start := time.Now()
	rows, err := conn.Query(ctx, sql, pgx.QueryExecModeSimpleProtocol)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var columns, data, meta []any
	for i, field := range rows.FieldDescriptions() {
		typeName := "unknown"
		if known, ok := conn.TypeMap().TypeForOID(field.DataTypeOID); ok {
			typeName = known.Name
		}
		columns = append(columns, map[string]any{
			"position": i, "name": field.Name, "label": field.Name, "typeName": typeName, "dataKind": kindOf(field.DataTypeOID),
		})
	}
	more := false
	for rows.Next() {
		if len(data) == limit {
			more = true
			continue
		}
		row := []any{}
		for i, raw := range rows.RawValues() {
			row = append(row, cell(rows.FieldDescriptions()[i].DataTypeOID, raw))
		}
		data = append(data, row)
		meta = append(meta, map[string]any{"data": row, "metaData": nil})
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	result := map[string]any{"title": nil, "sourceQuery": sql, "dataFormat": "resultset", "updateRowCount": nil, "resultSet": nil}
	if len(columns) > 0 {
		result["resultSet"] = map[string]any{
			"id": "1", "columns": columns, "rows": data, "rowsWithMetaData": meta, "hasMoreData": more,
		}
	} else {
		result["updateRowCount"] = rows.CommandTag().RowsAffected()
	}
	return map[string]any{
		"statusMessage": rows.CommandTag().String(), "duration": int(time.Since(start).Milliseconds()),
		"fullQuery": sql, "results": []any{result},
	}, nil
}

func kindOf(oid uint32) string {
	switch oid {
	case pgtype.Int2OID, pgtype.Int4OID, pgtype.Int8OID, pgtype.Float4OID, pgtype.Float8OID, pgtype.NumericOID:
		return "NUMERIC"
	case pgtype.BoolOID:
		return "BOOLEAN"
	case pgtype.TimestampOID, pgtype.TimestamptzOID, pgtype.DateOID:
		return "DATETIME"
	}
	return "STRING"
}

// cell is a value of the simple protocol, which is text.
func cell(oid uint32, raw []byte) any {
	if raw == nil {
		return nil
	}
	text := string(raw)
	switch kindOf(oid) {
	case "BOOLEAN":
		return text == "t"
	case "NUMERIC":
		if f, err := strconv.ParseFloat(text, 64); err == nil && !math.IsNaN(f) && !math.IsInf(f, 0) {
			return json.Number(text)
		}
	}
	return text
}

// The navigator's tree: connection / Databases / database / Schemas / schema / Tables / table. The real one's shape
// depends on its version and view settings: walk it by what it answers, never by a path put together.
func children(ctx context.Context, conn *pgx.Conn, c *connection, path string) ([]any, error) {
	base := "database://" + c.id
	var steps []string
	if rest := strings.Trim(strings.TrimPrefix(path, base), "/"); rest != "" {
		for _, step := range strings.Split(rest, "/") {
			name, err := url.PathUnescape(step)
			if err != nil {
				return nil, fmt.Errorf("Node '%s' not found", path)
			}
			steps = append(steps, name)
		}
	}
	folder := func(i int, name string) bool { return len(steps) > i && steps[i] == name }
	switch {
	case len(steps) == 0:
		return nodes(path, []string{"Databases"}, "folder"), nil
	case len(steps) == 1 && folder(0, "Databases"):
		return nodes(path, []string{c.database}, "database"), nil
	case len(steps) == 2 && folder(1, c.database):
		return nodes(path, []string{"Schemas"}, "folder"), nil
	case len(steps) == 3 && folder(1, c.database) && folder(2, "Schemas"):
		return list(ctx, conn, path, "schema", `SELECT nspname FROM pg_namespace
			WHERE nspname NOT LIKE 'pg\_%' AND nspname <> 'information_schema' ORDER BY 1`)
	case len(steps) == 4 && folder(1, c.database) && folder(2, "Schemas"):
		return nodes(path, []string{"Tables"}, "folder"), nil
	case len(steps) == 5 && folder(1, c.database) && folder(2, "Schemas") && folder(4, "Tables"):
		return list(ctx, conn, path, "table", `SELECT relname FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace
			WHERE nspname = $1 AND relkind IN ('r', 'p', 'f') ORDER BY 1`, steps[3])
	case len(steps) == 6:
		return []any{}, nil
	}
	return nil, fmt.Errorf("Node '%s' not found", path)
}

func list(ctx context.Context, conn *pgx.Conn, path, kind, sql string, args ...any) ([]any, error) {
	rows, err := conn.Query(ctx, sql, args...)
	if err != nil {
		return nil, err
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, err
	}
	return nodes(path, names, kind), nil
}

func nodes(path string, names []string, kind string) []any {
	out := []any{}
	for _, name := range names {
		node := map[string]any{
			"id": strings.TrimSuffix(path, "/") + "/" + url.PathEscape(name), "name": name, "nodeType": kind,
			"hasChildren": kind != "table", "folder": kind == "folder", "projectId": projectID, "object": nil,
		}
		if kind != "folder" {
			node["object"] = map[string]any{"name": name, "type": kind}
		}
		out = append(out, node)
	}
	return out
}
