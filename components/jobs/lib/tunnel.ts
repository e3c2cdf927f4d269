import { Agent, type IncomingMessage, request as httpRequest } from 'node:http';
import { text } from 'node:stream/consumers';
import type { Duplex } from 'node:stream';
import { type Answer, type Asked, Unanswered } from '../../../configs/running.ts';
import type { Engine } from './engine.ts';
import { EngineError, JobError, wordsOf } from './errors.ts';
import { Helper, type HelperArgs, type ImageOf, type JobOf, nobody } from './helper.ts';
import { Pipe } from './pipe.ts';
import { demultiplexed } from './streams.ts';

// A byte pipe into a network of the host: a short-lived container with `nc`, its standard streams attached. All that is
// asked of `nc`: it fails at once when the connection is refused, before it reads, and copies both ways until then.
// When it ends differs between its variants: so we end the container ourselves.

/** Connects again while nobody listens yet. Bounded to five minutes, in case the job that would stop it was killed. */
const insists =
  'tries=0; until nc "$1" "$2"; do tries=$((tries + 1)); [ $tries -lt 1500 ] || exit 1; sleep 0.2; done';

export interface PipeTo {
  tools: ImageOf;
  network: HelperArgs['network'];
  host: string;
  port: number;
  /** Whether a refused connection is tried again for as long as the pipe is open. */
  insist?: boolean;
}

/** Opens a byte pipe. Whoever closes it waits for `closed`. */
export async function openPipe(
  engine: Engine,
  job: JobOf,
  { tools, network, host, port, insist = false }: PipeTo,
): Promise<{ pipe: Duplex; closed: () => Promise<void> }> {
  const helper = await Helper.make(engine, job, '', {
    image: tools,
    command: insist ? ['sh', '-c', insists, 'sh', host, String(port)] : ['nc', host, String(port)],
    user: nobody,
    network,
    stdin: true,
    memory: 32 * 2 ** 20,
  });
  try {
    const stream = await helper.open();
    let removal: Promise<void> | undefined;
    const remove = (): Promise<void> => (removal ??= helper.remove());
    const pipe: Pipe = new Pipe({
      write: (chunk, done) => {
        stream.write(chunk, done);
      },
      end: () => {
        stream.end();
      },
      close: () => {
        stream.destroy();
        remove().catch(() => undefined); // told by `closed`
      },
    });
    void demultiplexed(stream, (chunk, kind) => {
      if (kind === 'stdout') pipe.push(Buffer.from(chunk));
    }).then(() => {
      if (!pipe.destroyed) pipe.push(null);
    });
    stream.on('error', () => undefined);
    return { pipe, closed: remove };
  } catch (error) {
    await helper.remove().catch(() => undefined);
    throw error;
  }
}

export interface Tunnel {
  ask: (method: string, path: string, asked?: Asked) => Promise<Answer>;
  close: () => Promise<void>;
}

/**
 * HTTP through a pipe, which is opened when it is first needed and kept for all requests.
 *
 * @param seconds until a request counts as unanswered
 */
export function openTunnel(engine: Engine, job: JobOf, to: PipeTo, seconds = 20): Tunnel {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  let current: { pipe: Duplex; closed: () => Promise<void> } | undefined;
  // One at a time: their containers have one name.
  const open = async (): Promise<Duplex> => {
    await close();
    current = await openPipe(engine, job, { ...to, insist: true });
    return current.pipe;
  };
  const close = async (): Promise<void> => {
    current?.pipe.destroy();
    await current?.closed();
    current = undefined;
  };
  agent.createConnection = (_options, made) => {
    open().then(
      (pipe) => made?.(null, pipe),
      (error: unknown) => made?.(error as Error, undefined as never),
    );
    return undefined;
  };

  const send = (method: string, path: string, { headers = {}, json }: Asked): Promise<Answer> =>
    new Promise((resolve, reject) => {
      const body = json === undefined ? undefined : JSON.stringify(json);
      const asked = httpRequest(
        {
          agent,
          method,
          path,
          headers: {
            host: `127.0.0.1:${to.port}`,
            ...(body !== undefined && { 'content-type': 'application/json' }),
            ...(method !== 'GET' && { 'content-length': Buffer.byteLength(body ?? '') }),
            ...headers,
          },
        },
        (answer: IncomingMessage) => {
          text(answer).then((body) => {
            resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body });
          }, reject);
        },
      );
      let timer: NodeJS.Timeout | undefined;
      // From when its pipe is there: opening it may have to pull an image, and must not be overtaken by a second try.
      asked.on('socket', () => {
        timer = setTimeout(() => asked.destroy(new Error(`no answer within ${seconds} s`)), seconds * 1000);
      });
      asked.on('error', reject);
      asked.on('close', () => {
        clearTimeout(timer);
      });
      asked.end(body);
    });

  const ask: Tunnel['ask'] = async (method, path, asked = {}) => {
    try {
      return await send(method, path, asked);
    } catch (error) {
      await close();
      // 409: the service is being started anew, and its network is not there to join.
      if (error instanceof JobError && !(error instanceof EngineError && error.status === 409)) throw error;
      throw new Unanswered(wordsOf(error), { cause: error });
    }
  };
  // The agent's own limit does not count connections that are still being opened.
  let last: Promise<unknown> = Promise.resolve();

  return {
    ask: (...asked) => {
      const answer = last.then(() => ask(...asked));
      last = answer.catch(() => undefined);
      return answer;
    },
    close: async () => {
      agent.destroy();
      await close();
    },
  };
}
