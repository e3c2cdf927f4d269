import type { Duplex } from 'node:stream';
import { setTimeout as pause } from 'node:timers/promises';
import type { Ended } from '../../../configs/running.ts';
import { npmRun } from '../../../configs/whatToType.ts';
import type { Engine } from './engine.ts';
import { EngineError, JobError } from './errors.ts';
import { demultiplexed } from './streams.ts';

/** Who runs a job, for the names and labels of its containers. */
export interface JobOf {
  /** First part of every name: `taffrail-<stack>`. */
  project: string;
  stack: string;
  /** What tells this state's things from those of another checkout. */
  owner: string;
  /** The name of the job's resource. */
  name: string;
}

/** An image by its id, and the reference under which it is pulled again when somebody has pruned it. */
export interface ImageOf {
  id: string;
  reference: string;
}

/** The user of a helper that needs no rights: nobody's, in every image. */
export const nobody = '65534:65534';

export interface HelperArgs {
  image: ImageOf;
  /** In exec form; it replaces the image's own entrypoint and command. */
  command: readonly string[];
  /** uid:gid. */
  user: string;
  /** `none`, `container:<id>`, or the names of networks. */
  network: 'none' | `container:${string}` | readonly string[];
  /** Volumes that exist, by path. */
  volumes?: Readonly<Record<string, string>>;
  /** The container whose volumes it gets, at the same paths. */
  volumesOf?: string;
  environment?: Readonly<Record<string, string>>;
  stdin?: boolean;
  /** Files are put into its own file system: it must not be read-only. */
  writable?: boolean;
  /** Bytes. */
  memory?: number;
}

/**
 * A container that a job makes and removes again: without capabilities, with the stack's labels, its output in no log.
 * Its name is fixed for each job, so an interrupted one leaves at most one, and the next run removes it.
 */
export class Helper {
  readonly id: string;
  readonly #engine: Engine;
  readonly #name: string;

  private constructor(engine: Engine, id: string, name: string) {
    [this.#engine, this.id, this.#name] = [engine, id, name];
  }

  /** Makes it; it is not started. */
  static async make(engine: Engine, job: JobOf, kind: string, args: HelperArgs): Promise<Helper> {
    const name = `${job.project}-${job.name}${kind === '' ? '' : `-${kind}`}`;
    for (const volume of Object.values(args.volumes ?? {})) await mustExist(engine, job, volume);
    const id = await created(engine, job, name, args.image, specification(job, args));
    return new Helper(engine, id, name);
  }

  /** Unpacks an archive at a path; owners and modes are the archive's. */
  async put(path: string, archive: Buffer): Promise<void> {
    await this.#engine.request('PUT', `/containers/${this.id}/archive`, { query: { path }, archive });
  }

  /** What is at a path, as an archive; undefined when nothing is. */
  async get(path: string): Promise<Buffer | undefined> {
    const { status, body } = await this.#engine.request('GET', `/containers/${this.id}/archive`, {
      query: { path },
      also: [404],
    });
    return status === 404 ? undefined : body;
  }

  /** Starts it with its standard streams attached. */
  async open(): Promise<Duplex> {
    const stream = await this.#engine.attach(this.id);
    try {
      await this.start();
    } catch (error) {
      // An open connection would keep the job from ending.
      stream.destroy();
      throw error;
    }
    return stream;
  }

  async start(): Promise<void> {
    await this.#engine.request('POST', `/containers/${this.id}/start`);
  }

  /**
   * Starts it, and waits for its end.
   *
   * @param seconds after which it is killed
   * @param limit bytes of output that are kept: the last ones
   * @throws JobError when it takes too long or cannot be started
   */
  async run({
    stdin,
    seconds,
    limit = 16_384,
  }: {
    stdin?: string;
    seconds: number;
    limit?: number;
  }): Promise<Ended> {
    const stream = await this.#engine.attach(this.id);
    let output = Buffer.alloc(0);
    const ended = demultiplexed(stream, (chunk) => {
      output = Buffer.concat([output, chunk]).subarray(-limit);
    });
    const late = (): JobError => new JobError(`it did not end within ${seconds} s${said(output)}`);
    const timer = new AbortController();
    const end = Date.now() + seconds * 1000;
    try {
      await this.start();
      if (stdin === undefined) stream.end();
      else stream.end(stdin);
      // The engine closes the stream when the program has ended: the one connection stays free meanwhile.
      const isLate = await Promise.race([
        ended.then(() => false),
        pause(seconds * 1000, true, { signal: timer.signal }).catch(() => false),
      ]);
      if (isLate) throw late();
      // The program may have closed its output and run on.
      const { body } = await this.#engine
        .request('POST', `/containers/${this.id}/wait`, { timeout: Math.max(end - Date.now(), 1000) })
        .catch((error: unknown) => {
          throw Date.now() < end ? error : late();
        });
      const { StatusCode: exitCode } = JSON.parse(body.toString()) as { StatusCode: number };
      return { exitCode, output: output.toString() };
    } finally {
      timer.abort();
      stream.destroy();
    }
  }

  /** Removes it, whatever it does. */
  async remove(): Promise<void> {
    await removed(this.#engine, this.id, this.#name);
  }
}

/** Makes a helper, works with it, and removes it. When both fail, the reason is the work's. */
export async function withHelper<T>(
  engine: Engine,
  job: JobOf,
  kind: string,
  args: HelperArgs,
  work: (helper: Helper) => Promise<T>,
): Promise<T> {
  const helper = await Helper.make(engine, job, kind, args);
  let result: T;
  try {
    result = await work(helper);
  } catch (error) {
    await helper.remove().catch(() => undefined);
    throw error;
  }
  await helper.remove();
  return result;
}

