import { type ExporterData, fixed, listenFlags, storesAddress, wget } from './data.ts';
import type { NodeExporterSettings } from './settings.ts';

const name = 'node-exporter';
const port = 9100;

// The exporter's own /proc tells of its container, and one of the host would still show the reader's own network in
// /proc/net (a link to `self`). So its procfs is put together from what it may read: single files, and the network
// of the host's first process. Files that some kernels lack are not here: a mount of nothing stops a container.
const procfs = {
  '/proc/1/net': 'net',
  '/proc/1/mountinfo': '1/mountinfo',
  '/proc/cpuinfo': 'cpuinfo',
  '/proc/diskstats': 'diskstats',
  '/proc/loadavg': 'loadavg',
  '/proc/meminfo': 'meminfo',
  '/proc/stat': 'stat',
  '/proc/sys/fs/file-nr': 'sys/fs/file-nr',
  '/proc/vmstat': 'vmstat',
};

// What is on, instead of what is off: a collector that a new version brings would read files that are not there.
const collectors = [
  'cpu',
  'cpufreq',
  'diskstats',
  'filefd',
  'filesystem',
  'loadavg',
  'meminfo',
  'netclass',
  'netdev',
  'netstat',
  'os',
  'sockstat',
  'softnet',
  'stat',
  'thermal_zone',
  'time',
  'timex',
  'uname',
  'vmstat',
];

// Left out: arp, a series for each neighbour; conntrack, which the kernel counts for the reader's own network; mdadm,
// pressure and schedstat, whose files are not on every kernel; textfile, as nothing writes such files; and what is
// seldom there on a virtual server, where each would be asked at every scrape (bcache, bonding, btrfs, hwmon, ipvs,
// nfs, nvme, rapl, xfs, zfs, …).

/** The host's own figures. `host` is the value of the label `instance`. */
export function nodeExporter(settings: NodeExporterSettings, host: string): ExporterData {
  return {
    name,
    title: 'node_exporter',
    image: 'nodeExporter',
    imageOverride: settings.image,
    user: '65534:65534',
    args: [
      '--path.procfs=/host/proc',
      '--path.sysfs=/host/sys',
      '--path.rootfs=/host/root',
      '--path.udev.data=/host/root/run/udev/data',
      '--collector.disable-defaults',
      ...collectors.map((collector) => `--collector.${collector}`),
      // Asked by netlink, the kernel answers for the container's network.
      '--no-collector.netdev.netlink',
      '--no-collector.netclass.netlink',
      // A dozen series for each container that comes and goes; their traffic is in netdev, and by name in cAdvisor.
      '--collector.netclass.ignored-devices=^veth.*$',
      // Containers' and sandboxes' own mounts are not disks of the host.
      '--collector.filesystem.mount-points-exclude=^/(dev|proc|sys|run|var/lib/docker|var/lib/containerd|var/lib/containers|snap)($|/)',
      '--collector.filesystem.fs-types-exclude=^(autofs|binfmt_misc|bpf|cgroup2?|configfs|debugfs|devpts|devtmpfs|fuse.*|fusectl|hugetlbfs|iso9660|mqueue|nsfs|overlay|proc|procfs|pstore|rpc_pipefs|securityfs|selinuxfs|squashfs|erofs|sysfs|tmpfs|tracefs)$',
      '--web.disable-exporter-metrics',
      ...listenFlags(name, port),
    ],
    port,
    memory: settings.memory,
    networks: [],
    mounts: [
      ...Object.entries(procfs).map(([hostPath, path]) => ({ hostPath, path: `/host/proc/${path}` })),
      { hostPath: '/sys', path: '/host/sys' },
      // For the free space of every disk. Nobody's eyes: what only root may read stays unread.
      { hostPath: '/', path: '/host/root', propagation: 'rslave' },
    ],
    healthcheck: wget(port, '/'),
    scrape: [
      {
        name: 'node',
        targets: [storesAddress(name, port)],
        relabel: [fixed('instance', host)],
        // The kernel says the container's name there.
        metricRelabel: [
          { source_labels: ['__name__'], regex: 'node_uname_info', ...fixed('nodename', host) },
        ],
      },
    ],
  };
}
