import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { basename, join as joinPosix } from 'node:path/posix';
import { buffer } from 'node:stream/consumers';
import type { Duplex } from 'node:stream';
import { setTimeout as pause } from 'node:timers/promises';
import { archiveOf, entriesOf, type Entry } from '../../../components/jobs/lib/archive.ts';

// As much of Docker's API as jobs use, on a Unix socket. Messages are the engine's own. What it leaves unproved: that a
// real engine answers like it; the end-to-end tests do that.

/** What a container runs. Resolves with its exit code. */
export type Program = (io: {
  container: Container;
  stdin: Duplex;
  say: (text: string | Buffer, kind?: 1 | 2) => void;
}) => number | Promise<number>;

/** Entries by path without a leading slash. */
export type Tree = Map<string, Entry>;

export interface Specification {
  Image: string;
  Entrypoint: string[];
  Cmd: string[];
  User: string;
  Labels: Record<string, string>;
  HostConfig: {
    NetworkMode: string;
    Mounts: { Source: string; Target: string }[];
    VolumesFrom?: string[];
  };
}

export interface Container {
  id: string;
  name: string;
  spec: Specification;
  state: { Status: string; Running: boolean; Restarting: boolean; ExitCode: number; OOMKilled: boolean };
  restarts: number;
  log: string;
  /** Its own file system. */
  files: Tree;
  attached?: Duplex;
  /** Called when it does not run any more. */
  ended: (() => void)[];
}

/** What happens instead of an answer. */
type Fault =
  | { status: number; message: string }
  | { status: number; body: string }
  | 'destroy'
  | 'hang'
  | 'stall'
  | undefined;

const nobody: Specification = {
  Image: 'sha256:service',
  Entrypoint: [],
  Cmd: [],
  User: '',
  Labels: {},
  HostConfig: { NetworkMode: 'bridge', Mounts: [] },
};

export const frame = (text: string | Buffer, kind = 1): Buffer => {
  const bytes = Buffer.from(text);
  const head = Buffer.alloc(8);
  head[0] = kind;
  head.writeUInt32BE(bytes.length, 4);
  return Buffer.concat([head, bytes]);
};

