import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ImageKey, imageTag } from '../../../configs/images.ts';
import { docker, inspect, portsOf, runOnce, startContainer } from '../lib/engine.ts';
import { canHaveNeighbour, neighbour, neighbourFetch, openFromNeighbour } from '../lib/netns.ts';
import { doorsOf, knock } from '../lib/reach.ts';
import { a, b, ensureStacks, ports, stacks } from '../lib/stacks.ts';

const app = `${a.project}-bot`;
const open = 'e2e-open';

beforeAll(async () => {
  await ensureStacks();
  // The control: somebody on the applications' network who answers everybody.
  await startContainer({
    name: open,
    network: `${a.project}-apps`,
    command: [
      'sh',
      '-c',
      'mkdir -p /tmp/www; echo hello >/tmp/www/index.html; exec httpd -f -p 9999 -h /tmp/www',
    ],
  });
});
afterAll(async () => {
  await docker.getContainer(open).remove({ force: true, v: true });
});

/** Whom an application may talk to without a password of the stack: itself, and its databases, which ask for one. */
const meant = (container: string, port: number): boolean =>
  container === app ||
  (container === `${a.project}-postgres` && port === 5432) ||
  (container === `${a.project}-redis` && port === 6379);

describe('from inside an application’s container', () => {
  it('3.15: every port of every container of its stack is closed or answers 401', async () => {
    const doors = (await doorsOf(a.name)).filter(({ container, port }) => !meant(container, port));
    expect(new Set(doors.map(({ container }) => container)).size).toBeGreaterThan(7);
    const answers = await knock(app, [
      ...new Set(doors.map(({ address, port }) => `${address}:${String(port)}`)),
    ]);
    const wrong = doors.flatMap(({ container, network, address, port }) => {
      const answer = answers.get(`${address}:${String(port)}`);
      return answer === 'closed' || /^HTTP\/1\.[01] 401/.test(answer ?? '')
        ? []
        : [`${container} on ${network}, port ${String(port)}: ${answer ?? 'not asked'}`];
    });
    expect(wrong).toEqual([]);
    // Prometheus is the one that has to be there, and it asks for credentials.
    expect([...answers.values()].some((answer) => /401/.test(answer))).toBe(true);
  });

  it('3.15: the other stack is out of reach altogether', async () => {
    const doors = await doorsOf(b.name);
    const answers = await knock(app, [
      ...new Set(doors.map(({ address, port }) => `${address}:${String(port)}`)),
    ]);
    expect([...answers].filter(([, answer]) => answer !== 'closed')).toEqual([]);
  });

  it('3.15 S9: the host’s own address opens nothing of the stacks either', async () => {
    const { NetworkSettings } = await inspect(app);
    const gateways = Object.values(NetworkSettings.Networks)
      .map(({ Gateway }) => Gateway)
      .filter(Boolean);
    expect(gateways.length).toBeGreaterThan(0);
    const numbers = [
      ...Object.values(ports).flatMap((one) => Object.values(one)),
      3000,
      8978,
      9090,
      3100,
      9080,
      2375,
      9100,
      9187,
      9121,
      8080,
    ];
    const answers = await knock(
      app,
      gateways.flatMap((gateway) => numbers.map((port) => `${gateway}:${String(port)}`)),
    );
    const silent = [...answers].filter(([, answer]) => answer !== 'closed');
    // Stack B is published on another address of the host: docker's rules let a container reach that one, and only it.
    expect(silent).toEqual([]);
  });

  it('A2 S10: the databases ask an application for a password, and take the right one only', async () => {
    const { secrets } = await ensureStacks();
    const ask = (image: ImageKey, command: string[], environment: Record<string, string> = {}) =>
      runOnce({
        name: 'e2e-client',
        image: imageTag(image),
        network: `${a.project}-apps`,
        command,
        environment,
      });
    const psql = ['psql', '-w', '-h', 'postgres', '-U', 'postgres', '-Atc', 'select 42'];
    const none = await ask('postgres', psql);
    expect(none.stderr).toMatch(/no password supplied/);
    const wrong = await ask('postgres', psql, { PGPASSWORD: 'wrong' });
    expect(wrong.stderr).toMatch(/password authentication failed/);
    const right = await ask('postgres', psql, { PGPASSWORD: secrets['postgresPassword'] ?? '' });
    expect(right.stdout.trim(), right.stderr).toBe('42');
    const ping = ['redis-cli', '-h', 'redis', 'ping'];
    expect((await ask('redis', ping)).stdout).toMatch(/NOAUTH/);
    expect((await ask('redis', ping, { REDISCLI_AUTH: secrets['redisPassword'] ?? '' })).stdout.trim()).toBe(
      'PONG',
    );
  });

  it('3.15: the search finds a port that is open, and the databases', async () => {
    const [{ NetworkSettings }, postgres] = [await inspect(open), await doorsOf(a.name)];
    const address = Object.values(NetworkSettings.Networks)[0]?.IPAddress ?? '';
    const database = postgres.find(
      ({ container, network, port }) =>
        container.endsWith('-postgres') && network.endsWith('-apps') && port === 5432,
    );
    const answers = await knock(app, [
      `${address}:9999`,
      `${address}:9998`,
      `${database?.address ?? ''}:5432`,
    ]);
    expect(answers.get(`${address}:9999`)).toMatch(/^HTTP\/1\.\d 200/);
    expect(answers.get(`${address}:9998`)).toBe('closed');
    expect(answers.get(`${database?.address ?? ''}:5432`)).not.toBe('closed');
  });
});

