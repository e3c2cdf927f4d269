import { beforeAll, describe, expect, test } from 'vitest';
import { type Ran, runProgram, stackConfig, types } from './harness.ts';
import { container, delivered, job, networksOf, running, services } from './look.ts';
import { everything } from './stacks.ts';

const published = (ran: Ran) =>
  services(ran).flatMap(({ name, inputs }) =>
    (inputs.ports ?? []).map(({ ip, external, internal }) => [name, ip, external, internal]),
  );

describe('3.15: networks', () => {
  let ran: Ran;
  beforeAll(async () => {
    ran = await runProgram(everything());
  });
  const on = (network: string) =>
    services(ran)
      .filter((one) => networksOf(one).includes(network))
      .map(({ name }) => name)
      .sort();

  test('those that need nothing outside reach nothing outside', () => {
    const networks = ran.resources.filter(({ type }) => type === types.network);
    expect(Object.fromEntries(networks.map(({ name, inputs }) => [name, inputs['internal']]))).toEqual({
      'networks-stores': true,
      'networks-socket': true,
      'networks-databases': true,
      'networks-apps': false,
      'networks-front': false,
    });
  });

  test('who is on which', () => {
    expect(on('stores')).toEqual(
      [
        ...['blackbox-exporter', 'cadvisor', 'grafana', 'loki', 'node-exporter', 'prometheus', 'promtail'],
        ...['postgres-exporter', 'postgres-exporter-books', 'postgres-exporter-shop'],
        ...['redis-exporter', 'redis-exporter-queue'],
      ].sort(),
    );
    expect(on('socket')).toEqual(['cadvisor', 'promtail', 'socket-proxy']);
    expect(on('databases')).toEqual([
      'cloudbeaver',
      'postgres',
      'postgres-exporter',
      'redis',
      'redis-exporter',
    ]);
    expect(on('apps')).toEqual(
      [
        'blackbox-exporter',
        'bot',
        'postgres',
        'postgres-exporter-books',
        'prometheus',
        'redis',
        'worker',
      ].sort(),
    );
    expect(on('front')).toEqual(['cloudbeaver', 'grafana']);
    expect(on('shop_default')).toEqual([
      'cloudbeaver',
      'postgres-exporter-shop',
      'prometheus',
      'redis-exporter-queue',
    ]);
  });

  test('Loki is with the stores only', () => {
    expect(networksOf(container(ran, 'loki'))).toEqual(['stores']);
  });

  test('S3: Loki joins another network only where a setting says so, under its alias', async () => {
    const yaml = 'config: {taffrail:networks: [{name: shop_default, alias: logs, attach: [loki]}]}';
    const { networksAdvanced } = container(await runProgram(stackConfig(yaml)), 'loki').inputs;
    expect(networksAdvanced?.at(-1)).toEqual({ name: 'shop_default', aliases: ['logs'] });
  });

  test('S3: without an alias a program has its own name there', async () => {
    const yaml = 'config: {taffrail:networks: [{name: shop_default, attach: [grafana, prometheus]}]}';
    const joined = await runProgram(stackConfig(yaml));
    for (const name of ['grafana', 'prometheus'])
      expect(container(joined, name).inputs.networksAdvanced?.at(-1)).toEqual({
        name: 'shop_default',
        aliases: [name],
      });
  });

  test('jobs that ask a program stand in its own network, and talk to its loopback', () => {
    const asking = running(ran, 'apply');
    expect(asking.length).toBeGreaterThan(7);
    for (const { name, told } of asking) {
      expect(name).toMatch(/-(reload|restart|proof)$/);
      const program = name.replace(/-\w+$/, '');
      expect(told.service.container).toBe(`id-of-${program}`);
      expect(told.service.port, name).toBeGreaterThan(1000);
      // So no program has to listen where others can reach it, only to be asked.
      expect(Object.keys(told.service).sort(), name).toEqual(['container', 'image', 'port', 'title', 'user']);
    }
  });

  test('jobs that prepare a database reach it, and no other network', () => {
    const networks = running(ran, 'database').map(({ name, told }) => [name, told.network]);
    expect(Object.fromEntries(networks)).toEqual({
      'postgres-password': 'container:id-of-postgres',
      'postgres-role': ['taffrail-local-databases'],
      'redis-role': ['taffrail-local-databases'],
      'postgres-shop-role': ['shop_default'],
      // Far away: by its address, through the network that reaches outside.
      'postgres-books-role': ['taffrail-local-apps'],
      'redis-queue-role': ['shop_default'],
    });
  });

  test('jobs that deliver files are told no network', () => {
    for (const { name, told } of running(ran, 'files'))
      expect(
        Object.keys(told).filter((key) => !['job', 'tools', 'owner', 'check', 'targets'].includes(key)),
        name,
      ).toEqual([]);
    expect(job(ran, 'loki-files').told).not.toHaveProperty('network');
  });

  test('on the applications’ network everybody asks for credentials, or does not listen there', () => {
    const flags = (name: string) => container(ran, name).inputs.command ?? [];
    expect(flags('prometheus')).toContain(
      '--web.config.file=/etc/taffrail/current/secrets/prometheus-web.yml',
    );
    expect(delivered(ran, 'prometheus')).not.toHaveProperty('prometheus-web.yml');
    for (const name of ['blackbox-exporter', 'postgres-exporter-books']) {
      const listen = flags(name).filter((flag) => flag.startsWith('--web.listen-address='));
      expect(listen, name).toHaveLength(2);
      for (const flag of listen)
        expect(flag, name).toMatch(new RegExp(`=(127\\.0\\.0\\.1|${name}\\.stores):\\d+$`));
    }
  });

  test('only the network of the stores knows an exporter by the name on which it listens', () => {
    for (const { name, inputs } of services(ran).filter(({ name }) => name.includes('exporter'))) {
      const [stores, ...others] = inputs.networksAdvanced ?? [];
      expect(stores, name).toEqual({ name: 'taffrail-local-stores', aliases: [`${name}.stores`] });
      expect(
        others.flatMap(({ aliases }) => aliases),
        name,
      ).toEqual([]);
    }
  });
});

