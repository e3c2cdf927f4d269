import { accessSync, constants, existsSync, readFileSync, statSync } from 'node:fs';
import { lookup } from 'node:dns/promises';
import { statfs } from 'node:fs/promises';
import { createServer } from 'node:net';
import { hostname, networkInterfaces, userInfo } from 'node:os';
import type Docker from 'dockerode';
import { type ImageKey, imageKeys, imageRef, splitName } from '../../configs/images.ts';
import { memoryLimits } from '../../configs/checks/memory.ts';
import type { Settings } from '../../configs/settings.ts';
import { type Engine, label, nameOf } from './engine.ts';
import { listenerOf } from './processes.ts';
import { wordsOf } from './sentence.ts';
import { type PublishedPort, publishedPorts } from './stackSettings.ts';

/** What was seen of a host. `judge` says what it means. */
export interface Facts {
  stack: string;
  /** The engine's address: `unix:///var/run/docker.sock`. */
  address: string;
  /** Whether the rig made the engine. */
  rig: boolean;
  /** Only with an engine on this machine. */
  socket?: { path: string; exists: boolean; writable: boolean; user: string } | undefined;
  /** Why the engine does not answer. */
  silent?: string | undefined;
  engine?: EngineFacts | undefined;
  ports: SeenPort[];
  /** External networks that the settings join. */
  networks: { name: string; exists: boolean; taken?: TakenAlias[] }[];
  /** Registries of images that are not there yet, and why their name does not resolve. */
  names: { name: string; error?: string | undefined }[];
  /** The file system of the engine's folder, in bytes; only with an engine on this machine. */
  disk?: { path: string; free: number; total: number } | undefined;
  /** Whether mounts made later reach containers; only with an engine on this machine. */
  rootShared?: boolean | undefined;
  /** Whether containers of the stack run here. */
  isUp?: boolean | undefined;
  /** The sum of the memory limits, in bytes. */
  wantedMemory: number;
}

export interface SeenPort extends PublishedPort {
  /** Who has it already. */
  holder?: string | undefined;
  /** The host does not have the address, but these; only with an engine on this machine. */
  addresses?: string[] | undefined;
}

/** A name that the settings want on a network, and who has it there: both would be reached by it, in turn. */
export interface TakenAlias {
  alias: string;
  /** `networks[0].alias` */
  setting: string;
  holder: string;
}

export interface EngineFacts {
  version: string;
  /** `1.44` */
  apiVersion: string;
  os: string;
  platform: string;
  kernel: string;
  storageDriver: string;
  cgroupVersion: string;
  rootless: boolean;
  podman: boolean;
  desktop: boolean;
  /** Whether the engine pulls images through an HTTP proxy. */
  proxied: boolean;
  /** Bytes. */
  memory: number;
  cpus: number;
  /** The engine's clock less ours, in seconds. */
  clockSkew: number;
}

/** Looks at a host and changes nothing. */
export async function collectFacts(engine: Engine, settings: Settings, rig: boolean): Promise<Facts> {
  const facts: Facts = {
    stack: settings.stack,
    address: engine.address,
    rig,
    socket: engine.socket === undefined ? undefined : socketFacts(engine.socket),
    ports: publishedPorts(settings),
    networks: [],
    names: [],
    wantedMemory: memoryLimits(settings).reduce((sum, [, limit]) => sum + limit, 0),
  };
  try {
    const [version, info] = await within(
      20_000,
      Promise.all([engine.docker.version(), engine.docker.info() as Promise<Info>]),
    );
    facts.engine = engineFacts(version, info);
    const local = engine.socket !== undefined && !facts.engine.desktop;
    const [containers, networks, names, disk] = await Promise.all([
      engine.docker.listContainers({ all: true }),
      networksOf(engine, settings),
      engine.socket === undefined ? [] : namesOf(engine, settings),
      local ? diskFacts(info.DockerRootDir) : undefined,
    ]);
    const isUp = containers.some(
      ({ Labels, State }) => Labels[label.stack] === settings.stack && State === 'running',
    );
    Object.assign(facts, { networks, names, disk, isUp });
    if (local && settings.nodeExporter.enabled) facts.rootShared = rootShared();
    facts.ports = await Promise.all(
      facts.ports.map((port) =>
        // A socket may be another machine's, forwarded, or have been given to a container.
        withHolder(port, containers, settings.project, { local, same: info.Name === hostname() }),
      ),
    );
  } catch (error) {
    if (!facts.engine) facts.silent = wordsOf(error);
    else throw error;
  }
  return facts;
}

