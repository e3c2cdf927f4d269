/** The table of what the rig is made of. A new part is one row (and its module's folder). */
import { type ImageKey, images } from '../../configs/images.ts';

export type PartKind = 'built' | 'debian' | 'stand-in' | 'official';

/** One Go program to link. */
export interface Output {
  /** File name in the part's folder. */
  readonly file: string;
  /** Go package; `.` is the module's own main. */
  readonly package: string;
}

/** One row. A part without `module` is taken as it is (Debian, or scripts of this repository). */
export interface Part {
  readonly name: string;
  readonly kind: PartKind;
  /** What the program itself says of its version, as far as it can be told. */
  readonly version: string;
  /** The image in configs/images.ts for which the rig uses this part. */
  readonly image?: ImageKey;
  /** Module folder, relative to test/rig; a stand-in whose folder does not exist is left out. */
  readonly module?: string;
  /** What its tests read beside the module, relative to test/rig. */
  readonly testData?: string;
  readonly outputs?: readonly Output[];
  readonly tags?: string;
  /** Compiler flags, with the packages that they are for. */
  readonly gcflags?: string;
  /** Linker flags beyond `-s -w`. */
  readonly ldflags?: string;
  /** Needs a C compiler; everything else is static by itself. */
  readonly cgo?: boolean;
  /**
   * The name of a Pulumi plugin. If its module has a package `gen`, that writes the schema which is embedded before the
   * plugin is linked.
   */
  readonly plugin?: 'docker' | 'random' | 'command';
  /** Seconds on two cores, shared with other work, no compiled dependency but those of earlier rows (2026-11-22). */
  readonly seconds?: number;
  /** What the rig's version cannot show of the shipped one, or why it is a stand-in. */
  readonly note?: string;
}

const outputs = (prefix: string, ...files: string[]): Output[] =>
  files.map((file) => ({ file, package: `${prefix}/${file}` }));

/** The version stamp that all of Prometheus' programs share. */
const stamp = (version: string): string => `-X github.com/prometheus/common/version.Version=${version}`;

const lokiStamp = (version: string): string =>
  `-X github.com/grafana/loki/v3/pkg/util/build.Version=${version}`;

const MOBY = 'github.com/moby/moby/v2';
const CONTAINERD = 'github.com/containerd/containerd/v2';
/**
 * What the engine says of itself: clients (cAdvisor) want three plain numbers. The module is a beta between
 * releases; 29.8 is the line with its API, 1.56. The module's own version stands in the commit field.
 */
const ENGINE = '29.8.0';
const ENGINE_MODULE = 'moby 2.0.0-beta.24';

