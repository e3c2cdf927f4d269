import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { hostNamed, publishedPorts } from '../../commands/lib/stackSettings.ts';
import { age, statusLines } from '../../commands/lib/statusLines.ts';
import { thisHost, tunnel } from '../../commands/lib/tunnel.ts';
import type { Engine } from '../../commands/lib/engine.ts';
import { lookAtStack, runningServices, type StackStatus } from '../../commands/lib/statusFacts.ts';
import { parseSettings } from '../../configs/settings.ts';

const now = Date.parse('2026-11-22T12:00:00Z');
const seen: StackStatus = {
  stack: 'prod',
  address: 'ssh://root@vps.example.com:2222',
  engineVersion: '29.6.0',
  services: [
    {
      name: 'grafana',
      state: 'running',
      health: 'healthy',
      since: '2026-11-20T08:00:00Z',
      restarts: 0,
      exitCode: 0,
      oomKilled: false,
      memory: 64 * 2 ** 20,
      limit: 256 * 2 ** 20,
    },
    {
      name: 'loki',
      state: 'exited',
      since: '2026-11-22T11:48:00Z',
      restarts: 3,
      exitCode: 137,
      oomKilled: false,
    },
  ],
  volumes: [
    { name: 'loki-data', size: 3 * 2 ** 30 },
    { name: 'grafana-data', size: undefined },
  ],
  addresses: [{ name: 'grafana', address: '127.0.0.1', port: 3000 }],
};

describe('`npm run status`', () => {
  it('fits one screen and says it all', () => {
    expect(statusLines(seen, now)).toEqual([
      'Stack prod on ssh://root@vps.example.com:2222 (Docker 29.6.0)',
      '',
      'SERVICE  STATE             SINCE    MEMORY                      RESTARTS',
      'grafana  running, healthy  2 d 4 h  64.0 MiB of 256 MiB (25 %)  0',
      'loki     exited (137)      12 min                               3',
      '',
      'VOLUME        SIZE',
      'loki-data     3.0 GiB',
      'grafana-data  ?',
      '',
      'grafana  http://127.0.0.1:3000',
      '',
      'From this machine:',
      '  ssh -N -L 3000:127.0.0.1:3000 -p 2222 root@vps.example.com',
    ]);
  });

  it('says when nothing runs', () => {
    expect(statusLines({ ...seen, services: [] }, now).at(-1)).toBe(
      'Nothing is running. Start it with: npm run up -- -s prod',
    );
  });

  it('counts no helper of a job as a service, and calls volumes by their own names', async () => {
    const labels = { 'dev.taffrail.stack': 'prod', 'com.docker.compose.service': 'loki' };
    const state = { Status: 'running', Running: true, StartedAt: '2026-11-22T11:48:00Z', ExitCode: 0 };
    const listed = (name: string, more = {}, State = 'running') => ({
      Id: name,
      Names: [`/taffrail-prod-${name}`],
      State,
      Labels: { ...labels, ...more },
    });
    const docker = {
      listContainers: () =>
        Promise.resolve([
          listed('loki'),
          listed('loki-files', { 'dev.taffrail.job': 'loki-files' }),
          listed('grafana', { 'com.docker.compose.service': 'grafana' }, 'exited'),
        ]),
      listNetworks: () => Promise.resolve([]),
      listVolumes: () =>
        Promise.resolve({
          Volumes: [
            { Name: 'loki-config-3f2a1bc', Labels: { 'com.docker.compose.volume': 'loki-config' } },
            { Name: 'taffrail-prod-loki-data', Labels: null },
          ],
        }),
      version: () => Promise.resolve({ Version: '29.6.0' }),
      df: () => Promise.resolve({ Volumes: null }),
      getContainer: () => ({
        inspect: () => Promise.resolve({ State: state, RestartCount: 0, HostConfig: { Memory: 0 } }),
        stats: () => Promise.resolve({ memory_stats: { usage: 1 } }),
      }),
    };
    const engine = { docker, address: 'unix:///x' } as unknown as Engine;
    const { services, volumes } = await lookAtStack(engine, 'prod', []);
    expect(services.map(({ name }) => name)).toEqual(['grafana', 'loki']);
    expect(volumes.map(({ name }) => name)).toEqual(['loki-config', 'loki-data']);
    expect(await runningServices(engine, 'prod')).toEqual(['loki']);
  });

  it('S9: names the line for what is on loopback, wherever the engine is, and none for what is public', () => {
    const local = 'unix:///var/run/docker.sock';
    const here = { user: 'anna', host: 'vps-1' };
    const both = [...seen.addresses, { name: 'cloudbeaver', address: '::1', port: 8978 }];
    const words = 'ssh -N -L 3000:127.0.0.1:3000 -L 8978:[::1]:8978';
    expect(tunnel(local, both, here)).toEqual(['', 'From another computer:', `  ${words} anna@vps-1`]);
    expect(tunnel(local, both, { ...here, port: '2222' }).at(-1)).toBe(`  ${words} -p 2222 anna@vps-1`);
    expect(tunnel('ssh://vps', both, here).slice(1)).toEqual(['From this machine:', `  ${words} vps`]);
    expect(tunnel('tcp://vps:2376', both, here).at(-1)).toBe(`  ${words} <user>@vps`);
    for (const engine of [local, 'ssh://vps'])
      expect(tunnel(engine, [{ address: '203.0.113.7', port: 3000 }], here)).toEqual([]);
    expect(statusLines({ ...seen, address: local }, now, here).at(-1)).toBe(
      '  ssh -N -L 3000:127.0.0.1:3000 anna@vps-1',
    );
  });

  it('S9: this machine is called as the person reached it, where ssh says so', () => {
    const connection = '198.51.100.4 50000 203.0.113.7';
    expect(thisHost({ SSH_CONNECTION: `${connection} 22`, SUDO_USER: 'anna' })).toEqual({
      user: 'anna',
      host: '203.0.113.7',
      port: undefined,
    });
    expect(thisHost({ SSH_CONNECTION: `${connection} 2222` }).port).toBe('2222');
    expect(thisHost({})).toMatchObject({ host: hostname(), port: undefined });
  });

  it('writes lengths of time for people', () => {
    expect([0, 59_000, 61_000, 3_700_000, 90_000_000].map(age)).toEqual([
      '0 s',
      '59 s',
      '1 min',
      '1 h 1 min',
      '1 d 1 h',
    ]);
  });
});

