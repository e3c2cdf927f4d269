import type { EngineFacts, Facts } from './facts.ts';
import { keyName, sshTo } from './failures.ts';

/** One thing that a check has to say. */
export interface Finding {
  check:
    | 'socket'
    | 'engine'
    | 'version'
    | 'storage'
    | 'cgroups'
    | 'ports'
    | 'networks'
    | 'names'
    | 'disk'
    | 'memory'
    | 'clock'
    | 'mounts'
    | 'kind';
  /** `fail`: nothing will work. `warn`: works, but. `ok` and `note` are for the table. */
  level: 'ok' | 'note' | 'warn' | 'fail';
  words: string;
  /** What to type now. */
  type?: string;
}

/** The oldest engine whose healthchecks may be quick at the start (`startInterval`). */
export const oldestApi = '1.44';
const oldestEngine = 'Docker 25';
const GiB = 2 ** 30;
/** Images of the whole stack take about 3 GiB; logs and metrics need room to grow. */
const diskWanted = 6 * GiB;
const diskLeast = 2 * GiB;

/** What the facts mean. Pure. */
export function judge(facts: Facts): Finding[] {
  const { engine } = facts;
  if (!engine) return [silence(facts)];
  return [
    kind(facts, engine),
    version(engine),
    storage(engine),
    cgroups(facts, engine),
    ...ports(facts),
    ...networks(facts),
    ...names(facts, engine),
    disk(facts),
    memory(facts, engine),
    clock(engine),
    mounts(facts),
  ].filter((finding) => finding !== undefined);
}

/** Why no engine answers, most likely cause first. */
export function silence({
  address,
  socket,
  rig,
  silent = '',
}: Pick<Facts, 'address' | 'socket' | 'rig' | 'silent'>): Finding & { type: string } {
  if (rig) {
    return {
      check: 'engine',
      level: 'fail',
      words: `The rig's engine does not answer: ${firstLine(silent)}`,
      type: 'npm run rig',
    };
  }
  if (address.startsWith('ssh:')) {
    return {
      check: 'engine',
      level: 'fail',
      words: `The Docker engine at ${address.replace(/\/$/, '')} does not answer: ${sshReason(silent)}`,
      type: sshAdvice(`${address}\n${silent}`),
    };
  }
  if (socket && !socket.exists) {
    return {
      check: 'engine',
      level: 'fail',
      words: `No Docker engine: there is no socket at ${socket.path}.`,
      type: 'sudo systemctl start docker   # not installed: https://docs.docker.com/engine/install/',
    };
  }
  if (socket && !socket.writable) {
    return {
      check: 'socket',
      level: 'fail',
      words: `The user ${socket.user} may not use the Docker socket ${socket.path}.`,
      type: `sudo usermod -aG docker ${socket.user} && newgrp docker`,
    };
  }
  return {
    check: 'engine',
    level: 'fail',
    words: `The Docker engine at ${address} does not answer: ${firstLine(silent)}`,
    type: 'sudo systemctl restart docker && docker version',
  };
}

/** The line of ssh's words that says why. */
function sshReason(words: string): string {
  const lines = withoutFrame(words)
    .split(/[\r\n]+/)
    .filter((line) => !/^(?:@|Warning: |\s*$)/.test(line));
  return (lines.find((line) => /has changed|Permission denied/.test(line)) ?? lines[0] ?? '').trim();
}

/** What to type, by the same causes as those of a failed job. */
function sshAdvice(told: string): string {
  const login = sshTo(told);
  if (/REMOTE HOST IDENTIFICATION HAS CHANGED/.test(told))
    return `ssh-keygen -R ${keyName(told)} && ${login} true   # only if the host was reinstalled`;
  if (/Host key verification failed|host key is known for/.test(told))
    return `${login} true   # log in once and compare the host's key`;
  if (/Permission denied \([\w,-]+\)/.test(told))
    return `${login.replace(/^ssh/, 'ssh-copy-id')}   # or name the right key in ~/.ssh/config`;
  return `${login} docker version   # ssh must log in without asking, and docker be installed there`;
}

