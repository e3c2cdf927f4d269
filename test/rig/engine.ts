/**
 * The machine's one engine for the rig, shared by all checkouts: containerd and dockerd, detached from the caller.
 * Images and volumes live in the cache and stay; sockets, records and mounts live under /run.
 */
import { spawn } from 'node:child_process';
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  type Progress,
  type Recorded,
  RigError,
  cacheFolder,
  locked,
  parentOf,
  record,
  recorded,
  startOf,
} from './cache.ts';
import { usersIn } from './users.ts';

const runFolder = '/run/taffrail-rig';
const socket = join(runFolder, 'docker.sock');
const execRoot = join(runFolder, 'exec');
const containerdSocket = join(runFolder, 'containerd.sock');
const containerdState = join(runFolder, 'containerd');
const { addUser, removeUser } = usersIn(join(runFolder, 'users'));
const pidFile = join(runFolder, 'docker.pid');
const lock = join(runFolder, 'engine.lock');
const records = { dockerd: join(runFolder, 'dockerd.json'), containerd: join(runFolder, 'containerd.json') };
type Daemon = keyof typeof records;

/** Where the rig's engine listens. */
export const dockerHost = `unix://${socket}`;

const READY_SECONDS = 60;
/** dockerd itself gives containers 10 s, or what they ask for, and then kills them. */
const STOP_SECONDS = 60;

/** One GET on an engine's or containerd's socket. @returns the body, undefined when nothing answers within 2 s */
export function get(socketPath: string, path: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const call = request({ socketPath, path, timeout: 2000 }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (data: string) => (body += data));
      response.on('end', () => {
        resolve(response.statusCode === 200 ? body : undefined);
      });
    });
    call.on('timeout', () => call.destroy());
    call.on('error', () => {
      resolve(undefined);
    });
    call.end();
  });
}

/** Whether an engine answers on that socket. */
export const answers = async (socketPath: string): Promise<boolean> =>
  (await get(socketPath, '/_ping')) === 'OK';

function commandLine(pid: number | string): string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
  } catch {
    return [];
  }
}

/** Processes of the rig's engine that no record names: their command lines name its own folders. */
function strays(program: 'dockerd' | 'containerd' | 'containerd-shim-runc-v2'): number[] {
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .filter((entry) => {
      const [first = '', ...rest] = commandLine(entry);
      return first.endsWith(`/${program}`) && rest.some((word) => word.startsWith(`${runFolder}/`));
    })
    .map(Number);
}

/** The daemon on record; else a stray one, which gets its record back; else undefined. */
function running(daemon: Daemon): Recorded | undefined {
  const known = recorded(records[daemon]);
  if (known) return known;
  const [stray] = strays(daemon);
  if (stray !== undefined) record(records[daemon], stray);
  return recorded(records[daemon]);
}

/** Ends exactly that process: asks, waits, then kills. A number that another process got since is left alone. */
async function end(one: Recorded, seconds: number): Promise<void> {
  const signal = (name: NodeJS.Signals): void => {
    if (startOf(one.pid) === one.start) process.kill(one.pid, name);
  };
  signal('SIGTERM');
  for (let left = seconds * 10; left > 0 && startOf(one.pid) === one.start; left--) await sleep(100);
  signal('SIGKILL');
  for (let left = 50; left > 0 && startOf(one.pid) === one.start; left--) await sleep(100);
}

/** Ends containers whose engine was killed, each with its shim: the next engine then starts them as after a reboot. */
async function endContainers(): Promise<void> {
  const shims = strays('containerd-shim-runc-v2');
  const children = readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry) && shims.includes(parentOf(Number(entry)) ?? 0))
    .map(Number);
  // All at once: each may take its time to end well.
  const one = (pid: number, seconds: number): Promise<void> =>
    end({ pid, start: startOf(pid) ?? '' }, seconds);
  await Promise.all(children.map((pid) => one(pid, 10)));
  await Promise.all(shims.map((pid) => one(pid, 1)));
}

/** Takes away mounts that a killed engine left; only called when none of its processes lives. */
async function unmountLeftovers(dataRoot: string): Promise<void> {
  const mounted = readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .map((line) => (line.split(' ')[4] ?? '').replaceAll('\\040', ' '))
    .filter((path) => path.startsWith(`${runFolder}/`) || `${path}/`.startsWith(`${dataRoot}/`))
    .reverse(); // the innermost first
  for (const path of mounted) {
    await new Promise((resolve) => spawn('umount', ['-l', path], { stdio: 'ignore' }).on('close', resolve));
  }
}