export class PretendedEngine {
  readonly folder = mkdtempSync(join(tmpdir(), 'taffrail-engine-'));
  readonly socket = join(this.folder, 'docker.sock');
  readonly address = `unix://${this.socket}`;
  /** The Unix socket on which the service listens that `nc` reaches. */
  readonly service = join(this.folder, 'service.sock');
  readonly images = new Set(['sha256:tools', 'sha256:service']);
  /** By reference: the id that pulling it brings, or why it cannot be pulled. */
  readonly registry = new Map<string, { id: string } | { error: string; status?: number }>();
  readonly volumes = new Map<string, Tree>();
  readonly containers = new Map<string, Container>();
  /** `PUT /containers/c1/archive`, in their order. */
  readonly requests: string[] = [];
  /** How many pipes were opened. */
  pipes = 0;
  program: Program = () => 0;
  fault: (request: string) => Fault = () => undefined;
  /** Milliseconds before a request is answered. */
  delay: (request: string) => number = () => 0;
  #count = 0;
  readonly #connections = new Set<Duplex>();
  readonly #server = createServer((request, response) => {
    this.#answer(request, response).catch((error: unknown) => response.destroy(error as Error));
  });

  async start(): Promise<this> {
    this.#server.on('connection', (socket: Socket) => {
      this.#connections.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => this.#connections.delete(socket));
    });
    this.#server.on('upgrade', (request, socket) => {
      this.#attach(request, socket);
    });
    await new Promise<void>((resolve) => this.#server.listen(this.socket, resolve));
    return this;
  }

  /** It is gone at once, as by a power cut. */
  die(): void {
    this.#server.close();
    this.disconnect();
  }

  disconnect(): void {
    for (const connection of this.#connections) connection.destroy();
  }

  get connectionCount(): number {
    return this.#connections.size;
  }

  stop(): void {
    this.die();
    for (const container of this.containers.values()) this.#end(container, 137);
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** A container that is there already. */
  add(name: string, rest: Partial<Container> = {}): Container {
    const id = `c${(this.#count += 1)}`;
    const state = { Status: 'running', Running: true, Restarting: false, ExitCode: 0, OOMKilled: false };
    const container = {
      id,
      name,
      spec: nobody,
      state,
      restarts: 0,
      log: '',
      files: new Map(),
      ended: [],
      ...rest,
    };
    this.containers.set(id, container);
    return container;
  }

  get names(): string[] {
    return [...this.containers.values()].map(({ name }) => name);
  }

  #find(key: string): Container | undefined {
    return this.containers.get(key) ?? [...this.containers.values()].find(({ name }) => name === key);
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '', 'http://docker');
    const path = url.pathname.replace(/^\/v1\.44/, '');
    const line = `${request.method ?? ''} ${path}`;
    this.requests.push(line);
    await pause(this.delay(line));
    const fault = this.fault(line);
    const body = fault === 'destroy' ? Buffer.alloc(0) : await buffer(request);
    const send = (status: number, content: unknown = ''): void => {
      const bytes = Buffer.isBuffer(content) ? content : Buffer.from(JSON.stringify(content));
      response.writeHead(status, { 'content-length': bytes.length }).end(bytes);
    };
    const fail = (status: number, message: string): void => {
      send(status, { message });
    };
    if (fault === 'destroy') request.socket.destroy();
    else if (fault === 'stall') response.writeHead(200).write('[');
    else if (fault === 'hang') return;
    else if (fault && 'body' in fault) response.writeHead(fault.status).end(fault.body);
    else if (fault) fail(fault.status, fault.message);
    else if (line === 'POST /containers/create') this.#create(url, body, send, fail);
    else if (line === 'POST /images/create')
      this.#pull(url.searchParams.get('fromImage') ?? '', response, fail);
    else if (path.startsWith('/volumes/')) {
      const name = decodeURIComponent(path.slice('/volumes/'.length));
      if (this.volumes.has(name)) send(200, { Name: name });
      else fail(404, `get ${name}: no such volume`);
    } else await this.#container(line, url, body, send, fail);
  }

  #create(url: URL, body: Buffer, send: Send, fail: Fail): void {
    const name = url.searchParams.get('name') ?? '';
    const spec = JSON.parse(body.toString()) as Specification;
    const other = this.#find(name);
    if (!this.images.has(spec.Image)) fail(404, `No such image: ${spec.Image}`);
    else if (other)
      fail(
        409,
        `Conflict. The container name "/${name}" is already in use by container "${other.id}". You have to remove (or rename) that container to be able to reuse that name.`,
      );
    else {
      const { id, state } = this.add(name, { spec });
      Object.assign(state, { Status: 'created', Running: false });
      send(201, { Id: id });
    }
  }

  #pull(reference: string, response: ServerResponse, fail: Fail): void {
    const found = this.registry.get(reference) ?? {
      status: 404,
      error: `pull access denied for ${reference}`,
    };
    if ('error' in found && found.status !== undefined) {
      fail(found.status, found.error);
      return;
    }
    if ('id' in found) this.images.add(found.id).add(reference);
    // As the engine does: 200 first, and `\r\n` between the lines.
    response.writeHead(200).write('{"status":"Pulling fs layer"}\r\n');
    response.end(`${JSON.stringify('id' in found ? { status: 'done' } : found)}\r\n`);
  }

  async #container(line: string, url: URL, body: Buffer, send: Send, fail: Fail): Promise<void> {
    const [method, , , key = '', action = ''] = line.split(/[ /]/);
    const container = this.#find(key);
    if (!container) {
      fail(404, `No such container: ${key}`);
      return;
    }
    const { id, name, spec, state, restarts, log } = container;
    const path = url.searchParams.get('path') ?? '';
    switch (`${method ?? ''} ${action}`) {
      case 'GET json':
        send(200, {
          Id: id,
          Name: `/${name}`,
          Config: { Labels: spec.Labels },
          State: state,
          RestartCount: restarts,
        });
        break;
      case 'DELETE ':
        this.containers.delete(id);
        this.#end(container, 137);
        send(204);
        break;
      case 'POST start': {
        const of = /^container:(.*)/.exec(spec.HostConfig.NetworkMode)?.[1];
        if (of !== undefined && this.#find(of)?.state.Running !== true)
          fail(409, `cannot join network of a non running container: ${of}`);
        else {
          Object.assign(state, { Status: 'running', Running: true });
          void this.#run(container);
          send(204);
        }
        break;
      }
      case 'POST wait':
        if (state.Running) await new Promise<void>((resolve) => container.ended.push(resolve));
        send(200, { StatusCode: state.ExitCode });
        break;
      case 'GET logs':
        send(200, Buffer.concat(log.split(/(?<=\n)/).map((text, at) => frame(text, 1 + (at % 2)))));
        break;
      case 'PUT archive':
        for (const entry of (await entriesOf(body)).values()) {
          const [tree, at] = this.#resolve(container, joinPosix(path, entry.path));
          tree.set(at, { ...entry, path: at });
        }
        send(200);
        break;
      case 'GET archive': {
        const archive = await this.#archive(container, path);
        if (archive) send(200, archive);
        else fail(404, `Could not find the file ${path} in container ${id}`);
        break;
      }
      default:
        fail(501, `pretended: ${line}`);
    }
  }

  /** The tree in which a path is, and where in it. */
  #resolve({ spec, files }: Container, path: string): [Tree, string] {
    const mount = spec.HostConfig.Mounts.find(
      ({ Target }) => path === Target || path.startsWith(`${Target}/`),
    );
    if (!mount) return [files, path.slice(1)];
    return [this.volumes.get(mount.Source) ?? files, path.slice(mount.Target.length + 1)];
  }

  async #archive(container: Container, path: string): Promise<Buffer | undefined> {
    const [tree, at] = this.#resolve(container, path);
    const own = tree.get(at);
    const below = at === '' ? '' : `${at}/`;
    const inside = [...tree.values()].filter((entry) => entry.path.startsWith(below) && entry.path !== at);
    if (own === undefined && inside.length === 0 && at !== '') return undefined;
    const top = basename(path);
    return archiveOf([
      { owner: '0:0', mode: 0o755, ...own, path: top },
      ...inside.map((entry) => ({ ...entry, path: `${top}/${entry.path.slice(below.length)}` })),
    ]);
  }

  #attach(request: IncomingMessage, socket: Duplex): void {
    const path = (request.url ?? '').replace(/^\/v1\.44/, '').replace(/\?.*/, '');
    this.requests.push(`POST ${path}`);
    const fault = this.fault(`POST ${path}`);
    const container = this.#find(path.split('/')[2] ?? '');
    if (fault === 'destroy') socket.destroy();
    else if (fault === 'hang' || fault === 'stall') return;
    else if (fault || !container) {
      const { status, ...message } = fault ?? { status: 404, message: 'No such container' };
      socket.end(`HTTP/1.1 ${status} No\r\n\r\n${JSON.stringify(message)}`);
    } else {
      container.attached = socket;
      socket.write('HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n');
    }
  }

  async #run(container: Container): Promise<void> {
    const { attached, spec } = container;
    if (!attached) throw new Error('pretended: started without being attached');
    const say = (text: string | Buffer, kind = 1): void => {
      if (attached.writable) attached.write(frame(text, kind));
    };
    const isPipe = [...spec.Entrypoint, ...spec.Cmd].join(' ').includes('nc ');
    if (isPipe) this.pipes += 1;
    const code = await (isPipe
      ? this.#pipe(container, attached, say)
      : this.program({ container, stdin: attached, say }));
    this.#end(container, code);
  }

  /** `nc` in a loop: it connects again while nobody listens, and ends when the connection does. */
  async #pipe(container: Container, stdin: Duplex, say: (bytes: Buffer) => void): Promise<number> {
    while (container.state.Running) {
      const connection = connect(this.service);
      const isConnected = await new Promise<boolean>((resolve) => {
        connection.on('connect', () => {
          resolve(true);
        });
        connection.on('error', () => {
          resolve(false);
        });
      });
      if (!isConnected) {
        await pause(20);
        continue;
      }
      container.ended.push(() => connection.destroy());
      stdin.on('data', (bytes: Buffer) => connection.write(bytes));
      connection.on('data', say);
      await new Promise((resolve) => connection.on('close', resolve));
      return 0;
    }
    return 137;
  }

  #end(container: Container, code: number): void {
    if (container.state.Running)
      Object.assign(container.state, { Status: 'exited', Running: false, ExitCode: code });
    // An engine may keep the stream of a container that never ran.
    if (container.state.Status !== 'created') container.attached?.end();
    for (const told of container.ended.splice(0)) told();
  }
}

type Send = (status: number, content?: unknown) => void;
type Fail = (status: number, message: string) => void;
