import { connect as connectHttp2 } from 'node:http2';
import { connect } from 'node:net';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { containerdFolder } from '../../../configs/exporters/containerd.ts';
import { secretsFolder } from '../../../configs/paths.ts';
import { addressOf, docker, exec, inspect } from '../lib/engine.ts';
import { a, ensureStacks } from '../lib/stacks.ts';

let address = '';
let id = '';

beforeAll(async () => {
  await ensureStacks();
  address = await addressOf(`${a.project}-socket-proxy`, '-socket');
  id = `${a.project}-grafana`;
});

/** The status of a request that is sent as it stands: `fetch` would tidy the path up. */
const status = (request: string, more = ''): Promise<number> =>
  new Promise((resolve, reject) => {
    const socket = connect(2375, address, () =>
      socket.write(`${request} HTTP/1.1\r\nHost: docker\r\n${more}\r\n`),
    );
    socket.setTimeout(10_000, () => socket.destroy(new Error(`no answer to ${request}`)));
    socket.once('data', (data) => {
      resolve(Number(/^HTTP\/1\.[01] (\d+)/.exec(data.toString('latin1'))?.[1] ?? 0));
      socket.destroy();
    });
    socket.once('error', reject).once('end', () => {
      resolve(0);
    });
  });

/** Everything that comes back within a second and a half. */
const conversation = (text: string): Promise<string> =>
  new Promise((resolve, reject) => {
    let said = '';
    const socket = connect(2375, address, () => socket.write(text));
    socket.on('data', (data) => (said += data.toString('latin1'))).once('error', reject);
    setTimeout(() => {
      socket.destroy();
      resolve(said);
    }, 1500);
  });

