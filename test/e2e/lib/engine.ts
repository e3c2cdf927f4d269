import { readFileSync } from 'node:fs';
import { Readable } from 'node:stream';
import Docker from 'dockerode';
import { imageTag } from '../../../configs/images.ts';
import { mirror, ownLabel } from './place.ts';

/** The socket of DOCKER_HOST's engine; this machine's when it is not set. */
export const engineSocket = (process.env['DOCKER_HOST'] ?? 'unix:///var/run/docker.sock').replace(
  /^unix:\/\//,
  '',
);
export const docker = new Docker({ socketPath: engineSocket });

export interface Answer {
  code: number;
  stdout: string;
  stderr: string;
}

/** Runs a command in a running container, as the container's own user. */
export async function exec(container: string, command: string[], user?: string): Promise<Answer> {
  const run = await docker.getContainer(container).exec({
    Cmd: command,
    AttachStdout: true,
    AttachStderr: true,
    ...(user !== undefined && { User: user }),
  });
  const stream = await run.start({});
  const [stdout, stderr] = await collected(stream);
  const { ExitCode } = await run.inspect();
  return { code: ExitCode ?? -1, stdout, stderr };
}

/** Everything that a container has printed. */
export async function logsOf(container: string): Promise<string> {
  const raw = (await docker.getContainer(container).logs({ stdout: true, stderr: true, follow: false })) as
    Buffer | Readable;
  const [stdout, stderr] = await collected(Buffer.isBuffer(raw) ? Readable.from([raw]) : raw);
  return stdout + stderr;
}

async function collected(stream: NodeJS.ReadableStream): Promise<[string, string]> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(Buffer.from(chunk as Uint8Array));
  const all = Buffer.concat(chunks);
  const streams: [string, string] = ['', ''];
  // The engine puts 8 bytes before each piece: which stream, and how long.
  for (let at = 0; at + 8 <= all.length;) {
    const length = all.readUInt32BE(at + 4);
    streams[all[at] === 2 ? 1 : 0] += all.toString('utf8', at + 8, at + 8 + length);
    at += 8 + length;
  }
  return streams;
}

export const inspect = (container: string) => docker.getContainer(container).inspect();

/** What identifies one life of a container: another id or start is a replacement or a restart. */
export async function lifeOf(container: string): Promise<string> {
  const { Id, State, RestartCount } = await inspect(container);
  return `${Id.slice(0, 12)} started ${State.StartedAt} restarts ${String(RestartCount)}`;
}

/** A stack's containers, running or not. */
export const containersOf = (stack: string): Promise<Docker.ContainerInfo[]> =>
  docker.listContainers({ all: true, filters: { label: [`dev.taffrail.stack=${stack}`] } });

/** The lives of all of them: equal lists mean that nothing was touched. */
export const livesOf = async (stack: string): Promise<string[]> =>
  (
    await Promise.all(
      (await containersOf(stack)).map(async (one) => `${nameOf(one)} ${await lifeOf(nameOf(one))}`),
    )
  ).sort();

export const nameOf = (container: Docker.ContainerInfo): string => (container.Names[0] ?? '').slice(1);

/** The address of a container, on the network whose name ends so; any network's when none is named. */
export async function addressOf(container: string, network = ''): Promise<string> {
  const { NetworkSettings } = await inspect(container);
  const found = Object.entries(NetworkSettings.Networks).find(([name]) => name.endsWith(network));
  if (!found?.[1].IPAddress) throw new Error(`${container} has no address on a network *${network}`);
  return found[1].IPAddress;
}

export interface Throwaway {
  name: string;
  command: string[];
  image?: string;
  labels?: Record<string, string>;
  network?: string;
  binds?: string[];
  user?: string;
  environment?: Record<string, string>;
  /** Its names on the network. */
  aliases?: string[];
}

/** Starts a container that Taffrail did not make. The caller or `sweep` removes it. */
export async function startContainer(options: Throwaway): Promise<Docker.Container> {
  await docker
    .getContainer(options.name)
    .remove({ force: true, v: true })
    .catch(() => undefined);
  const container = await created(options);
  await container.start();
  return container;
}

