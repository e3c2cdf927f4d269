import { spawn } from 'node:child_process';
import {
  existsSync,
  globSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import Docker from 'dockerode';
import { execa } from 'execa';
import type { ImageKey } from '../../../configs/images.ts';
import { buildParts } from '../../rig/build.ts';
import { cacheFolder, parentOf, record, recorded } from '../../rig/cache.ts';
import { Debian } from '../../rig/images/debian.ts';
import { ensureImages } from '../../rig/images.ts';
import { place } from './place.ts';

// Another Docker host, as a VPS that is reached over ssh: namespaces of its own on this machine, with the rig's engine on
// Docker's usual socket, and Debian's sshd. Its only wire is a veth pair to this machine.

/** The name under which the ssh configuration of the test's person knows it. */
export const alias = 'taffrail-host';
const wire = { outside: 'taffrail-ssh0', inside: 'taffrail-ssh1', here: '10.213.78.1', there: '10.213.78.2' };
const folder = join(place, 'ssh-host');
const home = join(folder, 'home');
const recordFile = join(folder, 'process.json');
const cgroup = 'taffrail-e2e-ssh';
/** As sshd is shipped: nothing about how many may log in at once. */
const sshdConfig = `ListenAddress ${wire.there}
HostKey /run/sshd/host_key
AuthorizedKeysFile /run/sshd/authorized_keys
PermitRootLogin prohibit-password
PasswordAuthentication no
KbdInteractiveAuthentication no
PidFile /run/sshd/pid
`;

/** Namespaces, and programs in them, need root; the engine is the rig's. */
export const canHaveSshHost = process.getuid?.() === 0 && process.env['TAFFRAIL_E2E_RIG'] === '1';

export interface SshHost {
  docker: Docker;
  /** Its processes, as this machine numbers them. */
  processes: () => number[];
  /** Runs a program in its network, and sees this machine's files. */
  inNetwork: (command: string[], input?: string) => Promise<string>;
  /** What sshd has said so far. */
  sshdLog: () => string;
  /** Other lines for sshd's configuration, from the next login on. */
  configureSshd: (lines: string) => Promise<void>;
  loadImages: (keys: readonly ImageKey[]) => Promise<void>;
}

export async function makeSshHost(): Promise<SshHost> {
  await removeSshHost();
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const [folders] = await Promise.all([
    buildParts(() => undefined, ['engine', 'runc', 'docker-cli']),
    unpackSshd(),
    makeKeys(),
  ]);
  const folderOf = (part: string): string => folders.get(part) ?? '';
  writeFileSync(join(folder, 'sshd_config'), sshdConfig);
  // The root of this machine is at home elsewhere there, and sshd runs its first steps as a user of its own.
  const others = accounts((user) => user !== 'root' && user !== 'sshd');
  writeFileSync(
    join(folder, 'passwd'),
    `root:x:0:0::/run/root:/bin/sh\nsshd:x:74:65534::/run/sshd:/bin/false\n${others}`,
  );
  const script = fileURLToPath(new URL('sshHost.sh', import.meta.url));
  // It ends with this process, even with one that is killed.
  const holder = spawn(
    'setpriv',
    [
      ...['--pdeathsig', 'KILL', 'unshare', '--mount', '--net', '--uts', '--ipc', '--pid', '--fork'],
      ...['--mount-proc', '--kill-child', '--propagation', 'private'],
      ...['sh', script, folder, folderOf('docker-cli'), wire.there, `/${cgroup}`],
    ],
    {
      stdio: ['ignore', 'ignore', 'pipe'],
      detached: true,
      env: { PATH: `${folderOf('engine')}:${folderOf('runc')}:/usr/sbin:/usr/bin:/sbin:/bin` },
    },
  );
  const { pid = 0 } = holder;
  let words = '';
  holder.stderr.on('data', (chunk: Buffer) => (words += chunk.toString()));
  record(recordFile, pid);
  const ready = async <T>(what: string, ask: () => T | undefined | Promise<T | undefined>): Promise<T> => {
    for (let left = 600; left > 0 && holder.exitCode === null; left--) {
      const answer = await ask();
      if (answer !== undefined) return answer;
      await sleep(50);
    }
    throw new Error(`the host for ssh has no ${what}: ${words}\n${logs()}`);
  };
  const init = await ready('first process', () => childOf(pid));
  const { outside, inside, here } = wire;
  const ip = (args: string) => execa('ip', args.split(' '));
  await ip(`link add ${outside} type veth peer name ${inside} netns ${String(init)}`);
  await ip(`address add ${here}/30 dev ${outside}`);
  await ip(`link set ${outside} up`);
  const socketPath = `/proc/${String(init)}/root/run/docker.sock`;
  const docker = new Docker({ socketPath });
  await ready('engine', () =>
    docker.ping().then(
      () => true,
      () => undefined,
    ),
  );
  await ready('sshd', () => listens(22));
  const enter = (kinds: string[], command: string[]) =>
    ['nsenter', ['-t', String(init), ...kinds, '--', ...command]] as const;
  return {
    docker,
    processes: () => processesOf(init),
    inNetwork: async (command, input = '') => (await execa(...enter(['-n'], command), { input })).stdout,
    sshdLog,
    configureSshd: async (lines) => {
      const sshd = `/proc/${String(init)}/root/run/sshd`;
      const path = readFileSync(join(sshd, 'sshd_config'), 'utf8').match(/^SetEnv .*\n/m)?.[0] ?? '';
      writeFileSync(join(sshd, 'sshd_config'), `${sshdConfig}${path}${lines}\n`);
      const seen = sshdLog().length;
      const pid = readFileSync(join(sshd, 'pid'), 'utf8').trim();
      await execa(...enter(['-p', '-m'], ['kill', '-HUP', pid]));
      await ready('sshd with another configuration', () =>
        sshdLog().slice(seen).includes('Server listening') ? true : undefined,
      );
    },
    loadImages: async (keys) => {
      const parts = await buildParts(() => undefined);
      await ensureImages(`unix://${socketPath}`, (part) => parts.get(part) ?? '', keys);
    },
  };
}

/** The command as a person types it whose own ssh configuration, keys and known hosts are the test's. */
export function asSshUser(command: string[]): string[] {
  const passwd = join(folder, 'client-passwd');
  // ssh takes its home from here, whatever HOME says.
  writeFileSync(passwd, `root:x:0:0::${home}:/bin/sh\n${accounts((user) => user !== 'root')}`);
  return [
    ...['unshare', '--mount', '--propagation', 'private', 'sh', '-c'],
    ...[`mount --bind '${passwd}' /etc/passwd && exec "$@"`, 'sh', ...command],
  ];
}

/** A person's own ssh configuration; a part may be another one. */
export function configureSsh({ key = 'id', knownHosts = 'known_hosts' } = {}): void {
  const ssh = join(home, '.ssh');
  writeFileSync(
    join(ssh, 'config'),
    `Host ${alias}
  HostName ${wire.there}
  User root
  IdentityFile "${join(ssh, key)}"
  IdentitiesOnly yes
  UserKnownHostsFile "${join(ssh, knownHosts)}"
`,
    { mode: 0o600 },
  );
}

const sshdLog = (): string => readFileSync(join(folder, 'sshd.log'), 'utf8');

async function makeKeys(): Promise<void> {
  const ssh = join(home, '.ssh');
  mkdirSync(ssh, { recursive: true, mode: 0o700 });
  const make = (file: string) =>
    execa('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', 'e2e', '-f', file]);
  await Promise.all([join(ssh, 'id'), join(ssh, 'stranger'), join(folder, 'host_key')].map(make));
  writeFileSync(join(folder, 'authorized_keys'), readFileSync(join(ssh, 'id.pub')));
  const known = (key: string) => `${wire.there} ${readFileSync(key, 'utf8')}`;
  writeFileSync(join(ssh, 'known_hosts'), known(join(folder, 'host_key.pub')));
  writeFileSync(join(ssh, 'other_known_hosts'), known(join(ssh, 'stranger.pub')));
  configureSsh();
}