/** In order of need: a stack can be planned as soon as the first four are there. */
export const parts: readonly Part[] = [
  {
    name: 'engine',
    kind: 'built',
    version: ENGINE,
    note: `${ENGINE_MODULE}, containerd 2.4.2; says ${ENGINE}, the release line of its API`,
    module: 'go/engine',
    outputs: [
      ...outputs(`${CONTAINERD}/cmd`, 'containerd', 'containerd-shim-runc-v2'),
      ...outputs(`${MOBY}/cmd`, 'docker-proxy', 'dockerd'),
    ],
    ldflags:
      `-X ${MOBY}/dockerversion.Version=${ENGINE} -X ${MOBY}/dockerversion.GitCommit=${ENGINE_MODULE.replace(' ', '-')} ` +
      `-X ${CONTAINERD}/version.Version=v2.4.2`,
    seconds: 181,
  },
  {
    name: 'runc',
    kind: 'built',
    version: '1.5.2',
    module: 'go/engine',
    outputs: [{ file: 'runc', package: 'github.com/opencontainers/runc' }],
    tags: 'seccomp netgo osusergo',
    ldflags: '-linkmode external -extldflags -static',
    cgo: true,
    seconds: 7,
  },
  {
    name: 'pulumi',
    kind: 'built',
    version: '3.256.0',
    module: 'go/pulumi',
    outputs: outputs('github.com/pulumi/pulumi/pkg/v3/cmd', 'pulumi'),
    ldflags: '-X github.com/pulumi/pulumi/sdk/v3/go/common/version.Version=3.256.0',
    seconds: 215,
  },
  {
    name: 'pulumi-language-nodejs',
    kind: 'stand-in',
    version: '3.256.0',
    note: "the official host is in no Go module; this one serves the SDK's own server and runner",
  },
  {
    name: 'plugin-docker',
    kind: 'built',
    version: '5.2.0',
    module: 'go/plugin-docker',
    outputs: [{ file: 'pulumi-resource-docker', package: '.' }],
    tags: 'no_compose',
    plugin: 'docker',
    seconds: 160,
    note: 'upstream provider and bridge, mapping of our own; lacks the native docker.Image',
  },
  {
    name: 'plugin-random',
    kind: 'built',
    version: '4.21.2',
    module: 'go/plugin-random',
    outputs: [{ file: 'pulumi-resource-random', package: '.' }],
    plugin: 'random',
    seconds: 42,
    note: 'upstream provider and bridge, mapping of our own',
  },
  {
    name: 'plugin-command',
    kind: 'stand-in',
    version: '1.2.1',
    module: 'standins/command',
    outputs: [{ file: 'pulumi-resource-command', package: '.' }],
    plugin: 'command',
    seconds: 30,
    note: 'the official plugin is in no Go module; this one uses its framework and covers command:local:Command only',
  },
  {
    name: 'prometheus',
    kind: 'built',
    version: '3.13.4',
    image: 'prometheus',
    module: 'go/prometheus',
    outputs: outputs('github.com/prometheus/prometheus/cmd', 'prometheus', 'promtool'),
    // Upstream's tags to leave out discovery; file, http and static ones always stay.
    tags: 'netgo remove_all_sd enable_moby_sd enable_dns_sd',
    ldflags: stamp('3.13.4'),
    seconds: 119,
  },
  {
    name: 'node-exporter',
    kind: 'built',
    version: '1.12.1',
    image: 'nodeExporter',
    module: 'go/node-exporter',
    outputs: [{ file: 'node_exporter', package: 'github.com/prometheus/node_exporter' }],
    tags: 'netgo',
    ldflags: stamp('1.12.1'),
    seconds: 6,
  },
  {
    name: 'cadvisor',
    kind: 'built',
    version: '0.60.6',
    image: 'cadvisor',
    module: 'go/cadvisor',
    outputs: [{ file: 'cadvisor', package: '.' }],
    tags: 'netgo',
    ldflags: '-X github.com/google/cadvisor/lib/version.Version=v0.60.6',
    seconds: 30,
    note: 'the library under a main of our own: /metrics and /healthz only',
  },
  {
    name: 'postgres-exporter',
    kind: 'built',
    version: '0.19.1',
    image: 'postgresExporter',
    module: 'go/postgres-exporter',
    outputs: outputs('github.com/prometheus-community/postgres_exporter/cmd', 'postgres_exporter'),
    tags: 'netgo',
    ldflags: stamp('0.19.1'),
    seconds: 9,
  },
  {
    name: 'redis-exporter',
    kind: 'built',
    version: '1.88.0',
    image: 'redisExporter',
    module: 'go/redis-exporter',
    outputs: [{ file: 'redis_exporter', package: 'github.com/oliver006/redis_exporter' }],
    ldflags: '-X main.BuildVersion=v1.88.0 -X main.BuildDate=unknown -X main.BuildCommitSha=unknown',
    seconds: 9,
  },
  {
    name: 'blackbox-exporter',
    kind: 'built',
    version: '0.28.0',
    image: 'blackboxExporter',
    module: 'go/blackbox-exporter',
    outputs: [{ file: 'blackbox_exporter', package: 'github.com/prometheus/blackbox_exporter' }],
    tags: 'netgo',
    ldflags: stamp('0.28.0'),
    seconds: 34,
  },
  {
    name: 'loki',
    kind: 'built',
    version: '3.7.8',
    image: 'loki',
    module: 'go/loki',
    outputs: outputs('github.com/grafana/loki/v3/cmd', 'loki', 'lokitool', 'logcli'),
    tags: 'netgo',
    ldflags: lokiStamp('3.7.8'),
    seconds: 248,
  },
  {
    name: 'promtail',
    kind: 'built',
    // The module of 2025-02-18 has no tag of its own; its changelog stands after 3.4.
    version: '3.4.2',
    image: 'promtail',
    module: 'go/promtail',
    outputs: outputs('github.com/grafana/loki/v3/clients/cmd', 'promtail'),
    tags: 'netgo',
    ldflags: lokiStamp('3.4.2'),
    seconds: 247,
  },
  {
    name: 'grafana',
    kind: 'stand-in',
    version: '13.2.1',
    image: 'grafana',
    module: 'standins/grafana',
    outputs: [{ file: 'grafana-server-standin', package: '.' }],
    note: 'the real one needs generated code and a web build',
  },
  {
    name: 'cloudbeaver',
    kind: 'stand-in',
    version: '26.2.0',
    image: 'cloudbeaver',
    module: 'standins/cloudbeaver',
    testData: '../configs/golden/cloudbeaver',
    outputs: [{ file: 'cloudbeaver-standin', package: '.' }],
    note: 'the real one cannot be had from a package registry',
  },
  {
    name: 'alertmanager',
    kind: 'built',
    version: '0.28.1',
    module: 'go/alertmanager',
    outputs: outputs('github.com/prometheus/alertmanager/cmd', 'alertmanager', 'amtool'),
    tags: 'netgo',
    ldflags: stamp('0.28.1'),
    seconds: 37,
    note: 'later modules lack the files of their web interface',
  },
  {
    name: 'compose',
    kind: 'built',
    version: '5.6.0',
    module: 'go/compose',
    outputs: [{ file: 'docker-compose', package: 'github.com/docker/compose/v5/cmd' }],
    ldflags: '-X github.com/docker/compose/v5/internal.Version=v5.6.0',
    seconds: 30,
  },
  {
    name: 'docker-cli',
    kind: 'built',
    version: '29.8.2',
    module: 'go/docker-cli',
    outputs: [{ file: 'docker', package: 'github.com/docker/cli/cmd/docker' }],
    // It has no go.mod, which Go takes for a language of long ago.
    gcflags: 'github.com/docker/cli/...=-lang=go1.26',
    ldflags: '-X github.com/docker/cli/cli/version.Version=29.8.2',
    seconds: 40,
    note: 'what ssh runs on a Docker host that is reached over ssh://; the end-to-end test has one',
  },
  { name: 'docker-init', kind: 'debian', version: 'tini 0.19' },
  { name: 'postgres', kind: 'debian', version: '15', image: 'postgres' },
  { name: 'redis', kind: 'debian', version: '7.0', image: 'redis' },
  { name: 'haproxy', kind: 'debian', version: '2.6', image: 'socketProxy' },
  { name: 'tools', kind: 'debian', version: '1.35.0', image: 'tools' },
];

