// cAdvisor's library under a main of our own, because its command is no published module.
// Flags, their defaults and the two addresses served are upstream's (its README and docs/runtime_options.md);
// what is not here (web pages, /api, authentication, storage drivers, podman) is refused as an unknown flag or 404.
package main

import (
	"flag"
	"fmt"
	"log"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/google/cadvisor/lib/cache/memory"
	"github.com/google/cadvisor/lib/container"
	"github.com/google/cadvisor/lib/manager"
	"github.com/google/cadvisor/lib/metrics"
	info "github.com/google/cadvisor/lib/model"
	"github.com/google/cadvisor/lib/utils/sysfs"
	"github.com/google/cadvisor/lib/version"
	"github.com/google/cadvisor/utils/oomparser"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"k8s.io/klog/v2"
	"k8s.io/utils/clock"

	_ "github.com/google/cadvisor/container/docker/install"
	_ "github.com/google/cadvisor/lib/container/containerd/install"
	_ "github.com/google/cadvisor/lib/container/systemd/install"
	_ "github.com/google/cadvisor/lib/fs/overlay/install"
	_ "github.com/google/cadvisor/lib/fs/tmpfs/install"
	_ "github.com/google/cadvisor/lib/fs/vfs/install"
)

var (
	listenIP     = flag.String("listen_ip", "", "address to listen on, all when empty")
	port         = flag.Int("port", 8080, "port to listen on")
	showVersion  = flag.Bool("version", false, "print the version and exit")
	endpoint     = flag.String("prometheus_endpoint", "/metrics", "path of the metrics")
	storeLabels  = flag.Bool("store_container_labels", true, "put every container label on every series")
	whitelist    = flag.String("whitelisted_container_labels", "", "labels to keep when not all are stored")
	envWhitelist = flag.String("env_metadata_whitelist", "", "prefixes of environment variables to keep")
	rawWhitelist = flag.String("raw_cgroup_prefix_whitelist", "", "cgroup paths kept even with -docker_only")
	storage      = flag.Duration("storage_duration", 2*time.Minute, "how long samples are kept in memory")
	enabled      = container.MetricSet{}
	disabled     = set(container.MemoryNumaMetrics, container.NetworkTcpUsageMetrics, container.NetworkUdpUsageMetrics,
		container.NetworkAdvancedTcpUsageMetrics, container.ProcessSchedulerMetrics, container.ProcessMetrics,
		container.HugetlbUsageMetrics, container.ReferencedMemoryMetrics, container.CPUTopologyMetrics,
		container.ResctrlMetrics, container.CPUSetMetrics)
)

func set(kinds ...container.MetricKind) container.MetricSet {
	result := container.MetricSet{}
	for _, kind := range kinds {
		result[kind] = struct{}{}
	}
	return result
}

// oomCounting fills in what the library leaves at zero: the kernel log's out-of-memory kills, by container.
type oomCounting struct {
	manager.Manager
	lock  sync.Mutex
	kills map[string]uint64
}

func (m *oomCounting) watch() {
	parser, err := oomparser.New()
	if err != nil {
		klog.Warningf("no out-of-memory counts: %v", err)
		return
	}
	instances := make(chan *oomparser.OomInstance, 10)
	go parser.StreamOoms(instances)
	for instance := range instances {
		m.lock.Lock()
		m.kills[instance.ContainerName]++
		m.lock.Unlock()
	}
}

// GetRequestedContainersInfo is what the Prometheus collector asks for.
func (m *oomCounting) GetRequestedContainersInfo(name string, options info.RequestOptions) (map[string]*info.ContainerInfo, error) {
	found, err := m.Manager.GetRequestedContainersInfo(name, options)
	m.lock.Lock()
	defer m.lock.Unlock()
	for _, one := range found {
		for _, sample := range one.Stats {
			sample.OOMEvents = m.kills[one.Name]
		}
	}
	return found, err
}

func main() {
	klog.InitFlags(nil)
	flag.Var(&disabled, "disable_metrics", "comma-separated metrics to leave out: "+container.AllMetrics.String())
	flag.Var(&enabled, "enable_metrics", "comma-separated metrics; overrides -disable_metrics")
	flag.Parse()
	if *showVersion {
		fmt.Printf("cAdvisor version %s (the library under Taffrail's main)\n", version.Info["version"])
		return
	}
	included := container.AllMetrics.Difference(disabled)
	if len(enabled) > 0 {
		included = enabled
	}
	library, err := manager.New(memory.New(*storage, nil), sysfs.NewRealSysFs(), manager.HousekeepingConfigFlags, included,
		strings.Split(*rawWhitelist, ","), strings.Split(*envWhitelist, ","), "", 0)
	if err != nil {
		log.Fatalf("cAdvisor cannot start: %v", err)
	}
	machine := metrics.NewPrometheusMachineCollector(library, included)
	counting := &oomCounting{Manager: library, kills: map[string]uint64{}}
	go counting.watch()
	if err := library.Start(); err != nil {
		log.Fatalf("cAdvisor cannot start: %v", err)
	}

	labels := metrics.DefaultContainerLabels
	if !*storeLabels {
		kept := strings.Split(*whitelist, ",")
		for i := range kept {
			kept[i] = strings.TrimSpace(kept[i])
		}
		labels = metrics.BaseContainerLabels(kept)
	}
	latest := info.RequestOptions{IdType: info.TypeName, Count: 1, Recursive: true}
	registry := prometheus.NewRegistry()
	registry.MustRegister(
		metrics.NewPrometheusCollector(counting, labels, included, clock.RealClock{}, latest),
		machine,
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	handlers := http.NewServeMux()
	handlers.Handle(*endpoint, promhttp.HandlerFor(registry, promhttp.HandlerOpts{ErrorHandling: promhttp.ContinueOnError}))
	handlers.HandleFunc("/healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "ok") })

	stop := make(chan os.Signal, 1)
	signal.Notify(stop, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-stop
		_ = library.Stop()
		os.Exit(0)
	}()
	log.Fatal(http.ListenAndServe(fmt.Sprintf("%s:%d", *listenIP, *port), handlers))
}