/** Debian's sshd, unpacked and not installed: an installed one would start on this machine. */
async function unpackSshd(): Promise<void> {
  const debian = new Debian(join(cacheFolder(), 'images', 'debian'));
  await debian.update();
  for (const deb of (await debian.download(['openssh-server', 'libwrap0'])).values())
    await execa('dpkg-deb', ['-x', deb, join(folder, 'packages')]);
}

/** Ends it, and removes all of it; nothing happens when there is none. */
export async function removeSshHost(): Promise<void> {
  const known = recorded(recordFile);
  if (known) {
    const init = childOf(known.pid);
    const all = init === undefined ? [] : processesOf(init);
    process.kill(known.pid, 'SIGKILL');
    for (let left = 200; left > 0 && all.some((pid) => existsSync(`/proc/${String(pid)}/ns/pid`)); left--)
      await sleep(50);
  }
  // It goes with the namespace, unless that was never finished.
  await execa('ip', ['link', 'delete', wire.outside], { reject: false });
  rmSync(folder, { recursive: true, force: true });
  for (const found of globSync(`/sys/fs/cgroup/{,*/}${cgroup}`)) await removeCgroup(found);
}

/** The kernel takes a moment to see that nobody is in it. */
async function removeCgroup(path: string): Promise<void> {
  for (const entry of readdirSync(path, { withFileTypes: true }))
    if (entry.isDirectory()) await removeCgroup(join(path, entry.name));
  for (let left = 100; ; left--) {
    try {
      rmdirSync(path);
      return;
    } catch (error) {
      if (left === 0 || (error as NodeJS.ErrnoException).code !== 'EBUSY') throw error;
      await sleep(20);
    }
  }
}

const logs = (): string =>
  globSync(join(folder, '*.log'))
    .map((file) => `${file}:\n${readFileSync(file, 'utf8').slice(-2000)}`)
    .join('\n');

const accounts = (keep: (user: string) => boolean): string =>
  readFileSync('/etc/passwd', 'utf8')
    .split(/(?<=\n)/)
    .filter((line) => keep(line.split(':')[0] ?? ''))
    .join('');

const childOf = (pid: number): number | undefined => {
  try {
    const [child] = readFileSync(`/proc/${String(pid)}/task/${String(pid)}/children`, 'utf8')
      .trim()
      .split(' ');
    return child ? Number(child) : undefined;
  } catch {
    return undefined;
  }
};

/** All processes below the first one of a PID namespace, and itself. */
function processesOf(init: number): number[] {
  const parents = new Map(
    readdirSync('/proc')
      .map(Number)
      .filter((pid) => pid > 0)
      .map((pid) => [pid, parentOf(pid) ?? 0]),
  );
  const isBelow = (pid: number): boolean => pid === init || (pid > 1 && isBelow(parents.get(pid) ?? 0));
  return [...parents.keys()].filter(isBelow);
}

const listens = (port: number): Promise<true | undefined> =>
  new Promise((resolve) => {
    const socket = connect({ host: wire.there, port, timeout: 1000 });
    const end = (answer: true | undefined) => {
      socket.destroy();
      resolve(answer);
    };
    socket
      .on('connect', () => {
        end(true);
      })
      .on('error', () => {
        end(undefined);
      })
      .on('timeout', () => {
        end(undefined);
      });
  });
