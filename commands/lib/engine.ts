import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import Docker from 'dockerode';
import { defaultAddress } from '../../components/jobs/lib/engine.ts';
import { isDropped, loginPause, loginTries, SshPipe } from '../../components/jobs/lib/ssh.ts';

/** Compose's and Taffrail's labels, by which a stack's parts are found. */
export const label = {
  project: 'com.docker.compose.project',
  service: 'com.docker.compose.service',
  volume: 'com.docker.compose.volume',
  stack: 'dev.taffrail.stack',
  job: 'dev.taffrail.job',
  owner: 'dev.taffrail.owner',
} as const;

export interface Engine {
  docker: Docker;
  /** `unix:///var/run/docker.sock`, `ssh://root@vps.example.com`. */
  address: string;
  /** The socket's path when the engine is on this machine. */
  socket: string | undefined;
  close: () => void;
}

export { defaultAddress };

/**
 * Talks to an engine. Over `ssh://` each connection is the system's own `ssh` with `docker system dial-stdio`, as the
 * Docker CLI does it: the person's keys, known hosts and ssh configuration count.
 */
export async function connect(address: string): Promise<Engine> {
  const url = new URL(address);
  if (url.protocol === 'unix:') {
    const socket = decodeURIComponent(url.pathname);
    return { docker: onSocket(socket), address, socket, close: () => undefined };
  }
  if (url.protocol === 'ssh:') {
    const { socketPath, close } = await tunnel(url);
    return { docker: onSocket(socketPath), address, socket: undefined, close };
  }
  // tcp:// comes from DOCKER_HOST only, which dockerode reads itself, certificates and all.
  return { docker: new Docker(), address, socket: undefined, close: () => undefined };
}

/** dockerode mixes DOCKER_HOST into whatever it is given: say all that it would take from there. */
const onSocket = (socketPath: string): Docker =>
  new Docker({ socketPath, protocol: 'http', host: undefined, port: undefined });

async function tunnel(url: URL): Promise<{ socketPath: string; close: () => void }> {
  const folder = mkdtempSync(join(tmpdir(), 'taffrail-'));
  const socketPath = join(folder, 'docker.sock');
  const server = createServer((connection) => {
    void forward(connection, url);
  });
  await new Promise<void>((resolve) => server.listen(socketPath, resolve));
  server.unref();
  const close = () => {
    server.close();
    rmSync(folder, { recursive: true, force: true });
  };
  process.once('exit', close);
  return { socketPath, close };
}

/** Leads one connection to the engine. Where sshd drops the login itself, what was sent is sent again by another one. */
async function forward(connection: Socket, url: URL): Promise<void> {
  const sent: Buffer[] = [];
  let ssh: SshPipe | undefined;
  connection.on('data', (chunk: Buffer) => {
    if (ssh?.answered !== true) sent.push(chunk);
    ssh?.write(chunk);
  });
  connection.on('end', () => ssh?.end());
  connection.on('error', () => undefined);
  connection.on('close', () => ssh?.destroy());
  for (let round = 1; !connection.destroyed; round += 1) {
    const pipe = (ssh = new SshPipe(url));
    for (const chunk of sent) pipe.write(chunk);
    if (connection.readableEnded) pipe.end();
    pipe.on('data', (chunk: Buffer) => {
      connection.write(chunk);
    });
    const failed = await new Promise<boolean>((resolve) => {
      pipe.on('end', () => {
        resolve(false);
      });
      pipe.on('error', () => {
        resolve(true);
      });
      pipe.on('close', () => {
        resolve(false);
      });
    });
    ssh = undefined;
    if (failed && !pipe.answered && isDropped(pipe.words) && round < loginTries) {
      await pause(loginPause(round));
      continue;
    }
    if (failed && !pipe.answered && connection.writable) {
      // The only way to hand ssh's own words to whoever waits for an HTTP answer.
      const message = JSON.stringify({ message: pipe.words.trim() || 'ssh ended without an answer' });
      connection.write(
        `HTTP/1.1 502 Bad Gateway\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(message)}\r\nConnection: close\r\n\r\n${message}`,
      );
    }
    connection.end();
    return;
  }
}

/** Every container of a stack by its compose project: ours, and whoever else uses that name. */
export const projectContainers = (engine: Engine, stack: string): Promise<Docker.ContainerInfo[]> =>
  engine.docker.listContainers({
    all: true,
    filters: { label: [`${label.project}=taffrail-${stack}`] },
  });

/** What carries this stack's label: containers, networks, volumes. */
export async function labelled(engine: Engine, stack: string) {
  const filters = { label: [`${label.stack}=${stack}`] };
  const [containers, networks, volumes] = await Promise.all([
    engine.docker.listContainers({ all: true, filters }),
    engine.docker.listNetworks({ filters }),
    engine.docker.listVolumes({ filters: JSON.stringify(filters) }),
  ]);
  // The engine says null for none, whatever the type says.
  const found = volumes.Volumes as typeof volumes.Volumes | null;
  return { containers, networks, volumes: found ?? [] };
}

/** Whether a container is a job's, made and removed by it: no service. */
export const isHelper = ({ Labels }: Docker.ContainerInfo): boolean => Labels[label.job] !== undefined;

/** A container's name without the engine's slash. */
export const nameOf = (container: Docker.ContainerInfo): string =>
  container.Names[0]?.replace(/^\//, '') ?? container.Id.slice(0, 12);