/** The row of that name. @throws Error when there is none */
export function part(name: string): Part {
  const found = parts.find((one) => one.name === name);
  if (!found)
    throw new Error(`test/rig/parts.ts has no part "${name}": ${parts.map((one) => one.name).join(', ')}`);
  return found;
}

/** The tag of the shipped image that this part stands for, without a leading v and a variant. */
export function shippedVersion(one: Part): string | undefined {
  return one.image && images[one.image].tag.replace(/^v/, '').replace(/-(alpine|trixie|musl)$/, '');
}

/** A package of Debian that the rig needs, the file by which its presence is seen, and why. */
export interface DebianPackage {
  readonly name: string;
  readonly file: string;
  readonly why: string;
  /** Needed for building this part only; not asked for once it is built. */
  readonly buildOf?: string;
}

export const debianPackages: readonly DebianPackage[] = [
  { name: 'iptables', file: '/usr/sbin/iptables', why: "the engine writes its networks' rules with it" },
  {
    name: 'tini',
    file: '/usr/bin/tini-static',
    why: 'docker-init, the first process of containers with `init`',
  },
  { name: 'iproute2', file: '/usr/sbin/ip', why: 'tests look at ports from another network namespace' },
  { name: 'busybox-static', file: '/usr/bin/busybox', why: 'shell and tools of the images that have them' },
  { name: 'ca-certificates', file: '/etc/ssl/certs/ca-certificates.crt', why: "the images' CA files" },
  { name: 'gcc', file: '/usr/bin/gcc', why: 'runc is linked with C', buildOf: 'runc' },
  { name: 'libc6-dev', file: '/usr/include/stdio.h', why: 'runc is linked with C', buildOf: 'runc' },
  { name: 'pkg-config', file: '/usr/bin/pkg-config', why: 'finds libseccomp for runc', buildOf: 'runc' },
  {
    name: 'libseccomp-dev',
    file: '/usr/include/seccomp.h',
    why: "runc's system call filter",
    buildOf: 'runc',
  },
];
