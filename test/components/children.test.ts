import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, test } from 'vitest';
import { type Ran, type Recorded, runProgram, stackConfig, types } from './harness.ts';
import { container, job, jobs, running, services } from './look.ts';
import { defaults, everything, systemA } from './stacks.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

describe.each([
  ['3.12, 3.21: the default stack', 'default', defaults],
  ['A1, A2, 3.21: system A', 'system-a', systemA],
])('%s', (_, name, config) => {
  test('has exactly these children with these inputs', async () => {
    const ran = await runProgram(config(), { stack: name });
    await expect(golden(ran)).toMatchFileSnapshot(`golden/${name}.yml`);
  });
});

test('3.1: the default stack has no more resources than it needs', async () => {
  const custom = (await runProgram(defaults())).resources.filter((one) => one.custom);
  const kinds = [...new Set(custom.map(({ type }) => type))].sort();
  expect(
    Object.fromEntries(kinds.map((kind) => [kind, custom.filter(({ type }) => type === kind).length])),
  ).toEqual({
    'command:local:Command': 15,
    'docker:index/container:Container': 9,
    'docker:index/network:Network': 5,
    'docker:index/remoteImage:RemoteImage': 10,
    'docker:index/volume:Volume': 14,
    'pulumi:providers:docker': 1,
    'random:index/randomId:RandomId': 1,
    'random:index/randomPassword:RandomPassword': 5,
  });
  // Each one costs every preview.
  expect(custom.length).toBeLessThanOrEqual(62);
});

describe('3.13, 3.21: names and parents', () => {
  let ran: Ran;
  let byUrn: Map<string, Recorded>;
  beforeAll(async () => {
    ran = await runProgram(everything(), { stack: 'every-thing' });
    byUrn = new Map(ran.resources.map((resource) => [resource.urn, resource]));
  });

  test("a child's name starts with its parent's", () => {
    const strangers = ran.resources.filter(({ name, parent }) => {
      const above = byUrn.get(parent);
      return above !== undefined && name !== above.name && !name.startsWith(`${above.name}-`);
    });
    expect(strangers.map(({ name, parent }) => [name, byUrn.get(parent)?.name])).toEqual([]);
  });

  test('whatever is made on the host has a component above it, but for shared images', () => {
    const orphans = ran.resources.filter(
      ({ custom, parent, type }) => custom && !byUrn.has(parent) && !type.startsWith('pulumi:providers:'),
    );
    // `owner` is on no host: it is a number in the state.
    const onHost = orphans.filter(({ type }) => type.startsWith('docker:'));
    expect(onHost.filter(({ name }) => !name.startsWith('image-')).map(({ name }) => name)).toEqual([]);
  });

  test('everything on the host is made by the provider of that host', () => {
    const docker = ran.resources.filter(({ type }) => type.startsWith('docker:'));
    expect(docker.filter(({ provider }) => provider !== 'host').map(({ name }) => name)).toEqual([]);
  });

  test('no two resources are one to Pulumi', () => {
    expect(ran.resources.length - byUrn.size).toBe(0);
  });

  test('no two things of a kind have one name on the host, and each name tells its stack', () => {
    for (const type of [types.container, types.volume, types.network]) {
      // A volume without a name gets one from Pulumi, which makes it unique.
      const names = ran.resources
        .filter((one) => one.type === type)
        .flatMap(({ inputs }) => (typeof inputs['name'] === 'string' ? [inputs['name']] : []));
      expect(names.length, type).toBeGreaterThan(4);
      expect(new Set(names).size, type).toBe(names.length);
      expect(names.filter((one) => !one.startsWith('taffrail-every-thing-'))).toEqual([]);
    }
  });

  test('Pulumi names exactly the volumes that the next `up` can fill again', () => {
    const unnamed = ran.resources.filter(
      ({ type, inputs }) => type === types.volume && inputs['name'] === undefined,
    );
    const delivered = jobs(ran).flatMap(({ triggers }) => triggers.volumes ?? []);
    const refilled = [...delivered.filter((name) => name.endsWith('-1a2b3c4'))]
      // haproxy makes its filtered socket anew at every start.
      .concat('socket-proxy-filtered-1a2b3c4')
      .sort();
    expect(unnamed.map(({ name }) => `${name}-1a2b3c4`).sort()).toEqual(refilled);
  });

  test('a job and its container stand directly below the component of their program', () => {
    for (const { name, type, parent } of ran.resources)
      if (type === types.container || type === types.command)
        expect(byUrn.get(parent)?.type, name).toMatch(/^taffrail:index:/);
    expect(
      services(ran)
        .filter(({ name, parent }) => byUrn.get(parent)?.name !== name)
        .map(({ name }) => name),
    ).toEqual([]);
  });

  test('containers are deleted before they are replaced, because their names are taken; jobs, to run again', () => {
    const late = ran.resources.filter(
      (one) => [types.container, types.command].includes(one.type as never) && !one.deleteBeforeReplace,
    );
    expect(late.map(({ name }) => name)).toEqual([]);
  });
});