it('what is published is read from the settings', () => {
  const parse = (config: Record<string, string>) =>
    publishedPorts(
      parseSettings({ stack: 'local', config, secretKeys: new Set(), readFolder: () => undefined }),
    );
  expect(parse({})).toEqual([
    { setting: 'grafana.port', address: '127.0.0.1', port: 3000 },
    { setting: 'cloudbeaver.port', address: '127.0.0.1', port: 8978 },
  ]);
  expect(
    parse({
      prometheus: '{"publish":{"address":"127.0.0.1","port":29090}}',
      loki: '{"publish":{"address":"127.0.0.1"}}',
      grafana: '{"enabled":false}',
      cloudbeaver: '{"enabled":false}',
    }),
  ).toEqual([
    { setting: 'loki.publish.port', address: '127.0.0.1', port: 3100 },
    { setting: 'prometheus.publish.port', address: '127.0.0.1', port: 29090 },
  ]);
  expect(parse({ cloudbeaver: '{"enabled":false}' }).map(({ setting }) => setting)).toEqual(['grafana.port']);
});

it('the engine is read from a file with mistakes, and never guessed', () => {
  const folder = mkdtempSync(join(tmpdir(), 'taffrail-host-'));
  const file = join(folder, 'Pulumi.prod.yaml');
  const named = (text: string) => {
    writeFileSync(file, text);
    return hostNamed('prod', file);
  };
  expect(named('config:\n  taffrail:dockerHost: ssh://root@vps # ours\n  taffrail:lokki: {}\n')).toBe(
    'ssh://root@vps',
  );
  expect(named('config:\n  "taffrail:dockerhost": "ssh://root@vps"\n :: not yaml')).toBe('ssh://root@vps');
  expect(named('config:\n  taffrail:loki: {}\n')).toBeUndefined();
  expect(() => named('config:\n  taffrail:dockerHost: root@vps\n')).toThrow(
    /"root@vps".*\n.*config set -s prod/,
  );
  rmSync(folder, { recursive: true });
});

it('S9: the tunnel to an engine at an IPv6 address: ssh takes it without brackets', () => {
  expect(tunnel('ssh://root@[2001:db8::1]:2222', [{ address: '127.0.0.1', port: 3000 }]).at(-1)).toBe(
    '  ssh -N -L 3000:127.0.0.1:3000 -p 2222 root@2001:db8::1',
  );
});
