import { goDuration } from '../files.ts';
import { socketProxyUrl } from '../socketProxy/render.ts';
import { filteredContainerd } from './containerd.ts';
import { type ExporterData, fixed, storesAddress } from './data.ts';
import type { CadvisorSettings } from './settings.ts';

const name = 'cadvisor';
const port = 8080;

/** Left out, and why; everything else (cpu, memory, network, diskIO) is measured. */
export const cadvisorDisabledMetrics: Record<string, string> = {
  advtcp: 'a hundred series a container',
  app: 'asks containers for metrics by their labels; Prometheus does that',
  cpuLoad: 'needs netlink task statistics, a right that it has not',
  cpu_topology: 'never changes',
  cpuset: 'never changes',
  disk: "walks every container's files, and needs root and the engine's folder for it",
  hugetlb: 'nobody here uses huge pages',
  memory_numa: 'one node',
  oom_event: 'reads the kernel log, a right that it has not; it would stay 0',
  percpu: 'a series for each core',
  perf_event: 'needs a right that it has not',
  pressure: 'zero on kernels without PSI, which reads as "no pressure"',
  process: "needs to look into other users' processes",
  referenced_memory: 'resets counters that the kernel uses itself',
  resctrl: 'hardware of few servers',
  sched: 'a series for each core',
  tcp: 'a dozen series a container, and CPU at each measurement',
  udp: 'the same',
};

/** Compose's own labels; any other label of a container would be a label of every series. */
export const cadvisorKeptLabels = ['com.docker.compose.project', 'com.docker.compose.service'];

// If the proxy does not answer at the start, cAdvisor goes on without Docker, for ever, and says nothing: after a
// reboot of the host nobody orders the containers.
const start = `until wget -q -O /dev/null ${socketProxyUrl.replace('tcp:', 'http:')}/_ping && [ -S ${filteredContainerd} ]
do sleep 1; done
exec /usr/bin/entrypoint.sh "$@"`;

/** What each container takes. `host` is the value of the label `instance`. */
export function cadvisor(settings: CadvisorSettings, host: string): ExporterData {
  return {
    name,
    title: 'cAdvisor',
    image: 'cadvisor',
    imageOverride: settings.image,
    // No account of its own in the image. A uid that no other container has: with the host's /proc, a process of the
    // same uid would be open to it.
    user: '65532:65532',
    entrypoint: ['sh', '-c', start, name],
    args: [
      `--docker=${socketProxyUrl}`,
      // Where images are containerd's (the default since Docker 29), a container is known by containerd only.
      `--containerd=${filteredContainerd}`,
      '--containerd-namespace=moby',
      '--docker_only=true',
      // The host as a whole is node_exporter's: a series without a container's name is nobody's.
      '--disable_root_cgroup_stats=true',
      `--housekeeping_interval=${goDuration(settings.housekeeping)}`,
      `--max_housekeeping_interval=${goDuration(settings.housekeeping)}`,
      '--allow_dynamic_housekeeping=false',
      '--global_housekeeping_interval=1m',
      '--store_container_labels=false',
      `--whitelisted_container_labels=${cadvisorKeptLabels.join(',')}`,
      `--disable_metrics=${Object.keys(cadvisorDisabledMetrics).join(',')}`,
      `--port=${String(port)}`,
    ],
    port,
    memory: settings.memory,
    // No application is on either of its networks, so it may listen on both.
    networks: ['socket'],
    mounts: [
      // cgroups.
      { hostPath: '/sys', path: '/sys' },
      // Network counters of each container, by its first process. The host's root would hand over /var/run.
      { hostPath: '/proc', path: '/rootfs/proc' },
    ],
    healthcheck: ['wget', '-q', '-O', '/dev/null', `http://127.0.0.1:${String(port)}/healthz`],
    proof: {
      logic: 'exporters/cadvisorApply.ts',
      told: { service: name, folder: settings.containerd },
    },
    scrape: [{ name: 'cadvisor', targets: [storesAddress(name, port)], relabel: [fixed('instance', host)] }],
  };
}