describe.skipIf(!canHaveNeighbour)('from a neighbour of the host', () => {
  /** Host ports that answer for other reasons: programs of this machine, stacks of other people. */
  async function strangers(): Promise<Set<number>> {
    const containers = await docker.listContainers();
    const ours = containers.filter(({ Labels }) =>
      stacks.some(({ name }) => name === Labels['dev.taffrail.stack']),
    );
    const mine = new Set(ours.flatMap(({ Ports }) => Ports.map(({ PublicPort }) => PublicPort)));
    const listening = ['tcp', 'tcp6'].flatMap((table) =>
      portsOf(readFileSync(`/proc/net/${table}`, 'latin1').split('\n').slice(1)),
    );
    return new Set(listening.filter((port) => !mine.has(port)));
  }

  it('S9 A4: only what is published on its side is reachable, by the host’s address and by the containers’ own', async () => {
    const doors = (await Promise.all(stacks.map(({ name }) => doorsOf(name)))).flat();
    const numbers = new Set([
      ...doors.map(({ port }) => port),
      ...Object.values(ports).flatMap((one) => Object.values(one)),
      ...['tcp', 'tcp6'].flatMap((table) =>
        portsOf(readFileSync(`/proc/net/${table}`, 'latin1').split('\n').slice(1)),
      ),
      ...Array.from({ length: 1024 }, (_, index) => index + 1),
    ]);
    const ofHost = [...numbers].map((port): [string, number] => [neighbour.host, port]);
    const ofContainers = doors.map(({ address, port }): [string, number] => [address, port]);
    const found = await openFromNeighbour([...ofHost, ...ofContainers]);
    const other = await strangers();
    const { grafana, cloudbeaver } = ports[b.name] ?? {};
    const unexpected = found.filter(
      (door) => !(door.startsWith(`${neighbour.host}:`) && other.has(Number(door.split(':')[1]))),
    );
    expect(unexpected.sort()).toEqual(
      [`${neighbour.host}:${String(grafana)}`, `${neighbour.host}:${String(cloudbeaver)}`].sort(),
    );
  });

  it('S9: what is published there answers there; stack A, on loopback, does not', async () => {
    expect(
      await neighbourFetch(`http://${neighbour.host}:${String(ports[b.name]?.grafana)}/api/health`),
    ).toBe(200);
    expect(await openFromNeighbour([[neighbour.host, ports[a.name]?.grafana ?? 0]])).toEqual([]);
  });

  it('S9: the search finds a port of the host that is open', async () => {
    const server = createServer((socket) => socket.end());
    await new Promise<void>((resolve) => server.listen(0, '0.0.0.0', resolve));
    const { port } = server.address() as { port: number };
    try {
      expect(await openFromNeighbour([[neighbour.host, port]])).toEqual([
        `${neighbour.host}:${String(port)}`,
      ]);
    } finally {
      server.close();
    }
  });
});