test.each(['prod', 'staging'])('3.19: Pulumi.%s.yaml makes a whole stack', async (stack) => {
  const yaml = readFileSync(`${root}/Pulumi.${stack}.yaml`, 'utf8');
  const ran = await runProgram(stackConfig(yaml), { stack });
  const names = services(ran).map(({ name }) => name);
  for (const name of ['bot', 'postgres', 'loki', 'promtail', 'prometheus', 'grafana', 'cloudbeaver'])
    expect(names).toContain(name);
  expect(ran.resources.some(({ protect }) => protect)).toBe(stack === 'prod');
});

describe('3.14: the order of things', () => {
  let ran: Ran;
  beforeAll(async () => {
    ran = await runProgram(everything());
  });
  const one = (name: string): { urn: string; dependsOn: string[] } =>
    jobs(ran).find((found) => found.name === name) ?? container(ran, name);
  /** Whether one waits for the other, directly. */
  const waits = (name: string, other: string) => one(name).dependsOn.includes(one(other).urn);

  test('3.17: files and secrets are delivered before the program runs', () => {
    const deliveries = running(ran, 'files');
    expect(deliveries.length).toBeGreaterThan(13);
    for (const { name } of deliveries) expect(waits(name.replace(/-files$/, ''), name), name).toBe(true);
  });

  test('what needs files is a program with a delivery, and every delivery has a program that mounts it', () => {
    for (const { name, triggers } of running(ran, 'files')) {
      const mounted = container(ran, name.replace(/-files$/, '')).inputs.volumes?.map(
        ({ volumeName }) => volumeName,
      );
      expect(triggers.volumes?.length, name).toBeGreaterThan(0);
      for (const volume of triggers.volumes ?? []) expect(mounted, name).toContain(volume);
    }
  });

  test('what runs is asked after it has started and has its files', () => {
    const applied = running(ran, 'apply');
    expect(applied.length).toBeGreaterThan(7);
    for (const { name, told, triggers } of applied) {
      const program = name.replace(/-(reload|restart|proof)$/, '');
      expect(told.service.container, name).toBe(`id-of-${program}`);
      expect(triggers.container, name).toBe(`id-of-${program}`);
      expect(waits(name, program), name).toBe(true);
      const files = jobs(ran).find((job) => job.name === `${program}-files`);
      expect(triggers.files, name).toBe(files && `id-of-${program}-files`);
      if (files) expect(waits(name, files.name), name).toBe(true);
    }
  });

  test('a program that reads its files at its start only is replaced when they change, and never just restarted', () => {
    for (const { name } of running(ran, 'apply')) {
      const { inputs } = container(ran, name.replace(/-\w+$/, ''));
      const revision = inputs.labels.find(({ label }) => label === 'dev.taffrail.revision')?.value;
      if (name.endsWith('-restart')) expect(revision, name).toMatch(/^[0-9a-f]{12}$/);
      // Grafana's grafana.ini is read at its start, all else is reloaded.
      else if (name !== 'grafana-reload') expect(revision, name).toBeUndefined();
    }
  });

  test('A2, S10: an App waits for its databases, an exporter for its role', () => {
    expect(waits('bot', 'postgres-password')).toBe(true);
    expect(waits('bot', 'redis')).toBe(true);
    expect(waits('worker', 'postgres-password')).toBe(false);
    expect(waits('postgres-exporter', 'postgres-role')).toBe(true);
    expect(waits('postgres-role', 'postgres-password')).toBe(true);
    expect(waits('postgres-password', 'postgres')).toBe(true);
    expect(waits('redis-role', 'redis')).toBe(true);
    expect(waits('redis-exporter-queue', 'redis-queue-role')).toBe(true);
    expect(waits('cloudbeaver', 'postgres-password')).toBe(true);
  });

  test('S10: a new database gets its password and its roles again', () => {
    expect(job(ran, 'postgres-password').triggers.after).toEqual(['id-of-postgres']);
    expect(job(ran, 'postgres-role').triggers.after).toEqual(['id-of-postgres-password']);
    expect(job(ran, 'redis-role').triggers.after).toEqual(['id-of-redis']);
  });
});

/** One entry a resource, sorted; what has tests of its own (contents, revisions) or is this machine's is left out. */
function golden({ resources }: Ran): string {
  const names = new Map(resources.map(({ urn, name, type }) => [urn, `${kind(type)} ${name}`]));
  const entries = resources.map((one): [string, Record<string, unknown>] => [
    `${kind(one.type)} ${one.name}`,
    {
      ...(names.has(one.parent) && { in: names.get(one.parent) }),
      ...(one.protect && { protect: true }),
      ...(Object.keys(one.timeouts).length > 0 && { timeouts: one.timeouts }),
      ...masked(one.inputs),
    },
  ]);
  return entries
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, inputs]) =>
      [
        `${name}:`,
        ...Object.entries(inputs).map(([key, value]) => `  ${key}: ${JSON.stringify(value)}`),
      ].join('\n'),
    )
    .join('\n')
    .concat('\n');
}

const kind = (type: string): string => type.split(':').at(-1) ?? '';

function masked(value: unknown): object {
  return JSON.parse(JSON.stringify(value), (_, inner: unknown) => {
    if (typeof inner === 'object' && inner !== null && 'secret' in inner) return '[secret]';
    if (typeof inner !== 'string') return inner;
    return inner.replaceAll(root, '<checkout>/').replace(/\b[0-9a-f]{12}\b/g, '<digest>');
  }) as object;
}
