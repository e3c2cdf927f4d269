import { beforeAll, describe, expect, test } from 'vitest';
import { type Ran, runProgram, stackConfig, types } from './harness.ts';
import { type Container, hostPaths, labelsOf, running, services } from './look.ts';
import { everything } from './stacks.ts';

/** Who runs as root, and why. Without capabilities root is little more than the owner of its own files. */
const roots: Record<string, string> = {
  'socket-proxy': 'the Docker socket is root’s',
  promtail: 'the image has no folder that another user could write its positions to',
};

/** Who has no health check, and why. */
const silent: Record<string, string> = {
  promtail: 'no HTTP client in the image; promtail-reload shows that it answers',
  worker: 'an App without one',
};

/** Who may take longer than a minute to start, and why. */
const slow: Record<string, string> = {
  grafana: 'its first start migrates a database',
  cloudbeaver: 'Java, on a small and busy host',
};

describe('3.13: what every container has', () => {
  let ran: Ran;
  let all: Container[];
  beforeAll(async () => {
    ran = await runProgram(everything(), { stack: 'prod' });
    all = services(ran);
  });
  const names = (list: Container[]) => list.map(({ name }) => name);

  test('all capabilities dropped, and none added', () => {
    expect(all.length).toBeGreaterThan(17);
    for (const { name, inputs } of all)
      expect(inputs.capabilities, name).toEqual({ drops: ['ALL'], adds: [] });
  });

  test('no new privileges, nothing of the host’s but what is mounted', () => {
    for (const { name, inputs } of all) expect(inputs.securityOpts, name).toEqual(['no-new-privileges=true']);
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
    expect(asRoot.sort()).toEqual(Object.keys(roots).sort());
  });

  test('files and secrets belong to the user who reads them, and nothing is delivered as root', () => {
    for (const { name, told } of running(ran, 'files')) {
      const program = name.replace(/-files$/, '');
      const user = all.find((one) => one.name === program)?.inputs.user;
      // The filter's file is for haproxy's own user; root may read it without being its owner.
      const owner = program === 'socket-proxy' ? '99:99' : user;
      expect(told.owner, name).toBe(owner);
      if (program !== 'promtail') expect(told.owner, name).not.toMatch(/^0(:|$)/);
      if (told.check) expect(told.check.user, name).toBe(owner);
    }
  });

  test('a memory limit without swap, limits of files and processes', () => {
    for (const { name, inputs } of all) {
      expect(inputs.memory, name).toBeGreaterThanOrEqual(16);
      expect(inputs.memorySwap, name).toBe(inputs.memory);
      expect(inputs.ulimits.map((one) => one.name).sort(), name).toEqual(['nofile', 'nproc']);
    }
  });

  test('half the share of the processor that an App has', () => {
    const shares = Object.fromEntries(all.map(({ name, inputs }) => [name, inputs.cpuShares]));
    const { bot, worker, ...ours } = shares;
    expect([bot, worker]).toEqual([1024, 1024]);
    expect(new Set(Object.values(ours))).toEqual(new Set([512]));
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
        'com.docker.compose.oneoff': 'False',
        'dev.taffrail.owner': '0123456789abcdef',
        'dev.taffrail.stack': 'prod',
      });
  });

  test('an image by its id, so that a refresh changes nothing', () => {
    expect(names(all.filter(({ inputs }) => !inputs.image.startsWith('id-of-')))).toEqual([]);
  });

  test('a read-only root, folders in memory without programs, a restart policy, time to end', () => {
    for (const { name, inputs } of all) {
      expect(inputs, name).toMatchObject({ readOnly: true, restart: 'unless-stopped', mustRun: true });
      expect(inputs.stopTimeout, name).toBeGreaterThanOrEqual(10);
      expect(Object.keys(inputs.tmpfs ?? {}), name).toContain('/tmp');
      for (const options of Object.values(inputs.tmpfs ?? {}))
        expect(options, name).toMatch(/nosuid,nodev,noexec,size=\d+/);
      // What is uploaded would be in the container's own file system, and its content among the inputs.
      expect(inputs, name).not.toHaveProperty('uploads');
    }
  });

  test('a health check in exec form, or a reason', () => {
    const without = names(all.filter(({ inputs }) => inputs.healthcheck === undefined));
    expect(without.sort()).toEqual(Object.keys(silent).sort());
    for (const { name, inputs } of all.filter((one) => one.inputs.healthcheck)) {
      expect(inputs.healthcheck?.tests[0], name).toBe('CMD');
      expect(inputs.healthcheck?.tests.length, name).toBeGreaterThan(1);
    }
  });

  test('time to start, as the engine spells it', () => {
    for (const { name, inputs } of all.filter((one) => one.inputs.healthcheck))
      expect(inputs.healthcheck?.startPeriod, name).toBe(name in slow ? '4m0s' : '1m0s');
  });

  test('3.14: `up` waits for the health check only where no job finds out whether the program is ready', () => {
    const asked = [...running(ran, 'apply'), ...running(ran, 'database')].flatMap(({ told }) =>
      'service' in told
        ? [told.service.container]
        : String(told.network).startsWith('container:')
          ? [String(told.network).slice('container:'.length)]
          : [],
    );
    const waited = names(all.filter(({ inputs }) => inputs.wait === true));
    const expected = all.filter(({ name, inputs }) => inputs.healthcheck && !asked.includes(`id-of-${name}`));
    expect(waited).toEqual(names(expected));
    expect([...waited].sort()).toEqual(
      [
        'bot',
        'node-exporter',
        'postgres-exporter',
        'postgres-exporter-books',
        'postgres-exporter-shop',
      ].concat(['redis', 'redis-exporter', 'redis-exporter-queue']),
    );
    for (const { name, inputs } of expected) expect(inputs.waitTimeout, name).toBe(120);
  });

  test('every container without a health check that is waited for is asked by a job, but for an App', () => {
    const asked = running(ran, 'apply').map(({ told }) => told.service.container);
    const unproved = all.filter(
      ({ name, inputs }) => inputs.healthcheck === undefined && !asked.includes(`id-of-${name}`),
    );
    expect(names(unproved)).toEqual(['worker']);
  });

  test('what may write to its root file system says so', async () => {
    const yaml = `config: {taffrail:apps: {a: {image: 'x:1', writableRoot: true}}}`;
    const app = services(await runProgram(stackConfig(yaml))).find(({ name }) => name === 'a');
    expect(app?.inputs.readOnly).toBe(false);
  });
});

describe('3.15: the Docker socket', () => {
  const holders = (ran: Ran, path: string) =>
    services(ran).filter((one) => hostPaths(one).some((it) => it.path === path));

  test.each([
    ['this machine’s', '', '/var/run/docker.sock'],
    ['a named one', `config: {taffrail:dockerHost: 'unix:///run/user/docker.sock'}`, '/run/user/docker.sock'],
  ])('is mounted by one container only: %s', async (_, yaml, socket) => {
    const ran = await runProgram(stackConfig(yaml));
    expect(holders(ran, socket).map(({ name }) => name)).toEqual(['socket-proxy']);
  });

  test('so is containerd’s, which is as powerful', async () => {
    const ran = await runProgram(everything());
    const close = services(ran).filter((one) =>
      hostPaths(one).some(({ path }) => /^\/(var\/)?run\/containerd/.test(path)),
    );
    expect(close.map(({ name }) => name)).toEqual(['socket-proxy']);
  });

  test('is in no folder that somebody else mounts who could open it', async () => {
    const ran = await runProgram(everything());
    const above = services(ran).filter((one) =>
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
