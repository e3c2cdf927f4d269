import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, test } from 'vitest';
import { type Ran, type Recorded, runProgram, stackConfig, types } from './harness.ts';
import { container, containers, services } from './look.ts';
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
      const names = ran.resources
        .filter((one) => one.type === type)
        .map(({ inputs }) => String(inputs['name']));
      expect(new Set(names).size, type).toBe(names.length);
      expect(names.filter((one) => !one.startsWith('taffrail-every-thing-'))).toEqual([]);
    }
  });

  test('containers are deleted before they are replaced: their names are taken', () => {
    const late = ran.resources.filter((one) => one.type === types.container && !one.deleteBeforeReplace);
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
  /** Whether one waits for the other, directly. */
  const waits = (name: string, other: string) =>
    container(ran, name).dependsOn.includes(container(ran, other).urn);
  const ending = (end: string) =>
    containers(ran)
      .filter(({ name }) => name.endsWith(end))
      .map(({ name }) => ({ name, program: name.slice(0, -end.length) }));

  test('files are judged before they are delivered, and delivered before the program runs', () => {
    const delivered = ending('-config-files');
    expect(delivered.length).toBeGreaterThan(6);
    for (const { name, program } of delivered) {
      expect(waits(program, name), program).toBe(true);
      if (ending('-config-check').some((check) => check.program === program))
        expect(waits(name, `${program}-config-check`), program).toBe(true);
    }
  });

  test('secrets are there before the program runs, and what runs is read back afterwards', () => {
    for (const { name, program } of ending('-secrets-files'))
      expect(waits(program, name), program).toBe(true);
    for (const { name, program } of [...ending('-reload'), ...ending('-restart')])
      expect(waits(name, program), program).toBe(true);
  });

  test('A2, S10: an App waits for its databases, an exporter for its role', () => {
    expect(waits('bot', 'postgres-password')).toBe(true);
    expect(waits('bot', 'redis')).toBe(true);
    expect(waits('worker', 'postgres-password')).toBe(false);
    expect(waits('postgres-exporter', 'postgres-role')).toBe(true);
    expect(waits('postgres-role', 'postgres-password')).toBe(true);
    expect(waits('redis-exporter-queue', 'redis-queue-role')).toBe(true);
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
  return JSON.parse(JSON.stringify(value), (key, inner: unknown) => {
    if (typeof inner === 'object' && inner !== null && 'secret' in inner) return '[secret]';
    if (key === 'content') return '[text]';
    if (typeof inner !== 'string') return inner;
    return inner.replaceAll(root, '<checkout>/').replace(/\b[0-9a-f]{12}\b/g, '<revision>');
  }) as object;
}
