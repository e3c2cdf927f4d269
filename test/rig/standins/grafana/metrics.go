package main

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

type metrics struct {
	registry *prometheus.Registry
	requests *prometheus.HistogramVec
}

func newMetrics() *metrics {
	m := &metrics{registry: prometheus.NewRegistry()}
	m.requests = prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "grafana_http_request_duration_seconds",
		Help: "Histogram of latencies for HTTP requests.", Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}},
		[]string{"handler", "status_code", "method"})
	build := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "grafana_build_info", Help: "Build information of the stand-in."},
		[]string{"version", "revision", "edition"})
	build.WithLabelValues(version, commit, "oss").Set(1)
	m.registry.MustRegister(m.requests, build, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

func (m *metrics) observe(r *http.Request, status int, took time.Duration) {
	handler := r.Pattern
	if _, path, ok := strings.Cut(handler, " "); ok {
		handler = path
	}
	m.requests.WithLabelValues(handler, strconv.Itoa(status), r.Method).Observe(took.Seconds())
}

type recorder struct {
	http.ResponseWriter
	status int
}

func (r *recorder) WriteHeader(status int) { r.status = status; r.ResponseWriter.WriteHeader(status) }

func (c *Ctx) prometheus() {
	cfg := c.g.cfg
	if !cfg.Bool("metrics.enabled") {
		c.msg(404, "the Grafana stand-in does not know this path")
		return
	}
	want, wantPass := cfg.Get("metrics.basic_auth_username"), cfg.Get("metrics.basic_auth_password")
	if user, pass, _ := c.r.BasicAuth(); want != "" && wantPass != "" && (user != want || pass != wantPass) {
		c.w.Header().Set("WWW-Authenticate", `Basic realm="Restricted"`)
		c.w.WriteHeader(401)
		return
	}
	promhttp.HandlerFor(c.g.metrics.registry, promhttp.HandlerOpts{}).ServeHTTP(c.w, c.r)
}

// background is a context that outlives the request.
func (g *Grafana) background() context.Context { return context.Background() }
