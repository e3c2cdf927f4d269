import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type EngineFacts, type Facts, rootShared } from '../../commands/lib/facts.ts';
import { atLeast, findingLines, judge, size } from '../../commands/lib/judge.ts';

const GiB = 2 ** 30;
const engine: EngineFacts = {
  version: '29.6.0',
  apiVersion: '1.52',
  os: 'linux',
  platform: 'Debian GNU/Linux 13',
  kernel: '6.12',
  storageDriver: 'overlayfs',
  cgroupVersion: '2',
  rootless: false,
  podman: false,
  desktop: false,
  proxied: false,
  memory: 4 * GiB,
  cpus: 2,
  clockSkew: 0.2,
};
const well: Facts = {
  stack: 'prod',
  address: 'unix:///var/run/docker.sock',
  rig: false,
  socket: { path: '/var/run/docker.sock', exists: true, writable: true, user: 'anna' },
  engine,
  ports: [{ setting: 'grafana.port', address: '127.0.0.1', port: 3000 }],
  networks: [{ name: 'shop_default', exists: true }],
  names: [{ name: 'registry-1.docker.io' }],
  disk: { path: '/var/lib/docker', free: 40 * GiB, total: 80 * GiB },
  wantedMemory: 2 * GiB,
};
const withEngine = (changed: Partial<EngineFacts>): Facts => ({ ...well, engine: { ...engine, ...changed } });
const silent = (changed: Partial<Facts>): Facts => ({
  ...well,
  engine: undefined,
  silent: 'connect ECONNREFUSED',
  ...changed,
});

/** The findings that are neither fine nor a note. */
const bad = (facts: Facts) => judge(facts).filter(({ level }) => level === 'warn' || level === 'fail');