const said = (output: Buffer): string =>
  output.length === 0 ? '' : `; it said:\n${output.toString().trim()}`;

function specification(job: JobOf, args: HelperArgs): object {
  const { command, user, network, volumes = {}, volumesOf, environment = {}, stdin = false } = args;
  const memory = args.memory ?? 256 * 2 ** 20;
  const networks = Array.isArray(network) ? (network as readonly string[]) : undefined;
  return {
    Entrypoint: command.slice(0, 1),
    Cmd: command.slice(1),
    User: user,
    Env: Object.entries(environment).map(([key, value]) => `${key}=${value}`),
    WorkingDir: '/',
    AttachStdin: stdin,
    AttachStdout: true,
    AttachStderr: true,
    OpenStdin: stdin,
    StdinOnce: stdin,
    Healthcheck: { Test: ['NONE'] },
    // Not compose's: what collects logs by project would try to read those of a container that has none.
    Labels: {
      'dev.taffrail.stack': job.stack,
      'dev.taffrail.owner': job.owner,
      'dev.taffrail.job': job.name,
    },
    HostConfig: {
      NetworkMode: networks === undefined ? network : (networks[0] ?? 'none'),
      Mounts: Object.entries(volumes).map(([Target, Source]) => ({ Type: 'volume', Source, Target })),
      ...(volumesOf !== undefined && { VolumesFrom: [volumesOf] }),
      CapDrop: ['ALL'],
      SecurityOpt: ['no-new-privileges=true'],
      ReadonlyRootfs: args.writable !== true,
      Tmpfs: { '/tmp': 'rw,nosuid,nodev,noexec,size=16777216,mode=1777' },
      Memory: memory,
      MemorySwap: memory,
      PidsLimit: 128,
      Init: true,
      LogConfig: { Type: 'none' },
      RestartPolicy: { Name: 'no' },
    },
    ...(networks !== undefined && {
      NetworkingConfig: { EndpointsConfig: Object.fromEntries(networks.map((name) => [name, {}])) },
    }),
  };
}

async function created(
  engine: Engine,
  job: JobOf,
  name: string,
  image: ImageOf,
  rest: object,
): Promise<string> {
  const create = async (Image: string): Promise<string> => {
    const { body } = await engine.request('POST', '/containers/create', {
      query: { name },
      json: { Image, ...rest },
    });
    return (JSON.parse(body.toString()) as { Id: string }).Id;
  };
  let current = image.id;
  for (let round = 0; ; round += 1) {
    try {
      return await create(current);
    } catch (error) {
      if (!(error instanceof EngineError) || round === 4) throw error;
      if (error.status === 409) {
        await removeOld(engine, job, name, error);
      } else if (error.status === 404 && /no such image/i.test(error.message)) {
        await pull(engine, image.reference);
        // The tag may have moved on since.
        if (round > 0) current = image.reference;
      } else throw error;
    }
  }
}

/** The helper of an interrupted run of the same job has the name; nobody else's container is touched. */
async function removeOld(engine: Engine, job: JobOf, name: string, conflict: EngineError): Promise<void> {
  const { status, body } = await engine.request('GET', `/containers/${name}/json`, { also: [404] });
  if (status === 404) return;
  const { Id, Config } = JSON.parse(body.toString()) as {
    Id: string;
    Config: { Labels?: Record<string, string> };
  };
  const { 'dev.taffrail.job': of, 'dev.taffrail.owner': owner } = Config.Labels ?? {};
  if (of !== job.name || owner !== job.owner) throw conflict;
  await removed(engine, Id, name);
}

async function removed(engine: Engine, id: string, name: string): Promise<void> {
  // 409: it is being removed already.
  await engine.request('DELETE', `/containers/${id}`, { query: { force: '1', v: '1' }, also: [404, 409] });
  for (let round = 0; round < 50; round += 1) {
    const { status } = await engine.request('GET', `/containers/${id}/json`, { also: [404] });
    if (status === 404) return;
    await pause(100);
  }
  throw new JobError(`The engine does not remove the container ${name}. Try: docker rm -f ${name}`);
}

async function mustExist(engine: Engine, job: JobOf, volume: string): Promise<void> {
  const { status } = await engine.request('GET', `/volumes/${encodeURIComponent(volume)}`, { also: [404] });
  // The engine would make a new one without labels, which nobody would ever find again.
  if (status === 404)
    throw new JobError(`The volume ${volume} is gone: somebody removed it. ${createAgain(job)}`);
}

/** What to type when a thing of the stack is missing. Another stack may be selected in the person's shell. */
export const createAgain = ({ stack }: JobOf): string =>
  `To create it again, run: ${npmRun('up', stack)}     (or: pulumi refresh -s ${stack}, then pulumi up -s ${stack})`;

async function pull(engine: Engine, reference: string): Promise<void> {
  const failed = (why: string): JobError => new JobError(`Unable to pull image ${reference}: ${why}`);
  const { body } = await engine
    .request('POST', '/images/create', { query: { fromImage: reference }, timeout: 600_000 })
    .catch((error: unknown) => {
      throw error instanceof EngineError ? failed(error.message) : error;
    });
  // 200 comes before the work; what goes wrong then is in the stream.
  for (const line of body.toString().split('\n')) {
    if (line.trim() === '') continue;
    const { error } = JSON.parse(line) as { error?: string };
    if (error !== undefined) throw failed(error);
  }
}
