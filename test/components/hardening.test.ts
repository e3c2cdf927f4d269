import { beforeAll, describe, expect, test } from 'vitest';
import { type Ran, runProgram, stackConfig, types } from './harness.ts';
import { type Container, containers, hostPaths, isJob, jobs, labelsOf, services } from './look.ts';
import { everything } from './stacks.ts';

/** Who runs as root, and why. Without capabilities root is little more than the owner of its own files. */
const roots: [RegExp, string][] = [
  [/-files$/, 'writes volumes, which the engine makes as root'],
  [/-role$/, 'removes staged secrets, which are root’s'],
  [/^postgres-password$/, 'removes staged secrets, which are root’s'],
  [/^cloudbeaver-workspace-owner$/, 'hands a volume over'],
  [/^socket-proxy$/, 'the Docker socket is root’s'],
  [
    /^promtail(-config-check|-reload)?$/,
    'the image has no folder that another user could write its positions to',
  ],
];

/** Who has a capability, and why. */
const capable: [RegExp, string, string][] = [
  [/-secrets-files$/, 'CAP_CHOWN', 'the consumer, not root, owns its secret'],
  [/^cloudbeaver-workspace-owner$/, 'CAP_CHOWN', 'hands a volume over'],
];

/** Who has no healthcheck, and why. */
const silent: [RegExp, string][] = [
  [/^promtail$/, 'no HTTP client in the image; promtail-reload shows that it answers'],
  [/^worker$/, 'an App without one'],
];

const excused = (list: readonly (readonly [RegExp, ...string[]])[], name: string): boolean =>
  list.some(([pattern]) => pattern.test(name));

describe('3.13: what every container has', () => {
  let ran: Ran;
  let all: Container[];
  beforeAll(async () => {
    ran = await runProgram(everything(), { stack: 'prod' });
    all = containers(ran);
  });
  const names = (list: Container[]) => list.map(({ name }) => name);

  test('all capabilities dropped, and none added without a reason', () => {
    expect(names(all.filter(({ inputs }) => String(inputs.capabilities.drops) !== 'ALL'))).toEqual([]);
    const added = all.flatMap(({ name, inputs }) =>
      inputs.capabilities.adds.map((one) => [name, one] as const),
    );
    expect(
      added.filter(([name, one]) => !capable.some(([who, what]) => who.test(name) && what === one)),
    ).toEqual([]);
    expect(
      capable.filter(([who, what]) => !added.some(([name, one]) => who.test(name) && what === one)),
    ).toEqual([]);
  });

  test('no new privileges, nothing of the host’s but what is mounted', () => {
    expect(
      names(all.filter(({ inputs }) => !inputs.securityOpts.includes('no-new-privileges:true'))),
    ).toEqual([]);
    const wide = [
      'privileged',
      'pidMode',
      'ipcMode',
      'devices',
      'usernsMode',
      'cgroupnsMode',
      'publishAllPorts',
    ];
    for (const { name, inputs } of all)
      expect(
        Object.keys(inputs).filter((key) => wide.includes(key)),
        name,
      ).toEqual([]);
    expect(names(all.filter(({ inputs }) => inputs.networkMode === 'host'))).toEqual([]);
    expect(names(all.filter(({ inputs }) => (inputs.groupAdds ?? []).length > 0))).toEqual([]);
  });

  test('a user who is not root, or a reason', () => {
    const asRoot = names(all.filter(({ inputs }) => !/^[1-9]\d*(:\d+)?$/.test(inputs.user ?? '')));
    expect(asRoot.filter((name) => !excused(roots, name))).toEqual([]);
    expect(roots.filter(([who]) => !asRoot.some((name) => who.test(name))).map(String)).toEqual([]);
  });

  test('a memory limit without swap, limits of files and processes', () => {
    for (const { name, inputs } of all) {
      expect(inputs.memory, name).toBeGreaterThanOrEqual(16);
      expect(inputs.memorySwap, name).toBe(inputs.memory);
      expect(inputs.ulimits.map((one) => one.name).sort(), name).toEqual(['nofile', 'nproc']);
    }
  });

  test('log rotation and an init', () => {
    for (const { name, inputs } of all) {
      expect(inputs, name).toMatchObject({ logDriver: 'json-file', init: true });
      expect(Object.keys(inputs.logOpts).sort(), name).toEqual(['max-file', 'max-size']);
    }
  });

  test('labels that compose understands, and the stack', () => {
    for (const one of all)
      expect(labelsOf(one), one.name).toMatchObject({
        'com.docker.compose.project': 'taffrail-prod',
        'com.docker.compose.service': one.name,
        'com.docker.compose.oneoff': isJob(one) ? 'True' : 'False',
        'dev.taffrail.stack': 'prod',
      });
  });

  test('an image by its id, so that a refresh changes nothing', () => {
    expect(names(all.filter(({ inputs }) => !inputs.image.startsWith('id-of-')))).toEqual([]);
  });

  test('services: a read-only root, folders in memory without programs, a restart policy, time to end', () => {
    for (const { name, inputs } of services(ran)) {
      expect(inputs, name).toMatchObject({ readOnly: true, restart: 'unless-stopped', mustRun: true });
      expect(inputs.stopTimeout, name).toBeGreaterThanOrEqual(10);
      expect(Object.keys(inputs.tmpfs ?? {}), name).toContain('/tmp');
      for (const options of Object.values(inputs.tmpfs ?? {}))
        expect(options, name).toMatch(/nosuid,nodev,noexec,size=\d+/);
      expect(inputs.uploads, name).toBeUndefined();
    }
  });

  test('services: a healthcheck in exec form that `up` waits for, or a reason', () => {
    const without = names(services(ran).filter(({ inputs }) => inputs.healthcheck === undefined));
    expect(without.filter((name) => !excused(silent, name))).toEqual([]);
    for (const { name, inputs } of services(ran).filter((one) => one.inputs.healthcheck)) {
      expect(inputs.healthcheck?.tests[0], name).toBe('CMD');
      expect(inputs.wait, name).toBe(true);
    }
  });

  test('jobs: run once, are waited for, are on no network but where they have to be', () => {
    for (const { name, inputs } of jobs(ran)) {
      expect(inputs, name).toMatchObject({ mustRun: false, attach: true, restart: 'no' });
      if (/-role$/.test(name)) continue;
      expect(inputs.networkMode, name).toMatch(/^(none|container:id-of-[a-z-]+)$/);
      expect(inputs.networksAdvanced ?? [], name).toEqual([]);
    }
  });

  test('what may write to its root file system says so', async () => {
    const yaml = `config: {taffrail:apps: {a: {image: 'x:1', writableRoot: true}}}`;
    const app = services(await runProgram(stackConfig(yaml))).find(({ name }) => name === 'a');
    expect(app?.inputs.readOnly).toBe(false);
  });
});