interface Info {
  /** Of the engine's own host. */
  Name: string;
  OperatingSystem: string;
  OSType: string;
  KernelVersion: string;
  Driver: string;
  CgroupVersion?: string;
  SecurityOptions?: string[];
  MemTotal: number;
  NCPU: number;
  SystemTime: string;
  DockerRootDir: string;
  HttpProxy?: string;
  HttpsProxy?: string;
}

function engineFacts(version: Docker.DockerVersion, info: Info): EngineFacts {
  return {
    version: version.Version,
    apiVersion: version.ApiVersion,
    os: info.OSType,
    platform: info.OperatingSystem,
    kernel: info.KernelVersion,
    storageDriver: info.Driver,
    cgroupVersion: info.CgroupVersion ?? '?',
    rootless: info.SecurityOptions?.some((option) => option.includes('rootless')) ?? false,
    podman: version.Components.some(({ Name }) => /podman/i.test(Name)),
    desktop: /docker desktop/i.test(info.OperatingSystem),
    proxied: Boolean(info.HttpsProxy || info.HttpProxy),
    memory: info.MemTotal,
    cpus: info.NCPU,
    clockSkew: (Date.parse(info.SystemTime) - Date.now()) / 1000,
  };
}

/** A socket as this user meets it. */
export function socketFacts(path: string) {
  const exists = existsSync(path) && statSync(path).isSocket();
  let writable = false;
  try {
    accessSync(path, constants.R_OK | constants.W_OK);
    writable = true;
  } catch {
    // Said by `writable`.
  }
  return { path, exists, writable, user: userInfo().username };
}

/** Whether the root file system is a shared mount; undefined where that cannot be seen. */
export function rootShared(file = '/proc/self/mountinfo'): boolean | undefined {
  try {
    // proc(5): the fifth field is the mount point, the optional ones end with " - ".
    const root = readFileSync(file, 'utf8')
      .split('\n')
      .findLast((line) => line.split(' ')[4] === '/');
    return root === undefined ? undefined : / (?:shared|master):\d+ (?:.* )?- /.test(root);
  } catch {
    return undefined;
  }
}

async function diskFacts(folder: string) {
  try {
    const { bavail, blocks, bsize } = await statfs(folder);
    return { path: folder, free: bavail * bsize, total: blocks * bsize };
  } catch {
    return undefined; // no right to look, or the engine lives in a VM
  }
}

async function networksOf(engine: Engine, settings: Settings): Promise<Facts['networks']> {
  const joined = [
    ...settings.networks.map(({ name }) => name),
    ...Object.values(settings.databases).map(({ network }) => network),
  ];
  const wanted = new Set(joined.filter((name) => name !== undefined));
  if (wanted.size === 0) return [];
  const present = new Set((await engine.docker.listNetworks()).map(({ Name }) => Name));
  return Promise.all(
    [...wanted].map(async (name) =>
      present.has(name)
        ? { name, exists: true, taken: await takenAliases(engine, settings, name) }
        : { name, exists: false },
    ),
  );
}