describe('the filter before the Docker socket', () => {
  it('3.15: lets through what discovery and logs need', async () => {
    const paths = ['/_ping', '/version', '/info', '/containers/json', '/networks', `/containers/${id}/json`];
    const answers = await Promise.all(
      [...paths, ...paths.map((path) => `/v1.44${path}`), `/containers/${id}/logs?stdout=1&tail=1`].map(
        async (path) => [path, await status(`GET ${path}`)],
      ),
    );
    expect(answers.filter(([, code]) => code !== 200)).toEqual([]);
  });

  it('3.15: refuses what reads files, runs commands or changes anything', async () => {
    const refused = [
      ...[`archive?path=${secretsFolder}`, 'export', 'attach', 'attach/ws', 'top', 'changes', 'stats'].map(
        (path) => `GET /containers/${id}/${path}`,
      ),
      ...[
        'exec',
        'attach?stream=1',
        'start',
        'stop',
        'restart',
        'kill',
        'update',
        'rename?name=x',
        'copy',
      ].map((path) => `POST /containers/${id}/${path}`),
      ...[
        'POST /containers/create',
        'POST /build',
        'POST /images/create?fromImage=busybox',
        'POST /session',
        'POST /grpc',
      ],
      ...['HEAD /_ping', 'HEAD /containers/json', `HEAD /containers/${id}/json`],
      ...['POST /_ping', 'PUT /_ping', 'DELETE /_ping', 'OPTIONS /_ping', 'PATCH /containers/json'],
      ...[`DELETE /containers/${id}`, 'POST /networks/create', 'POST /volumes/create', 'POST /swarm/init'],
      ...[`PUT /containers/${id}/archive?path=/`, `HEAD /containers/${id}/archive?path=/`],
      ...[
        'GET /volumes',
        'GET /images/json',
        'GET /secrets',
        'GET /configs',
        'GET /swarm',
        'GET /system/df',
        'GET /plugins',
        'GET /',
        'GET /exec/x/json',
      ],
    ];
    const answers = await Promise.all(
      refused.map(async (request) => [request, await status(request, 'Content-Length: 0\r\n')]),
    );
    expect(answers.filter(([, code]) => code !== 403)).toEqual([]);
  });

  it('3.15: refuses the same paths in disguise', async () => {
    const archive = `containers/${id}/archive?path=${secretsFolder}`;
    const disguised = [
      ...[
        `//${archive}`,
        `/./${archive}`,
        `/v1.44//${archive}`,
        `/v1.44/../${archive}`,
        `/_ping/../${archive}`,
      ],
      ...[`/containers/${id}/json/../archive?path=/`, `/containers/${id}/json/%2e%2e/archive?path=/`],
      ...[
        `/containers/${id}/%61rchive?path=/`,
        `/containers/${id}%2farchive?path=/`,
        `/containers/${id}/json%2f..%2farchive?path=/`,
      ],
      ...[
        `/containers/${id}/archive%3fpath=/`,
        `/containers/${id}/archive/?path=/`,
        `/containers/x%2f..%2f${id}/archive?path=/`,
      ],
      ...[
        `/containers/${id}/archive;/json`,
        `/containers/${id}/logs/../export`,
        `/containers/%2e%2e/volumes/json`,
        `/containers/../volumes/json`,
      ],
      ...[
        '/containers/..%2fvolumes/json',
        '/_ping%0d%0a',
        '/_ping\\..\\volumes',
        '/v1.44/v1.44/volumes',
        `http://docker/${archive}`,
        '*',
      ],
    ];
    const answers = await Promise.all(disguised.map(async (path) => [path, await status(`GET ${path}`)]));
    // 400: haproxy does not take it for a request at all; 404: the engine knows no such thing.
    expect(answers.filter(([, code]) => ![400, 403, 404].includes(code as number))).toEqual([]);
    expect(answers.filter(([, code]) => code === 403).length).toBeGreaterThan(12);
  });

  it('3.15: an upgrade of the connection and a smuggled second request come to nothing', async () => {
    const upgrade = 'Upgrade: tcp\r\nConnection: Upgrade\r\n';
    expect(await status(`GET /containers/${id}/attach?stream=1`, upgrade)).toBe(403);
    // Allowed, but the connection must stay HTTP: after 101 it would carry anything.
    expect(await status('GET /_ping', upgrade)).toBe(200);
    expect([400, 403]).toContain(await status('CONNECT /_ping'));
    const second = 'GET /volumes HTTP/1.1\r\nHost: docker\r\n\r\n';
    for (const framing of [
      `Content-Length: 0\r\n\r\n`,
      `Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    ]) {
      const answers = await conversation(`GET /_ping HTTP/1.1\r\nHost: docker\r\n${framing}${second}`);
      expect(answers, framing).not.toContain('"Volumes"');
      expect(answers, framing).not.toContain('101 ');
    }
    // The control: a second request that is allowed is answered on the same connection.
    const both = 'GET /_ping HTTP/1.1\r\nHost: docker\r\n\r\n';
    expect((await conversation(both + both)).split('200 OK')).toHaveLength(3);
  });

  it('3.15: the engine itself would have answered', async () => {
    // The control: what is refused above exists, for whoever may ask the engine.
    expect(await docker.getContainer(id).getArchive({ path: secretsFolder })).toBeTruthy();
    expect((await exec(id, ['true'])).code).toBe(0);
  });
});

/** One unary gRPC call over a Unix socket whose only field is a string: HTTP's status, and gRPC's own when there is one. */
const call = (
  socket: string,
  path: string,
  namespaces: string | string[],
  field = '',
): Promise<{ status: number; grpc: number | undefined; body: string }> =>
  new Promise((resolve, reject) => {
    const session = connectHttp2('http://localhost', { createConnection: () => connect(socket) });
    session.once('error', reject);
    const message =
      field === '' ? Buffer.alloc(0) : Buffer.from(`\n${String.fromCharCode(field.length)}${field}`);
    const frame = Buffer.alloc(5);
    frame.writeUInt32BE(message.length, 1);
    const request = session.request({
      ':method': 'POST',
      ':path': path,
      'content-type': 'application/grpc',
      te: 'trailers',
      'containerd-namespace': namespaces,
    });
    const answer = { status: 0, grpc: undefined as number | undefined, body: '' };
    const note = (headers: Record<string, unknown>) => {
      if (headers[':status'] !== undefined) answer.status = Number(headers[':status']);
      if (headers['grpc-status'] !== undefined) answer.grpc = Number(headers['grpc-status']);
    };
    request.on('response', note).on('trailers', note).once('error', reject);
    request
      .on('data', (data: Buffer) => (answer.body += data.toString('latin1')))
      .once('close', () => {
        session.close();
        resolve(answer);
      });
    request.setTimeout(10_000, () => {
      request.destroy(new Error(`no answer to ${path}`));
    });
    request.end(Buffer.concat([frame, message]));
  });

describe('the filter before containerd’s socket', () => {
  const get = '/containerd.services.containers.v1.Containers/Get';
  let filtered = '';
  let container = '';

  beforeAll(async () => {
    const { Mounts } = await inspect(`${a.project}-socket-proxy`);
    const volume = Mounts.find(({ Name = '' }) => Name.startsWith('socket-proxy-filtered'));
    filtered = join(volume?.Source ?? '', 'containerd.sock');
    container = (await inspect(id)).Id;
  });

  it('3.15: answers what a container is', async () => {
    const answer = await call(filtered, get, 'moby', container);
    expect(answer).toMatchObject({ status: 200, grpc: 0 });
    expect(answer.body).toContain(container);
    // containerd's own "not found".
    expect(await call(filtered, get, 'moby', 'nobody')).toMatchObject({ status: 200, grpc: 5 });
  });

  const services = '/containerd.services';
  const others = [
    ...['Exec', 'Create', 'Start', 'Kill', 'Delete', 'List', 'Get'].map(
      (method) => `${services}.tasks.v1.Tasks/${method}`,
    ),
    ...['List', 'ListStream', 'Create', 'Update', 'Delete', 'get', 'Get/', 'Get/../List'].map(
      (method) => `${services}.containers.v1.Containers/${method}`,
    ),
    ...['content.v1.Content/Read', 'snapshots.v1.Snapshots/Mounts', 'images.v1.Images/List'].map(
      (method) => `${services}.${method}`,
    ),
    `/${get}`,
    '/containerd.runtime.v1.Shim/Exec',
    '/',
  ];

  it('3.15: refuses everything else', async () => {
    const answers = await Promise.all(
      others.map(async (path) => [path, await call(filtered, path, 'moby', container)] as const),
    );
    // 400: haproxy does not take it for a path.
    expect(answers.filter(([, { status: code }]) => code !== 403 && code !== 400)).toEqual([]);
  });

  it('3.15: refuses what is not the engine’s own namespace, also beside it', async () => {
    for (const namespaces of [
      'default',
      'k8s.io',
      'Moby',
      'plugins.moby',
      ['k8s.io', 'moby'],
      ['moby', 'k8s.io'],
    ])
      expect(await call(filtered, get, namespaces, container), String(namespaces)).toMatchObject({
        status: 403,
      });
  });

  it('3.15: containerd itself would have answered', async () => {
    // The control: what is refused above exists, for whoever has the real socket.
    const { Mounts } = await inspect(`${a.project}-socket-proxy`);
    const folder = Mounts.find(({ Destination }) => Destination === containerdFolder)?.Source ?? '';
    const list = await call(
      join(folder, 'containerd.sock'),
      `${services}.containers.v1.Containers/List`,
      'moby',
    );
    expect(list).toMatchObject({ status: 200, grpc: 0 });
    expect(list.body).toContain(container);
    expect(await call(join(folder, 'containerd.sock'), get, 'default', container)).toMatchObject({ grpc: 5 });
  });
});
