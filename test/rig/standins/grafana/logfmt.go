package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
	"time"
)

var levels = map[string]int{"debug": 0, "info": 1, "warn": 2, "error": 3, "critical": 4}

// Logger writes lines as Grafana's console mode does: logfmt, or JSON where [log.console] format says so.
type Logger struct {
	mu    sync.Mutex
	w     io.Writer
	level int
	json  bool
}

func NewLogger(w io.Writer, level, format string) *Logger {
	n, ok := levels[level]
	if !ok {
		n = levels["info"]
	}
	return &Logger{w: w, level: n, json: format == "json"}
}

func (l *Logger) Debug(name, msg string, kv ...any) { l.write("debug", name, msg, kv) }
func (l *Logger) Info(name, msg string, kv ...any)  { l.write("info", name, msg, kv) }
func (l *Logger) Warn(name, msg string, kv ...any)  { l.write("warn", name, msg, kv) }
func (l *Logger) Error(name, msg string, kv ...any) { l.write("error", name, msg, kv) }

func (l *Logger) write(level, name, msg string, kv []any) {
	if levels[level] < l.level {
		return
	}
	kv = append([]any{"logger", name, "t", time.Now().Format(time.RFC3339Nano), "level", level, "msg", msg}, kv...)
	var b strings.Builder
	if l.json {
		m := map[string]any{}
		for i := 0; i+1 < len(kv); i += 2 {
			m[fmt.Sprint(kv[i])] = fmt.Sprint(kv[i+1])
		}
		line, _ := json.Marshal(m)
		b.Write(line)
	} else {
		for i := 0; i+1 < len(kv); i += 2 {
			if i > 0 {
				b.WriteByte(' ')
			}
			fmt.Fprintf(&b, "%v=%s", kv[i], quote(fmt.Sprint(kv[i+1])))
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	fmt.Fprintln(l.w, b.String())
}

func quote(s string) string {
	if strings.ContainsAny(s, " =\"\n\t\\") {
		return strconv.Quote(s)
	}
	return s
}