function kind({ rig, address, stack }: Facts, engine: EngineFacts): Finding {
  if (engine.podman) {
    return {
      check: 'kind',
      level: 'fail',
      words:
        'This is Podman. Its Docker API lacks what Taffrail needs (health start interval, container discovery events); it is not supported.',
      type: 'export DOCKER_HOST=unix:///var/run/docker.sock   # the socket of a Docker engine',
    };
  }
  if (engine.desktop) {
    return {
      check: 'kind',
      level: 'warn',
      words:
        'Docker Desktop: figures of the host (CPU, memory, disk, network) are those of its virtual machine, not of this computer; paths of mounts must be shared with it; its clock may lag after sleep.',
    };
  }
  if (engine.rootless) {
    return {
      check: 'kind',
      level: 'warn',
      words:
        'Rootless Docker: memory limits need cgroups v2 with delegation; node_exporter and cAdvisor see only what this user may see; ports below 1024 cannot be published; the socket is not at /var/run/docker.sock.',
      type: `pulumi config set -s ${stack} taffrail:dockerHost ${address}`,
    };
  }
  const where = rig ? "the rig's engine" : 'Docker';
  return {
    check: 'kind',
    level: 'ok',
    words: `${where} ${engine.version} on ${engine.platform}, Linux ${engine.kernel}, at ${address}`,
  };
}

function version(engine: EngineFacts): Finding {
  if (!atLeast(engine.apiVersion, oldestApi)) {
    return {
      check: 'version',
      level: 'fail',
      words: `Docker ${engine.version} (API ${engine.apiVersion}) is too old: wanted is ${oldestEngine} (API ${oldestApi}) or newer.`,
      type: 'curl -fsSL https://get.docker.com | sudo sh   # or your distribution: https://docs.docker.com/engine/install/',
    };
  }
  if (engine.os !== 'linux') {
    return {
      check: 'version',
      level: 'fail',
      words: `This engine runs ${engine.os} containers; Taffrail's are Linux containers.`,
      type: 'docker context ls   # choose a Linux engine',
    };
  }
  return { check: 'version', level: 'ok', words: `API ${engine.apiVersion}` };
}

function storage(engine: EngineFacts): Finding {
  const slow = ['vfs', 'devicemapper', 'aufs'];
  if (!slow.includes(engine.storageDriver))
    return { check: 'storage', level: 'ok', words: `storage driver ${engine.storageDriver}` };
  return {
    check: 'storage',
    level: 'warn',
    words: `The storage driver ${engine.storageDriver} copies every layer or is no longer maintained: slow, and large on disk.`,
    type: 'https://docs.docker.com/engine/storage/drivers/select-storage-driver/ # overlay2',
  };
}

function cgroups({ rig }: Facts, engine: EngineFacts): Finding {
  if (engine.cgroupVersion === '2') return { check: 'cgroups', level: 'ok', words: 'cgroups v2' };
  const words = `cgroups v${engine.cgroupVersion}: memory limits hold, but pressure figures are missing, and Docker is giving v1 up.`;
  if (rig) return { check: 'cgroups', level: 'note', words };
  return {
    check: 'cgroups',
    level: 'warn',
    words,
    type: 'sudo grubby --update-kernel=ALL --args=systemd.unified_cgroup_hierarchy=1   # then restart the host',
  };
}

const ports = ({ ports, stack }: Facts): Finding[] =>
  ports.map(({ setting, address, port, holder, addresses }) => {
    const set = (key: string, value: string | number) =>
      `pulumi config set -s ${stack} --path taffrail:${key} ${value}`;
    if (addresses !== undefined) {
      const key = setting.replace(/port$/, 'address');
      return {
        check: 'ports',
        level: 'fail',
        words: `The host has no address ${address}, which ${key} publishes on. It has: ${addresses.join(', ')}.`,
        type: `${set(key, '127.0.0.1')}   # or bring up what gives the host that address`,
      };
    }
    if (holder === undefined)
      return { check: 'ports', level: 'ok', words: `${address}:${port} (${setting})` };
    return {
      check: 'ports',
      level: 'fail',
      words: `The port ${port} of ${address}, wanted by ${setting}, is taken by ${holder}.`,
      type: `${set(setting, port + 1)}   # or stop that one`,
    };
  });

const networks = ({ networks, stack }: Facts): Finding[] =>
  networks.flatMap(({ name, exists, taken = [] }): Finding[] =>
    !exists
      ? [
          {
            check: 'networks',
            level: 'fail',
            words: `There is no network ${name} on the engine, and a setting joins it.`,
            type: `docker network create ${name}   # or start what makes it; docker network ls shows what is there`,
          },
        ]
      : taken.length === 0
        ? [{ check: 'networks', level: 'ok', words: `${name} is there` }]
        : taken.map(({ alias, setting, holder }) => ({
            check: 'networks',
            level: 'fail',
            words: `On the network ${name} the container ${holder} is called ${alias} already: who asks for it would get one or the other.`,
            type: `pulumi config set -s ${stack} --path 'taffrail:${setting}' ${alias}-${stack}   # or stop that one`,
          })),
  );