describe('3.16, S9: what is published', () => {
  test('A4: Grafana and CloudBeaver, on loopback', async () => {
    expect(published(await runProgram(everything()))).toEqual(
      expect.arrayContaining([
        ['grafana', '127.0.0.1', 3000, 3000],
        ['cloudbeaver', '127.0.0.1', 8978, 8978],
      ]),
    );
    expect(published(await runProgram(everything()))).toHaveLength(2);
  });

  test('nothing else, and nothing when both are off', async () => {
    const yaml = 'config: {taffrail:grafana: {enabled: false}, taffrail:cloudbeaver: {enabled: false}}';
    expect(published(await runProgram(stackConfig(yaml)))).toEqual([]);
  });

  test('on the address and the port that are named', async () => {
    const yaml =
      'config: {taffrail:grafana: {address: 10.8.0.1, port: 3001}, taffrail:cloudbeaver: {enabled: false}}';
    const { outputs, ...ran } = await runProgram(stackConfig(yaml));
    expect(published({ outputs, ...ran })).toEqual([['grafana', '10.8.0.1', 3001, 3000]]);
    expect(outputs['addresses']).toEqual({ grafana: 'http://10.8.0.1:3001' });
  });

  test.each([
    ['prometheus', 9090],
    ['loki', 3100],
  ])('%s only when a setting says so, from a network that can be published from', async (name, port) => {
    const yaml = `config: {taffrail:${name}: {publish: {address: 10.8.0.1, port: 19000}}}`;
    const ran = await runProgram(stackConfig(yaml));
    expect(published(ran)).toContainEqual([name, '10.8.0.1', 19_000, port]);
    expect(networksOf(container(ran, name))).toContain('front');
  });
});
