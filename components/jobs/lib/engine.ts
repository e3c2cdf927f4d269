import { Agent, request as httpRequest, type RequestOptions } from 'node:http';
import { readFileSync } from 'node:fs';
import { connect as connectSocket } from 'node:net';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import type { Duplex } from 'node:stream';
import { connect as connectTls } from 'node:tls';
import { setTimeout as pause } from 'node:timers/promises';
import { EngineError, JobError, wordsOf } from './errors.ts';
import { isDropped, loginPause, loginTries, SshPipe } from './ssh.ts';

// Docker's API over `node:http`. dockerode costs each job 0.25 s of processor, which a dozen jobs on two cores show.

/** What the oldest supported engine (25) speaks. */
const version = '/v1.44';

export interface EngineRequest {
  query?: Readonly<Record<string, string>>;
  json?: unknown;
  /** A tar archive. */
  archive?: Buffer;
  /** Milliseconds until it counts as unanswered; 0 waits for as long as it takes. Default two minutes. */
  timeout?: number;
  /** Answers that are no error beside 2xx and 304. */
  also?: readonly number[];
}

export interface EngineAnswer {
  status: number;
  body: Buffer;
}

export interface Engine {
  /** `unix:///var/run/docker.sock`, `ssh://root@host`, `tcp://…`. */
  readonly address: string;
  request: (method: string, path: string, asked?: EngineRequest) => Promise<EngineAnswer>;
  /** The standard streams of a container, from before its start. One connection of its own. */
  attach: (container: string) => Promise<Duplex>;
  close: () => void;
}

export const defaultAddress = 'unix:///var/run/docker.sock';

/**
 * Talks to the engine. One connection, kept alive, and one more for each attached container.
 *
 * @param address as DOCKER_HOST has it
 * @throws JobError when nothing answers there, in words for a person
 */
export function connectEngine(address = process.env['DOCKER_HOST'] || defaultAddress): Engine {
  const dial = dialer(address);
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  let current: Duplex | undefined;
  agent.createConnection = () => (current = dial());

  const send = (options: RequestOptions, body: Buffer | undefined, timeout: number) =>
    new Promise<EngineAnswer & { stream?: Duplex }>((resolve, reject) => {
      const asked = httpRequest({ host: 'docker', agent, ...options }, (answer) => {
        buffer(answer).then((content) => {
          resolve({ status: answer.statusCode ?? 0, body: content });
        }, reject);
      });
      asked.on('error', reject);
      asked.on('upgrade', (answer, stream: Duplex, head: Buffer) => {
        // Told by its end; without a listener it would end the whole job.
        stream.on('error', () => undefined);
        if (head.length > 0) stream.unshift(head);
        resolve({ status: answer.statusCode ?? 0, body: Buffer.alloc(0), stream });
      });
      if (timeout > 0) {
        const timer = setTimeout(
          () => asked.destroy(new Error(`no answer within ${timeout / 1000} s`)),
          timeout,
        );
        asked.on('close', () => {
          clearTimeout(timer);
        });
      }
      asked.end(body);
    });

  /** Tries again while sshd refuses the connection itself: nothing has reached the engine then. */
  const insisted = async <T>(attempt: () => Promise<T>, pipe: () => Duplex | undefined): Promise<T> => {
    for (let round = 1; ; round += 1) {
      try {
        return await attempt();
      } catch (error) {
        if (error instanceof JobError) throw error;
        const ssh = pipe();
        const again = ssh instanceof SshPipe && !ssh.answered && isDropped(ssh.words);
        if (!again || round === loginTries) throw unreachable(address, error);
        await pause(loginPause(round));
      }
    }
  };

  return {
    address,
    request: (method, path, { query, json, archive, timeout = 120_000, also = [] } = {}) =>
      insisted(
        async () => {
          const body = archive ?? (json === undefined ? undefined : Buffer.from(JSON.stringify(json)));
          const { status, body: content } = await send(
            {
              method,
              path: `${version}${path}${query === undefined ? '' : `?${new URLSearchParams(query).toString()}`}`,
              headers: {
                ...(body !== undefined && {
                  'content-type': archive === undefined ? 'application/json' : 'application/x-tar',
                }),
                'content-length': body?.length ?? 0,
              },
            },
            body,
            timeout,
          );
          if ((status >= 200 && status < 300) || status === 304 || also.includes(status))
            return { status, body: content };
          throw new EngineError(status, messageOf(status, content));
        },
        () => current,
      ),
    attach: (container) => {
      let own: Duplex | undefined;
      return insisted(
        async () => {
          const { status, body, stream } = await send(
            {
              method: 'POST',
              path: `${version}/containers/${container}/attach?stream=1&stdin=1&stdout=1&stderr=1`,
              headers: { connection: 'Upgrade', upgrade: 'tcp', 'content-length': 0 },
              agent: undefined,
              createConnection: () => (own = dial()),
            },
            undefined,
            60_000,
          );
          if (stream) return stream;
          throw new EngineError(status, messageOf(status, body));
        },
        () => own,
      );
    },
    close: () => {
      agent.destroy();
    },
  };
}

/** How a connection to that address is made. */
function dialer(address: string): () => Duplex {
  let url: URL;
  try {
    url = new URL(address);
  } catch {
    throw new JobError(`DOCKER_HOST is ${address}, which is no address. Example: ssh://root@example.com`);
  }
  switch (url.protocol) {
    case 'unix:': {
      const path = decodeURIComponent(url.pathname);
      return () => connectSocket({ path });
    }
    case 'ssh:':
      return () => new SshPipe(url);
    case 'tcp:':
    case 'http:':
    case 'https:': {
      const port = Number(url.port || (isTls() ? 2376 : 2375));
      const host = url.hostname.replace(/^\[|\]$/g, '');
      return isTls() || url.protocol === 'https:'
        ? () => connectTls({ host, port, servername: host, ...certificates() })
        : () => connectSocket({ host, port });
    }
    default:
      throw new JobError(`DOCKER_HOST is ${address}: only unix://, ssh:// and tcp:// lead to an engine.`);
  }
}

const isTls = (): boolean => Boolean(process.env['DOCKER_TLS_VERIFY']);

/** As Docker's client finds them. */
function certificates(): { ca: Buffer; cert: Buffer; key: Buffer } {
  const folder = process.env['DOCKER_CERT_PATH'] ?? join(process.env['HOME'] ?? '', '.docker');
  const file = (name: string): Buffer => {
    try {
      return readFileSync(join(folder, name));
    } catch (error) {
      throw new JobError(
        `DOCKER_TLS_VERIFY is set, and a certificate cannot be read (DOCKER_CERT_PATH): ${wordsOf(error)}`,
      );
    }
  };
  return { ca: file('ca.pem'), cert: file('cert.pem'), key: file('key.pem') };
}

const messageOf = (status: number, body: Buffer): string => {
  const text = body.toString().trim() || `the Docker engine answered ${status}, without a word`;
  try {
    const { message } = JSON.parse(text) as { message?: unknown };
    return typeof message === 'string' ? message : text;
  } catch {
    return text;
  }
};

const unreachable = (address: string, error: unknown): JobError =>
  new JobError(`The Docker engine at ${address} does not answer: ${wordsOf(error)}`);
