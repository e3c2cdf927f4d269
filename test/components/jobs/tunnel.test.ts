import { createServer as createHttp, type RequestListener } from 'node:http';
import { createServer, type Server, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { connectEngine, type Engine } from '../../../components/jobs/lib/engine.ts';
import { JobError } from '../../../components/jobs/lib/errors.ts';
import { openTunnel, type Tunnel } from '../../../components/jobs/lib/tunnel.ts';
import { Unanswered } from '../../../configs/running.ts';
import { type Container, PretendedEngine } from './pretendedEngine.ts';

let docker: PretendedEngine;
let engine: Engine;
let service: Container;
let tunnel: Tunnel;
const servers: Server[] = [];
const connections = new Set<Socket>();
beforeEach(async () => {
  docker = await new PretendedEngine().start();
  service = docker.add('prometheus');
  engine = connectEngine(docker.address);
  tunnel = opened(0.5);
});
afterEach(async () => {
  await tunnel.close().catch(() => undefined);
  engine.close();
  docker.stop();
  for (const connection of connections) connection.destroy();
  for (const server of servers.splice(0)) server.close();
});

const opened = (seconds?: number): Tunnel =>
  openTunnel(
    engine,
    { project: 'taffrail-s', stack: 's', owner: 'o', name: 'prometheus-reload' },
    {
      tools: { id: 'sha256:tools', reference: 'tools:1' },
      network: `container:${service.id}`,
      host: '127.0.0.1',
      port: 9090,
    },
    seconds,
  );

const listen = async (server: Server): Promise<void> => {
  servers.push(server);
  server.on('connection', (connection: Socket) => {
    connections.add(connection);
    connection.on('error', () => undefined);
  });
  await new Promise<void>((resolve) => server.listen(docker.service, resolve));
};
const serve = (listener: RequestListener): Promise<void> => listen(createHttp(listener));
/** Answers each request with bytes as they are. */
const reply = (answer: (connection: Socket) => void): Promise<void> =>
  listen(
    createServer((connection) => {
      connection.once('data', () => {
        answer(connection);
      });
    }),
  );
const unanswered = async (work: Promise<unknown>): Promise<string> => {
  const error = await work.then(
    () => undefined,
    (error: unknown) => error,
  );
  expect(error).toBeInstanceOf(Unanswered);
  return (error as Unanswered).message;
};

describe('a tunnel', () => {
  test('one pipe serves all requests, and nothing is left of it', async () => {
    await serve((request, response) => {
      const body: Buffer[] = [];
      request.on('data', (chunk: Buffer) => body.push(chunk));
      request.on('end', () => {
        response.setHeader('X-Seen', request.headers['content-type'] ?? 'none');
        response.statusCode = request.method === 'POST' ? 201 : 200;
        response.end(`${request.method ?? ''} ${request.url ?? ''} ${Buffer.concat(body).toString()}`);
      });
    });
    const got = await tunnel.ask('GET', '/a?b=c', { headers: { authorization: 'Basic x' } });
    expect(got).toMatchObject({ status: 200, body: 'GET /a?b=c ', headers: { 'x-seen': 'none' } });
    const posted = await tunnel.ask('POST', '/p', { json: { ü: 'é' } });
    expect(posted).toMatchObject({
      status: 201,
      body: 'POST /p {"ü":"é"}',
      headers: { 'x-seen': 'application/json' },
    });
    expect((await tunnel.ask('DELETE', '/d')).body).toBe('DELETE /d ');
    expect(docker.pipes).toBe(1);
    await tunnel.close();
    expect(docker.names).toEqual(['prometheus']);
  });

  test('a chunked answer, in pieces that split everything', async () => {
    await reply((connection) => {
      const bytes = Buffer.from(
        'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n4\r\ndé\n\r\n0\r\n\r\n',
      );
      void (async () => {
        for (const byte of bytes) {
          connection.write(Buffer.from([byte]));
          await pause(1);
        }
      })();
    });
    expect((await tunnel.ask('GET', '/')).body).toBe('abcdé\n');
  });

  test('a large answer', async () => {
    await serve((_, response) => response.end('x'.repeat(3_000_000)));
    expect((await tunnel.ask('GET', '/')).body).toHaveLength(3_000_000);
  });

  test('an answer that ends with its connection', async () => {
    await reply((connection) => connection.end('HTTP/1.0 200 OK\r\n\r\nuntil the end'));
    expect((await tunnel.ask('GET', '/')).body).toBe('until the end');
    expect((await tunnel.ask('GET', '/')).body).toBe('until the end');
    expect(docker.pipes).toBe(2);
  });

  test.each([
    ['half a body', 'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf'],
    ['half a chunk', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\nhalf'],
    ['half a header', 'HTTP/1.1 200 OK\r\nContent-'],
    ['no HTTP', 'SSH-2.0-OpenSSH_9.2\r\n'],
    ['nothing', ''],
  ])('%s, then the end: unanswered', async (_, bytes) => {
    await reply((connection) => connection.end(bytes));
    await unanswered(tunnel.ask('GET', '/'));
    await tunnel.close();
    expect(docker.names).toEqual(['prometheus']);
  });

  test.each([
    ['no answer', ''],
    ['an answer that stops', 'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf'],
  ])('%s: unanswered after a while', async (_, bytes) => {
    await reply((connection) => connection.write(bytes));
    expect(await unanswered(tunnel.ask('GET', '/'))).toBe('no answer within 0.5 s');
  });

  test('works again after each of them', async () => {
    let count = 0;
    await reply((connection) => {
      count += 1;
      if (count === 1) connection.end('no HTTP');
      else if (count > 2) connection.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
    });
    await unanswered(tunnel.ask('GET', '/'));
    await unanswered(tunnel.ask('GET', '/'));
    expect((await tunnel.ask('GET', '/')).body).toBe('ok');
    expect(docker.pipes).toBe(3);
  });

  test('the service closes an idle connection: the next request opens a new pipe', async () => {
    await serve((_, response) => response.end('ok'));
    await tunnel.ask('GET', '/');
    for (const connection of connections) connection.destroy();
    await pause(50);
    expect((await tunnel.ask('POST', '/-/reload')).body).toBe('ok');
    expect(docker.pipes).toBe(2);
    await tunnel.close();
    expect(docker.names).toEqual(['prometheus']);
  });

  test('the service announces that it closes: the next request opens a new pipe', async () => {
    await serve((_, response) => response.setHeader('connection', 'close').end('ok'));
    for (let round = 0; round < 3; round += 1) expect((await tunnel.ask('GET', '/')).body).toBe('ok');
    expect(docker.pipes).toBe(3);
  });

  test('the service announces it, and leaves the connection open: the next request does not wait', async () => {
    await reply((connection) =>
      connection.write('HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok'),
    );
    for (let round = 0; round < 2; round += 1) expect((await tunnel.ask('GET', '/')).body).toBe('ok');
    expect(docker.pipes).toBe(2);
  });

  test('the pipe insists until somebody listens', async () => {
    const asked = opened(5).ask('GET', '/');
    await pause(100);
    await serve((_, response) => response.end('late'));
    expect((await asked).body).toBe('late');
  });

  test('nobody ever listens: unanswered after a while, and no helper is left', async () => {
    expect(await unanswered(tunnel.ask('GET', '/'))).toBe('no answer within 0.5 s');
    await tunnel.close();
    expect(docker.names).toEqual(['prometheus']);
  });

  test('requests side by side wait for each other', async () => {
    await serve((request, response) => response.end(request.url));
    const answers = await Promise.all(['/a', '/b', '/c'].map((path) => tunnel.ask('GET', path)));
    expect(answers.map(({ body }) => body)).toEqual(['/a', '/b', '/c']);
    expect(docker.pipes).toBe(1);
  });
});

describe('opening a tunnel', () => {
  test('takes as long as pulling its image does', async () => {
    await serve((_, response) => response.end('ok'));
    docker.images.clear();
    docker.registry.set('tools:1', { id: 'sha256:tools' });
    docker.delay = (line) => (line === 'POST /images/create' ? 700 : 0);
    expect((await tunnel.ask('GET', '/')).body).toBe('ok');
    expect(docker.pipes).toBe(1);
  });

  test("fails with the engine's words, and leaves nothing", async () => {
    docker.fault = (line) => (line.endsWith('/start') ? { status: 500, message: 'no nc' } : undefined);
    const streams: Duplex[] = [];
    const { attach } = engine;
    engine.attach = async (container) => {
      const stream = await attach(container);
      streams.push(stream);
      return stream;
    };
    await expect(tunnel.ask('GET', '/')).rejects.toThrow(JobError);
    await expect(tunnel.ask('GET', '/')).rejects.toThrow('no nc');
    await tunnel.close();
    expect(docker.names).toEqual(['prometheus']);
    // An open one would keep the process alive.
    expect(streams).toHaveLength(2);
    expect(streams.every((stream) => stream.destroyed)).toBe(true);
  });

  test('counts as unanswered while the service is being started anew', async () => {
    service.state.Running = false;
    expect(await unanswered(tunnel.ask('GET', '/'))).toContain('cannot join network');
    expect(docker.names).toEqual(['prometheus']);
  });

  test('an engine that goes in the middle is a failure of its own', async () => {
    await reply(() => {
      docker.die();
    });
    await expect(tunnel.ask('GET', '/')).rejects.toThrow(/Docker engine at unix:.* does not answer/);
  });

  test('an engine that goes between attach and start ends in words', async () => {
    docker.fault = (line) => {
      if (!line.endsWith('/start')) return undefined;
      docker.die();
      return 'destroy';
    };
    await expect(tunnel.ask('GET', '/')).rejects.toThrow(JobError);
  });
});
