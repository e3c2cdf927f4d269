import { expect, test } from 'vitest';
import { jobs, services } from './look.ts';
import { type Ran, runProgram, types } from './harness.ts';
import { everything } from './stacks.ts';

/** What has a name on the host, also while a job runs. What has none gets one from Pulumi, which makes it unique. */
const named = (ran: Ran): string[] => [
  ...ran.resources
    .filter(({ type }) => [types.container, types.network, types.volume].includes(type as never))
    .flatMap(({ type, inputs }) => (typeof inputs['name'] === 'string' ? [`${type} ${inputs['name']}`] : [])),
  ...jobs(ran).map(({ told }) => `${types.container} ${told.job.project}-${told.job.name}`),
];

const ports = (ran: Ran): string[] =>
  services(ran).flatMap(({ inputs }) =>
    (inputs.ports ?? []).map(({ ip, external }) => `${ip}:${String(external)}`),
  );

const shared = (one: string[], other: string[]): string[] => one.filter((name) => other.includes(name));

test('3.18: two stacks on one host share no container, volume, network or port', async () => {
  const one = await runProgram(everything(), { stack: 'one' });
  const otherPorts = (yaml: string) =>
    yaml
      .replace('taffrail:grafana:', 'taffrail:grafana:\n    port: 3001')
      .replace('taffrail:cloudbeaver: {', 'taffrail:cloudbeaver: { port: 8979,');
  const two = await runProgram(everything(undefined, otherPorts), { stack: 'two' });
  expect(named(one).length).toBeGreaterThan(50);
  expect(shared(named(one), named(two))).toEqual([]);
  expect(ports(one)).toHaveLength(2);
  expect(shared(ports(one), ports(two))).toEqual([]);
  // The same stack twice shares everything: the comparison can fail.
  expect(shared(named(one), named(one))).toHaveLength(named(one).length);
});

test('3.18: two stacks with the same images each have them, and neither deletes them', async () => {
  const { resources } = await runProgram(everything(), { stack: 'one' });
  const images = resources.filter(({ type }) => type === types.image);
  const deleted = images.filter(({ inputs }) => inputs['keepLocally'] !== true);
  // Built for this stack alone, under its name.
  expect(deleted.map(({ name, inputs }) => [name, String(inputs['name']).split(':')[0]])).toEqual([
    ['worker-image', 'taffrail-one-worker'],
  ]);
});