describe('3.15: the Docker socket', () => {
  const holders = (ran: Ran, path: string) =>
    containers(ran).filter((one) => hostPaths(one).some((it) => it.path === path));

  test.each([
    ['this machine’s', '', '/var/run/docker.sock'],
    ['a named one', `config: {taffrail:dockerHost: 'unix:///run/user/docker.sock'}`, '/run/user/docker.sock'],
  ])('is mounted by one container only: %s', async (_, yaml, socket) => {
    const ran = await runProgram(stackConfig(yaml));
    expect(holders(ran, socket).map(({ name }) => name)).toEqual(['socket-proxy']);
  });

  test('so is containerd’s, which is as powerful', async () => {
    const ran = await runProgram(everything());
    const close = containers(ran).filter((one) =>
      hostPaths(one).some(({ path }) => /^\/(var\/)?run\/containerd/.test(path)),
    );
    expect(close.map(({ name }) => name)).toEqual(['socket-proxy']);
  });

  test('is in no folder that somebody else mounts who could open it', async () => {
    const ran = await runProgram(everything());
    const above = containers(ran).filter((one) =>
      hostPaths(one).some(({ path }) => ['/', '/run', '/var', '/var/run'].includes(path)),
    );
    // node_exporter needs the host's root for the free space of its disks; the socket is root's and its group's.
    expect(above.map(({ name }) => name)).toEqual(['node-exporter']);
    for (const one of above) {
      expect(hostPaths(one).filter(({ readOnly }) => !readOnly)).toEqual([]);
      expect(one.inputs.user).toBe('65534:65534');
      expect(one.inputs.groupAdds ?? []).toEqual([]);
    }
  });
});

describe('3.13: volumes', () => {
  const guarded = async (production: boolean) => {
    const { config, ...rest } = everything();
    const ran = await runProgram({ ...rest, config: { ...config, production: String(production) } });
    return ran.resources.filter(({ protect }) => protect);
  };

  test('of production with data are protected, and nothing else is', async () => {
    const found = await guarded(true);
    expect(found.map(({ type }) => type).filter((type) => type !== types.volume)).toEqual([]);
    expect(found.map(({ name }) => name).sort()).toEqual([
      'cloudbeaver-workspace',
      'grafana-data',
      'loki-data',
      'postgres-data',
      'prometheus-data',
      'promtail-positions',
      'redis-data',
    ]);
  });

  test('of other stacks are not', async () => {
    expect(await guarded(false)).toEqual([]);
  });
});