async function takenAliases(engine: Engine, settings: Settings, network: string): Promise<TakenAlias[]> {
  const wanted = settings.networks.flatMap(({ name, alias, attach }, index) =>
    name === network
      ? attach.map((program) => ({ alias: alias ?? program, setting: `networks[${index}].alias` }))
      : [],
  );
  if (wanted.length === 0) return [];
  const others = (await engine.docker.listContainers({ filters: { network: [network] } })).filter(
    ({ Labels }) => Labels[label.project] !== settings.project,
  );
  const names = await Promise.all(
    others.map(async (other) => {
      const { NetworkSettings } = await engine.docker.getContainer(other.Id).inspect();
      const { Aliases } = NetworkSettings.Networks[network] as { Aliases?: string[] | null };
      return { holder: nameOf(other), aliases: Aliases ?? [] };
    }),
  );
  return wanted.flatMap(({ alias, setting }) => {
    const holder = names.find(({ aliases }) => aliases.includes(alias))?.holder;
    return holder === undefined ? [] : [{ alias, setting, holder }];
  });
}

/** The registries that will be asked: those of pinned images that the engine does not have. */
async function namesOf(engine: Engine, settings: Settings): Promise<Facts['names']> {
  const registries = new Set<string>();
  for (const key of imageKeys) {
    const ref = imageRef(key, overrideOf(settings, key), settings.registryMirror);
    if (
      isOff(settings, key) ||
      (await engine.docker
        .getImage(ref)
        .inspect()
        .catch(() => undefined))
    )
      continue;
    const { registry } = splitName(ref);
    registries.add(registry === 'docker.io' ? 'registry-1.docker.io' : registry.replace(/:\d+$/, ''));
  }
  return Promise.all(
    [...registries].map(async (name) => {
      try {
        await within(10_000, lookup(name));
        return { name };
      } catch (error) {
        return { name, error: wordsOf(error) };
      }
    }),
  );
}

const partOf = (settings: Settings, key: ImageKey) =>
  (settings as unknown as Record<string, { enabled?: boolean; image?: string } | undefined>)[key];
const isOff = (settings: Settings, key: ImageKey): boolean => partOf(settings, key)?.enabled === false;
const overrideOf = (settings: Settings, key: ImageKey): string | undefined => partOf(settings, key)?.image;

/** Who has a port, unless it is this stack itself; and whether the host has the address. */
export async function withHolder(
  port: PublishedPort,
  containers: Docker.ContainerInfo[],
  project: string,
  { local, same }: { local: boolean; same: boolean },
): Promise<SeenPort> {
  const holder = containers.find(({ Ports }) =>
    Ports.some(({ PublicPort, IP }) => PublicPort === port.port && overlaps(IP, port.address)),
  );
  if (holder) {
    const own = holder.Labels[label.project] === project && holder.Labels[label.stack] !== undefined;
    return own ? port : { ...port, holder: `the container ${nameOf(holder)}` };
  }
  const code = local ? await refusal(port) : undefined;
  if (code === 'EADDRNOTAVAIL' && same) return { ...port, addresses: ownAddresses() };
  if (code !== 'EADDRINUSE') return port;
  const listener = listenerOf(port.port);
  return {
    ...port,
    holder: listener
      ? `process ${listener.pid} (${listener.command})`
      : "another user's process (sudo ss -ltnp shows it)",
  };
}

const everywhere = (address: string) => address === '0.0.0.0' || address === '::' || address === '';
const overlaps = (one: string, other: string) => everywhere(one) || everywhere(other) || one === other;

/** The addresses of this machine at which others find it, and loopback; not those of Docker's bridges. */
const ownAddresses = (): string[] =>
  Object.entries(networkInterfaces())
    .filter(([name]) => !/^(?:docker|br-|veth)/.test(name))
    .flatMap(([, some]) => some ?? [])
    .map(({ address }) => address)
    .filter((address) => !address.startsWith('fe80:'));

/** Why a port cannot be listened on here, as the kernel's code: `EADDRINUSE`; undefined when it can. */
export const refusal = ({ address, port }: { address: string; port: number }): Promise<string | undefined> =>
  new Promise((resolve) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => {
      resolve(error.code);
    });
    server.listen({ host: address, port, exclusive: true }, () =>
      server.close(() => {
        resolve(undefined);
      }),
    );
  });

/** Waits so long, and no longer. */
export async function within<T>(milliseconds: number, promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new Error(`no answer within ${milliseconds / 1000} s`));
    }, milliseconds);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