/**
 * Makes mounts of the host propagate, as systemd does on every host at its start: without it the engine refuses the
 * mount by which node_exporter sees file systems that are mounted later.
 */
async function shareRoot(): Promise<void> {
  const root = readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .findLast((line) => line.split(' ')[4] === '/');
  if (root === undefined || / shared:\d+ /.test(root)) return;
  await new Promise((resolve) =>
    spawn('mount', ['--make-rshared', '/'], { stdio: 'ignore' }).on('close', resolve),
  );
}

const dataFolder = (): string => join(cacheFolder(), 'engine');
const logFile = (daemon: Daemon): string => join(cacheFolder(), 'logs', `${daemon}.log`);

/** Starts a daemon that outlives this process; its output goes to its log. */
function launch(daemon: Daemon, folders: readonly string[], args: string[]): number {
  mkdirSync(join(cacheFolder(), 'logs'), { recursive: true });
  const log = openSync(logFile(daemon), 'w');
  const PATH = [
    ...folders,
    '/usr/local/sbin',
    '/usr/local/bin',
    '/usr/sbin',
    '/usr/bin',
    '/sbin',
    '/bin',
  ].join(':');
  const program = folders.map((folder) => join(folder, daemon)).find((file) => existsSync(file)) ?? daemon;
  const child = spawn(program, args, {
    cwd: '/',
    detached: true,
    stdio: ['ignore', log, log],
    env: { ...process.env, PATH },
  });
  closeSync(log);
  child.unref();
  child.on('error', () => undefined); // seen by the wait for its socket
  if (child.pid === undefined) throw new RigError(`${program} cannot be started`);
  record(records[daemon], child.pid);
  return child.pid;
}

async function until(
  daemon: Daemon,
  pid: number,
  ready: () => Promise<boolean>,
  waiting: (seconds: number) => void,
): Promise<void> {
  const deadline = Date.now() + READY_SECONDS * 1000;
  for (let tick = 0; Date.now() < deadline; tick++) {
    if (await ready()) return;
    if (startOf(pid) === undefined) break;
    if (tick % 10 === 9) waiting((tick + 1) / 10);
    await sleep(100);
  }
  const log = logFile(daemon);
  const said = existsSync(log)
    ? readFileSync(log, 'utf8').trimEnd().split('\n').slice(-5).join('\n')
    : 'nothing';
  const how = startOf(pid) === undefined ? 'ended' : `is not ready after ${READY_SECONDS} s`;
  throw new RigError(`the rig's ${daemon} ${how}; its last words:\n${said}\nThe whole log: ${log}`);
}

/** What the engine would otherwise take from /etc: the user's own settings are for the user's own engine. */
function writeSettings(dataRoot: string): { dockerd: string; containerd: string } {
  const files = { dockerd: join(runFolder, 'daemon.json'), containerd: join(runFolder, 'containerd.toml') };
  writeFileSync(files.dockerd, '{}\n');
  const settings = [
    'version = 3',
    `root = ${JSON.stringify(join(dataRoot, 'containerd', 'daemon'))}`,
    `state = ${JSON.stringify(containerdState)}`,
    // Kubernetes' plugin opens a port and is nothing to dockerd.
    'disabled_plugins = ["io.containerd.cri.v1.images", "io.containerd.cri.v1.runtime", "io.containerd.grpc.v1.cri"]',
    '[grpc]',
    `address = ${JSON.stringify(containerdSocket)}`,
    '[ttrpc]',
    `address = ${JSON.stringify(`${containerdSocket}.ttrpc`)}`,
  ];
  writeFileSync(files.containerd, `${settings.join('\n')}\n`);
  return files;
}

/** Removes what a killed engine leaves and the next one trips over. */
async function repair(dataRoot: string): Promise<void> {
  const containerd = running('containerd');
  if (containerd) await end(containerd, 10);
  await endContainers();
  await unmountLeftovers(dataRoot);
  for (const file of [pidFile, socket, containerdSocket, `${containerdSocket}.ttrpc`])
    rmSync(file, { force: true });
}