export const created = ({
  name,
  command,
  image = imageTag('tools'),
  labels,
  network,
  binds,
  user,
  environment = {},
  aliases,
}: Throwaway) =>
  docker.createContainer({
    name,
    Image: image,
    Cmd: command,
    Env: Object.entries(environment).map(([key, value]) => `${key}=${value}`),
    ...(user !== undefined && { User: user }),
    Labels: { [ownLabel]: '1', ...labels },
    HostConfig: {
      Init: true,
      ...(network !== undefined && { NetworkMode: network }),
      ...(binds && { Binds: binds }),
    },
    ...(network !== undefined &&
      aliases && { NetworkingConfig: { EndpointsConfig: { [network]: { Aliases: aliases } } } }),
  });

/** A network of the test's own; the engine's default bridge is anybody's. */
export async function ensureNetwork(name: string): Promise<void> {
  await docker.createNetwork({ Name: name, Labels: { [ownLabel]: '1' } }).catch(unless(409));
}

/** Runs a container of the tools image to its end. */
export async function runOnce(options: Throwaway): Promise<Answer> {
  const container = await startContainer(options);
  try {
    const { StatusCode } = (await container.wait()) as { StatusCode: number };
    const raw = await container.logs({ stdout: true, stderr: true, follow: false });
    const [stdout, stderr] = await collected(Readable.from([raw]));
    return { code: StatusCode, stdout, stderr };
  } finally {
    await container.remove({ force: true, v: true });
  }
}

/** The TCP ports on which a running container listens on other than loopback addresses, in its own network. */
export async function listeningPorts(container: string): Promise<number[]> {
  const { State } = await inspect(container);
  const lines = ['tcp', 'tcp6'].flatMap((table) => {
    try {
      return readFileSync(`/proc/${String(State.Pid)}/net/${table}`, 'latin1')
        .split('\n')
        .slice(1);
    } catch {
      throw new Error(`cannot read /proc/${String(State.Pid)}/net of ${container}: run as root`);
    }
  });
  return portsOf(lines);
}

/** Ports of a table like /proc/net/tcp that listen beyond loopback. */
export function portsOf(lines: string[]): number[] {
  const ports = lines.flatMap((line) => {
    const [, local = '', , state] = line.trim().split(/\s+/);
    const [address = '', port = ''] = local.split(':');
    const loopback = /^(0100007F|0B00007F|0{24}01000000|0{16}FFFF00000100007F)$/i.test(address);
    return state === '0A' && !loopback ? [parseInt(port, 16)] : [];
  });
  return [...new Set(ports)].sort((a, b) => a - b);
}

/** Removes everything of these stacks and of the test itself from the engine. */
export async function sweep(stacks: readonly string[]): Promise<string[]> {
  const removed = await removeLabelled([...stacks.map(stackLabel), ownLabel]);
  const built = (await docker.listImages())
    .flatMap(({ RepoTags }) => RepoTags ?? [])
    .filter(
      (tag) => tag.startsWith(`${mirror}/`) || stacks.some((stack) => tag.startsWith(`taffrail-${stack}-`)),
    );
  for (const tag of built) await docker.getImage(tag).remove().catch(gone);
  return [...removed, ...built];
}
export const removeStack = (stack: string): Promise<string[]> => removeLabelled([stackLabel(stack)]);
const stackLabel = (name: string): string => `dev.taffrail.stack=${name}`;

async function removeLabelled(labels: string[]): Promise<string[]> {
  const removed: string[] = [];
  for (const label of labels) {
    const filters = { label: [label] };
    for (const container of await docker.listContainers({ all: true, filters })) {
      await docker.getContainer(container.Id).remove({ force: true, v: true }).catch(gone);
      removed.push(nameOf(container));
    }
    for (const { Id, Name } of await docker.listNetworks({ filters })) {
      await docker.getNetwork(Id).remove().catch(gone);
      removed.push(Name);
    }
    for (const { Name } of (await docker.listVolumes({ filters: JSON.stringify(filters) })).Volumes) {
      await docker.getVolume(Name).remove({ force: true }).catch(gone);
      removed.push(Name);
    }
  }
  return removed;
}

/** Lets one answer of the engine pass as nothing. */
const unless =
  (status: number) =>
  (error: unknown): undefined => {
    if ((error as { statusCode?: number }).statusCode !== status) throw error as Error;
  };
/** It is not there (any more). */
export const gone = unless(404);