const names = ({ names, rig, stack }: Facts, { proxied }: EngineFacts): Finding[] =>
  names.map(({ name, error }) =>
    error === undefined
      ? { check: 'names', level: 'ok', words: `${name} resolves` }
      : rig || proxied
        ? {
            check: 'names',
            level: 'note',
            words: `${name} does not resolve here; ${rig ? 'the rig makes its images itself' : 'the engine pulls through a proxy'}`,
          }
        : {
            check: 'names',
            level: 'fail',
            words: `The name ${name} does not resolve (${firstLine(error)}), and images must be pulled from there.`,
            type: `getent hosts ${name}   # mend /etc/resolv.conf, or: pulumi config set -s ${stack} taffrail:registryMirror <registry>`,
          },
  );

function disk({ disk }: Facts): Finding | undefined {
  if (!disk)
    return { check: 'disk', level: 'note', words: "disk of the engine's host: not to be seen from here" };
  const free = `${size(disk.free)} free of ${size(disk.total)} at ${disk.path}`;
  if (disk.free >= diskWanted) return { check: 'disk', level: 'ok', words: free };
  const least = disk.free < diskLeast;
  return {
    check: 'disk',
    level: least ? 'fail' : 'warn',
    words: `The disk is nearly full: ${free}; ${size(least ? diskLeast : diskWanted)} are wanted.`,
    type: 'docker system df && docker image prune -a   # shows, then removes images that nothing uses',
  };
}

function memory({ wantedMemory, stack }: Facts, engine: EngineFacts): Finding {
  const words = `${size(engine.memory)} on the host, limits of the stack together ${size(wantedMemory)}`;
  if (wantedMemory <= engine.memory) return { check: 'memory', level: 'ok', words };
  return {
    check: 'memory',
    level: 'warn',
    words: `More memory may be taken than there is: ${words}.`,
    type: `pulumi config set -s ${stack} --path taffrail:cloudbeaver.enabled false   # or lower a program's \`memory\``,
  };
}

function clock(engine: EngineFacts): Finding {
  const skew = Math.abs(engine.clockSkew);
  if (skew < 5)
    return { check: 'clock', level: 'ok', words: "the engine's clock agrees with this machine's" };
  return {
    check: 'clock',
    level: skew > 120 ? 'fail' : 'warn',
    words: `The engine's clock is ${skew.toFixed(0)} s ${engine.clockSkew > 0 ? 'ahead of' : 'behind'} this machine's: log lines and samples would carry wrong times.`,
    type: 'sudo timedatectl set-ntp true   # on the one that is wrong',
  };
}

function mounts({ rootShared }: Facts): Finding | undefined {
  if (rootShared !== false) return undefined;
  return {
    check: 'mounts',
    level: 'warn',
    words:
      "The root file system of this machine is not a shared mount: the engine may refuse node_exporter's mount of it.",
    type: 'sudo mount --make-rshared /',
  };
}

const firstLine = (text: string): string => withoutFrame(text).trim().split('\n')[0] ?? '';

/** Without dockerode's own frame. */
const withoutFrame = (text: string): string => text.replace(/^\(HTTP code \d+\) \S+ - /, '');

/** Whether a version like `1.44` is at least another. */
export function atLeast(version: string, least: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const [leastMajor = 0, leastMinor = 0] = least.split('.').map(Number);
  return major > leastMajor || (major === leastMajor && minor >= leastMinor);
}

/** Bytes for people: `3.2 GiB`. */
export function size(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  const power = bytes < 1 ? 0 : Math.min(Math.floor(Math.log2(bytes) / 10), units.length - 1);
  const value = bytes / 2 ** (10 * power);
  return `${power === 0 || value >= 100 ? value.toFixed(0) : value.toFixed(1)} ${units[power] ?? ''}`;
}

/** The findings as lines: a mark, the words, and what to type. */
export function findingLines(findings: readonly Finding[]): string[] {
  const mark = { ok: 'ok  ', note: '-   ', warn: 'WARN', fail: 'FAIL' };
  return findings.flatMap(({ level, check, words, type }) => [
    `${mark[level]}  ${check.padEnd(8)} ${words}`,
    ...(type === undefined ? [] : [`      type:    ${type}`]),
  ]);
}