/**
 * Starts the engine, or finds it running, and writes down who uses it.
 *
 * @param folders where the programs are: the parts `engine` and `runc`
 * @param user the folder of the checkout
 * @returns the DOCKER_HOST of it
 * @throws RigError when not root, or with the engine's last words
 */
export async function startEngine(
  folders: readonly string[],
  progress: Progress,
  user: string,
): Promise<string> {
  const isRoot = process.getuid?.() === 0;
  if (!isRoot && (await answers(socket))) return dockerHost;
  if (!isRoot) throw new RigError("the rig's engine needs root. Type: sudo -E npm run rig");
  const say = (detail: string): void => {
    progress({ step: 'starting the engine', index: 1, total: 1, detail });
  };
  mkdirSync(runFolder, { recursive: true });
  // Under the lock even when it answers: it may be stopping, and whoever stops it must see this user.
  await locked(
    lock,
    (pid) => {
      say(`waits for process ${pid}`);
    },
    async () => {
      addUser(user);
      if (await answers(socket)) return;
      say('');
      const present = running('dockerd');
      if (present) {
        for (let left = 100; left > 0 && !(await answers(socket)); left--) await sleep(100);
        if (await answers(socket)) return;
        await end(present, STOP_SECONDS);
      }
      const dataRoot = dataFolder();
      mkdirSync(dataRoot, { recursive: true, mode: 0o710 });
      await repair(dataRoot);
      await shareRoot();
      const settings = writeSettings(dataRoot);
      const containerd = launch('containerd', folders, [
        '--config',
        settings.containerd,
        '--log-level',
        'warn',
      ]);
      await until(
        'containerd',
        containerd,
        () => Promise.resolve(existsSync(containerdSocket)),
        (seconds) => {
          say(`containerd, ${seconds} s`);
        },
      );
      const dockerd = launch('dockerd', folders, [
        ...['--config-file', settings.dockerd, '--data-root', dataRoot, '--exec-root', execRoot],
        ...['--pidfile', pidFile, '--host', dockerHost, '--containerd', containerdSocket],
        ...['--init-path', '/usr/bin/tini-static'],
      ]);
      await until(
        'dockerd',
        dockerd,
        () => answers(socket),
        (seconds) => {
          say(`dockerd, ${seconds} s`);
        },
      );
    },
  );
  return dockerHost;
}

/**
 * Stops the engine and its containers; images and volumes stay. Nothing happens when none runs.
 *
 * @param user the checkout that no longer uses it: the engine stays while another one does. Left out, it is stopped
 *   whoever uses it
 * @returns why the engine stays; undefined when it does not
 */
export async function stopEngine(progress: Progress, user?: string): Promise<string | undefined> {
  if (!existsSync(runFolder)) return undefined;
  const say = (detail: string): void => {
    progress({ step: 'stopping the engine', index: 1, total: 1, detail });
  };
  return locked(
    lock,
    (pid) => {
      say(`waits for process ${pid}`);
    },
    async () => {
      if (user !== undefined) {
        const others = removeUser(user);
        if (others.length > 0) return `${others.join(', ')} ${others.length === 1 ? 'uses' : 'use'} it`;
        const body = await get(socket, '/containers/json?all=1');
        const containers = body === undefined ? [] : (JSON.parse(body) as { Names: string[] }[]);
        const names = containers.slice(0, 3).map(({ Names }) => Names[0]?.slice(1) ?? '?');
        if (names.length > 0) return `it has other containers (${names.join(', ')})`;
      }
      const dockerd = running('dockerd');
      if (dockerd) {
        say('its containers first');
        await end(dockerd, STOP_SECONDS);
      }
      await repair(dataFolder());
      rmSync(records.dockerd, { force: true });
      rmSync(records.containerd, { force: true });
      return undefined;
    },
  );
}

/** What runs: undefined version when nothing answers. */
export async function engineStatus(): Promise<{
  dockerHost: string;
  pid?: number;
  version?: string;
  apiVersion?: string;
}> {
  const body = await get(socket, '/version');
  const pid = recorded(records.dockerd)?.pid;
  const found =
    body === undefined ? undefined : (JSON.parse(body) as { Version: string; ApiVersion: string });
  return {
    dockerHost,
    ...(pid !== undefined && { pid }),
    ...(found && { version: found.Version, apiVersion: found.ApiVersion }),
  };
}