describe('the doctor', () => {
  it('has nothing to say of a good host', () => {
    expect(bad(well)).toEqual([]);
    expect(judge(well).map(({ check }) => check)).toEqual([
      'kind',
      'version',
      'storage',
      'cgroups',
      'ports',
      'networks',
      'names',
      'disk',
      'memory',
      'clock',
    ]);
  });

  const cases: [what: string, facts: Facts, level: string, words: RegExp, type: RegExp][] = [
    [
      'no Docker',
      silent({ socket: { path: '/var/run/docker.sock', exists: false, writable: false, user: 'anna' } }),
      'fail',
      /no socket at \/var\/run\/docker\.sock/,
      /systemctl start docker/,
    ],
    [
      'no right to the socket',
      silent({ socket: { path: '/var/run/docker.sock', exists: true, writable: false, user: 'anna' } }),
      'fail',
      /user anna may not use/,
      /usermod -aG docker anna/,
    ],
    [
      'a socket nobody listens on',
      silent({}),
      'fail',
      /does not answer: connect ECONNREFUSED/,
      /systemctl restart docker/,
    ],
    [
      'a silent remote host',
      silent({ address: 'ssh://root@vps', socket: undefined, silent: 'ssh: Connection timed out' }),
      'fail',
      /ssh:\/\/root@vps does not answer: ssh: Connection timed out/,
      /^ssh root@vps docker version /,
    ],
    [
      'a remote host that takes no key of ours',
      silent({
        address: 'ssh://root@vps:2222',
        socket: undefined,
        silent:
          "(HTTP code 502) unexpected - Warning: Permanently added 'vps'.\r\nroot@vps: Permission denied (publickey).\r\n",
      }),
      'fail',
      /does not answer: root@vps: Permission denied \(publickey\)\.$/,
      /^ssh-copy-id -p 2222 root@vps /,
    ],
    [
      'a remote host whose key nobody knows',
      silent({ address: 'ssh://vps', socket: undefined, silent: 'Host key verification failed.\r\n' }),
      'fail',
      /does not answer: Host key verification failed\.$/,
      /^ssh vps true /,
    ],
    [
      'a remote host with another key, under the name of the ssh configuration',
      silent({
        address: 'ssh://vps',
        socket: undefined,
        silent:
          '@@@@@@@\r\n@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @\r\n@@@@@@@\r\nIT IS POSSIBLE THAT SOMEONE IS DOING SOMETHING NASTY!\r\nHost key for 10.0.0.7 has changed and you have requested strict checking.\r\nHost key verification failed.\r\n',
      }),
      'fail',
      /does not answer: Host key for 10\.0\.0\.7 has changed/,
      /^ssh-keygen -R 10\.0\.0\.7 && ssh vps true /,
    ],
    ["the rig's engine silent", silent({ rig: true }), 'fail', /rig's engine does not answer/, /npm run rig/],
    [
      'an engine below Docker 25',
      withEngine({ version: '20.10.24', apiVersion: '1.41' }),
      'fail',
      /20\.10\.24 \(API 1\.41\) is too old: wanted is Docker 25 \(API 1\.44\)/,
      /docker/,
    ],
    ['Windows containers', withEngine({ os: 'windows' }), 'fail', /windows containers/, /context/],
    ['Podman', withEngine({ podman: true }), 'fail', /Podman.*not supported/, /DOCKER_HOST/],
    [
      'rootless Docker',
      withEngine({ rootless: true }),
      'warn',
      /Rootless/,
      /config set -s prod taffrail:dockerHost unix:\/\/\/var\/run\/docker\.sock/,
    ],
    ['a slow storage driver', withEngine({ storageDriver: 'vfs' }), 'warn', /vfs/, /overlay2/],
    ['cgroups v1', withEngine({ cgroupVersion: '1' }), 'warn', /cgroups v1/, /unified_cgroup_hierarchy/],
    ['a clock a little off', withEngine({ clockSkew: -30 }), 'warn', /30 s behind/, /set-ntp/],
    ['a clock far off', withEngine({ clockSkew: 600 }), 'fail', /600 s ahead of/, /set-ntp/],
    [
      'a port taken',
      {
        ...well,
        ports: [{ setting: 'grafana.port', address: '127.0.0.1', port: 3000, holder: 'process 7 (node x)' }],
      },
      'fail',
      /port 3000 of 127\.0\.0\.1.*taken by process 7 \(node x\)/,
      /config set -s prod --path taffrail:grafana\.port 3001/,
    ],
    [
      'an address that the host does not have',
      {
        ...well,
        ports: [
          {
            setting: 'grafana.port',
            address: '10.8.0.1',
            port: 3000,
            addresses: ['127.0.0.1', '203.0.113.7'],
          },
        ],
      },
      'fail',
      /no address 10\.8\.0\.1, which grafana\.address publishes on\. It has: 127\.0\.0\.1, 203\.0\.113\.7\./,
      /config set -s prod --path taffrail:grafana\.address 127\.0\.0\.1 /,
    ],
    [
      'an address of Prometheus that the host does not have',
      {
        ...well,
        ports: [
          { setting: 'prometheus.publish.port', address: '10.8.0.1', port: 9090, addresses: ['127.0.0.1'] },
        ],
      },
      'fail',
      /10\.8\.0\.1, which prometheus\.publish\.address publishes on/,
      /--path taffrail:prometheus\.publish\.address 127\.0\.0\.1 /,
    ],
    [
      'a network that is not there',
      { ...well, networks: [{ name: 'shop_default', exists: false }] },
      'fail',
      /no network shop_default on the engine/,
      /docker network create shop_default/,
    ],
    [
      'a name that somebody else has on a network (S3)',
      {
        ...well,
        networks: [
          {
            name: 'shop_default',
            exists: true,
            taken: [
              { alias: 'metrics', setting: 'networks[0].alias', holder: 'taffrail-staging-prometheus' },
            ],
          },
        ],
      },
      'fail',
      /On the network shop_default the container taffrail-staging-prometheus is called metrics already/,
      /config set -s prod --path 'taffrail:networks\[0\]\.alias' metrics-prod/,
    ],
    [
      'a name that does not resolve',
      { ...well, names: [{ name: 'ghcr.io', error: 'ENOTFOUND' }] },
      'fail',
      /ghcr\.io does not resolve/,
      /getent hosts ghcr\.io .*config set -s prod taffrail:registryMirror/,
    ],
    [
      'a small disk',
      { ...well, disk: { path: '/var/lib/docker', free: 4 * GiB, total: 80 * GiB } },
      'warn',
      /4\.0 GiB free of 80\.0 GiB/,
      /prune/,
    ],
    [
      'a disk nearly full',
      { ...well, disk: { path: '/var/lib/docker', free: GiB, total: 80 * GiB } },
      'fail',
      /nearly full: 1\.0 GiB free/,
      /prune/,
    ],
    [
      'a root that is not shared',
      { ...well, rootShared: false },
      'warn',
      /not a shared mount/,
      /mount --make-rshared \//,
    ],
    [
      'a port of Prometheus taken',
      {
        ...well,
        ports: [
          { setting: 'prometheus.publish.port', address: '10.0.0.1', port: 9090, holder: 'process 7 (x)' },
        ],
      },
      'fail',
      /port 9090 of 10\.0\.0\.1, wanted by prometheus\.publish\.port/,
      /--path taffrail:prometheus\.publish\.port 9091/,
    ],
    [
      'too little memory',
      { ...well, wantedMemory: 5 * GiB },
      'warn',
      /4\.0 GiB on the host, limits of the stack together 5\.0 GiB/,
      /config set -s prod --path taffrail:cloudbeaver\.enabled false/,
    ],
  ];
  it.each(cases)('says of %s what is wrong and what to type', (_, facts, level, words, type) => {
    const [first, ...more] = bad(facts);
    expect(more).toEqual([]);
    expect(first?.level).toBe(level);
    expect(first?.words).toMatch(words);
    expect(first?.type).toMatch(type);
  });

  it('says on Docker Desktop whose figures are seen, and of a hidden disk that it is not seen', () => {
    const findings = judge({ ...withEngine({ desktop: true }), disk: undefined });
    expect(findings.find(({ check }) => check === 'kind')?.words).toMatch(/virtual machine/);
    expect(findings.find(({ check }) => check === 'disk')?.level).toBe('note');
  });

  it('does not ask the rig, or an engine behind a proxy, for names', () => {
    const names = [{ name: 'ghcr.io', error: 'ENOTFOUND' }];
    expect(bad({ ...well, names, rig: true })).toEqual([]);
    expect(bad({ ...withEngine({ proxied: true }), names })).toEqual([]);
  });

  it('sees whether mounts of the host propagate', () => {
    const folder = mkdtempSync(join(tmpdir(), 'taffrail-mounts-'));
    const file = join(folder, 'mountinfo');
    const of = (optional: string) => {
      writeFileSync(
        file,
        `21 1 8:1 / / rw,relatime${optional} - ext4 /dev/sda1 rw\n22 21 0:5 / /proc rw shared:5 - proc proc rw\n`,
      );
      return rootShared(file);
    };
    expect([of(' shared:1'), of(' shared:2 master:1'), of(' master:3'), of('')]).toEqual([
      true,
      true,
      true,
      false,
    ]);
    expect(rootShared(join(folder, 'none'))).toBeUndefined();
    rmSync(folder, { recursive: true });
  });

  it('compares versions by number', () => {
    expect([
      atLeast('1.44', '1.44'),
      atLeast('1.9', '1.44'),
      atLeast('2.0', '1.44'),
      atLeast('1.52', '1.44'),
    ]).toEqual([true, false, true, true]);
  });

  it('writes sizes and lines for people', () => {
    expect([0, 512, 64 * 2 ** 20, 1.5 * GiB, 252 * GiB].map(size)).toEqual([
      '0 B',
      '512 B',
      '64.0 MiB',
      '1.5 GiB',
      '252 GiB',
    ]);
    expect(findingLines([{ check: 'disk', level: 'fail', words: 'full', type: 'df' }])).toEqual([
      'FAIL  disk     full',
      '      type:    df',
    ]);
  });
});
