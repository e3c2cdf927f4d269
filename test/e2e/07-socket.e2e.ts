import { connect } from 'node:net';
import { beforeAll, describe, expect, it } from 'vitest';
import { addressOf, docker, exec } from './lib/engine.ts';
import { a, ensureStacks } from './lib/stacks.ts';

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
      ...['archive?path=/run/secrets', 'export', 'attach', 'attach/ws', 'top', 'changes', 'stats'].map(
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
    const archive = `containers/${id}/archive?path=/run/secrets`;
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
    expect(await docker.getContainer(id).getArchive({ path: '/run/secrets' })).toBeTruthy();
    expect((await exec(id, ['true'])).code).toBe(0);
  });
});
