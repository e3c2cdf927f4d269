import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { memoryLimits } from '../../configs/checks/memory.ts';
import { warnings } from '../../configs/contradictions.ts';
import { leavesOf } from '../../configs/schemaWalk.ts';
import { parseSettings, schema, type Settings, type Source } from '../../configs/settings.ts';
import { configOf } from '../stacks/load.ts';
import { errorOf } from './badSettings.ts';

const settingsOf = (yaml: string, more: Partial<Source> = {}): Settings =>
  parseSettings({ stack: 'prod', ...configOf(yaml), readFolder: () => undefined, ...more });

const day = 86_400;

describe('3.18 good settings', () => {
  test('without any setting the defaults are whole', async () => {
    const text = `${JSON.stringify(settingsOf(''), null, 2)}\n`;
    await expect(text).toMatchFileSnapshot('golden/settings/defaults.json');
  });

  test('an empty list of settings is no mistake', () => {
    expect(settingsOf('config: {}')).toEqual(settingsOf(''));
  });

  test('S4: logs and metrics have separate retention', () => {
    const { loki, prometheus } = settingsOf(
      'config: {taffrail:loki: {retention: 7d}, taffrail:prometheus: {retentionSize: 1GB}}',
    );
    expect([loki.retention, prometheus.retention, prometheus.retentionSize]).toEqual([
      7 * day,
      30 * day,
      1e9,
    ]);
  });

  test.each([
    ['15s', 15],
    ['5m', 300],
    ['48h', 2 * day],
    ['30d', 30 * day],
    ['2w', 14 * day],
  ])('a time of %s', (text, seconds) => {
    expect(settingsOf(`config: {taffrail:loki: {retention: ${text}}}`).loki.retention).toBe(seconds);
  });

  test.each([
    ['64KiB', 2 ** 16],
    ['512MiB', 2 ** 29],
    ['10GiB', 10 * 2 ** 30],
    ['100MB', 1e8],
    ['10GB', 1e10],
  ])('a size of %s', (text, bytes) => {
    expect(
      settingsOf(`config: {taffrail:prometheus: {retentionSize: ${text}}}`).prometheus.retentionSize,
    ).toBe(bytes);
  });

  test('a day may stand without quotes, which Pulumi hands over as a point in time', () => {
    const { loki } = settingsOf('config: {taffrail:loki: {schemaFrom: 2025-06-01}}');
    expect(loki.schemaFrom).toBe('2025-06-01');
  });

  test('a mirror is one registry, or one for each', () => {
    expect(settingsOf('config: {taffrail:registryMirror: r.example.com/hub}').registryMirror).toBe(
      'r.example.com/hub',
    );
    const map = settingsOf('config: {taffrail:registryMirror: {ghcr.io: r.example.com/ghcr}}').registryMirror;
    expect(map).toEqual({ 'ghcr.io': 'r.example.com/ghcr' });
  });

  test('3.18: two stacks have nothing of one name', () => {
    const [one, other] = ['prod', 'staging'].map((stack) => settingsOf('', { stack }));
    expect([one?.project, other?.project]).toEqual(['taffrail-prod', 'taffrail-staging']);
    expect([one?.host, other?.host]).toEqual(['prod', 'staging']);
  });

  test('the socket follows the Docker host', () => {
    const socket = (yaml: string, dockerHost?: string) => settingsOf(yaml, { dockerHost }).dockerSocket;
    expect(socket('', 'unix:///run/other.sock')).toBe('/run/other.sock');
    expect(socket('', 'ssh://root@vps.example.com')).toBe('/var/run/docker.sock');
    expect(socket('config: {taffrail:dockerHost: ssh://root@vps}', 'unix:///run/other.sock')).toBe(
      '/var/run/docker.sock',
    );
  });

  test('a stack whose name cannot be part of a name is a mistake', () => {
    expect(() => settingsOf('', { stack: 'Prod.EU' })).toThrow(/pulumi stack rename prod-eu/);
  });
});

describe('S1: what depends on a thing that is off is off', () => {
  const on = (yaml: string, secrets = {}) =>
    Object.entries(settingsOf('', configOf(yaml, secrets))).flatMap(([key, value]) =>
      typeof value === 'object' && 'enabled' in value && value.enabled === true ? [key] : [],
    );

  test('by default everything but the databases and their exporters', () => {
    expect(on('')).toEqual([
      ...['loki', 'promtail', 'prometheus', 'grafana', 'cloudbeaver'],
      ...['nodeExporter', 'cadvisor', 'blackboxExporter'],
    ]);
  });

  test('Promtail with Loki', () => {
    expect(on('config: {taffrail:loki: {enabled: false}}')).not.toContain('promtail');
  });

  test('exporters with Prometheus', () => {
    const yaml = 'config: {taffrail:prometheus: {enabled: false}, taffrail:postgres: {enabled: true}}';
    expect(on(yaml)).toEqual(['loki', 'promtail', 'grafana', 'cloudbeaver', 'postgres']);
  });

  test("an exporter with its database, Taffrail's or the team's", () => {
    expect(on('config: {taffrail:redis: {enabled: true}}')).toContain('redisExporter');
    const team = 'config: {taffrail:databases: {cache: {kind: redis, host: cache, password: cachePassword}}}';
    expect(on(team, { cachePassword: 'synthetic' })).toContain('redisExporter');
  });
});

describe('S3, S9, D5', () => {
  test('S3: a program for each alias on one network', () => {
    const { networks } = settingsOf(
      'config: {taffrail:networks: [{name: shop, alias: metrics}, {name: shop, alias: graphs, attach: [grafana]}]}',
    );
    expect(networks.map(({ alias, attach }) => [alias, attach])).toEqual([
      ['metrics', ['prometheus']],
      ['graphs', ['grafana']],
    ]);
  });

  test('S9: a VPN address needs no leave and no warning; a public one both', () => {
    const vpn = settingsOf(
      'config: {taffrail:grafana: {address: 100.64.0.7}, taffrail:loki: {publish: {address: 10.8.0.1}}}',
    );
    expect(warnings(vpn)).toEqual([]);
    const open = settingsOf('config: {taffrail:grafana: {address: "::", exposeWithoutTls: true}}');
    expect(warnings(open)).toEqual([
      'grafana is published on :::3000 without TLS: passwords cross the network in clear text.',
    ]);
  });

  test('one port on two addresses is no clash', () => {
    const yaml =
      'config: {taffrail:grafana: {address: 10.8.0.1}, taffrail:cloudbeaver: {address: 127.0.0.1, port: 3000}}';
    expect(settingsOf(yaml).cloudbeaver.port).toBe(3000);
  });

  test('D5: the sum counts an exporter for each database, the socket proxy and the apps', () => {
    const yaml = `config:
      taffrail:postgres: {enabled: true}
      taffrail:databases: {a: {kind: postgres, host: a, password: aPassword}}
      taffrail:apps: {bot: {image: 'bot:1', memory: 100MiB}}`;
    const settings = settingsOf('', configOf(yaml, { aPassword: 'synthetic' }));
    const limits = Object.fromEntries(memoryLimits(settings));
    expect(limits['postgresExporter']).toBe(2 * 64 * 2 ** 20);
    expect(limits['socketProxy']).toBe(64 * 2 ** 20);
    expect(limits['apps.bot']).toBe(100 * 2 ** 20);
    expect(limits['redisExporter']).toBeUndefined();
  });
});

describe('3.18: the folder extra', () => {
  const extra = (files: Record<string, string> | undefined) =>
    settingsOf('config: {taffrail:extra: own}', { readFolder: () => files });

  test('rules and dashboards are read', () => {
    const files = { 'rules/shop.yml': 'groups: []\n', 'dashboards/shop.json': '{"uid": "shop"}' };
    expect(extra(files).extraFiles).toEqual(files);
  });

  test.each([
    [undefined, /given: {2}own\n.*\n.*mkdir -p own/],
    [
      { 'rules/shop.yaml': '' },
      /own\/rules\/shop.yaml, which nothing reads\n.*\n.*mv own\/rules\/shop.yaml own\/rules\/shop.yml/,
    ],
    [{ 'shop.json': '{}' }, /mv own\/shop.json own\/dashboards\/shop.json/],
    [{ 'notes.txt': '' }, /mv -i own\/notes.txt own-notes.txt/],
    [{ 'dashboards/shop.json': '{"a":}' }, /own\/dashboards\/shop.json: .*\n.*valid JSON/],
    [{ 'dashboards/shop.json': '[]' }, /own\/dashboards\/shop.json: no dashboard.*\n.*valid JSON/],
    [
      { 'dashboards/my shop.json': '{"title": "x"}' },
      /own\/dashboards\/my shop.json, which has no uid\n.*\n.*sed -i '0,\/{\/s\/{\/{ "uid": "my-shop",\/' 'own\/dashboards\/my shop.json'/,
    ],
    [
      { 'dashboards/a.json': '{"uid": "x"}', 'dashboards/b.json': '{"uid": "x"}' },
      /own\/dashboards\/b.json, whose uid x is that of own\/dashboards\/a.json\n.*\n.*sed -i 's\/"x"\/"x-2"\/' own\/dashboards\/b.json/,
    ],
    [
      { 'dashboards/a.json': '{"uid": "taffrail-stack"}' },
      /whose uid taffrail-stack is that of Taffrail's own/,
    ],
  ])(
    'a folder that is not there, files that nothing reads, and dashboards that could not be told apart: %j',
    (files, message) => {
      expect(() => extra(files)).toThrow(message);
    },
  );
});

describe('3.19: every setting is told', () => {
  const leaves = leavesOf(schema);

  test.each(leaves.map((leaf) => [leaf.path.join('.'), leaf] as const))(
    '%s',
    (_, { place, schema: part }) => {
      expect(place.about?.description).toMatch(/^[A-Z].*\.$/);
      const structured =
        place.shape !== undefined || (place.element !== undefined && place.about?.example === undefined);
      if (structured && place.type !== 'union') return;
      // The example is what a message tells to type: it must be right itself.
      const example = place.about?.example ?? place.options?.[0] ?? '';
      const typed: unknown = /^(\d+|true|false)$/.test(example) ? JSON.parse(example) : example;
      const values =
        place.element === undefined
          ? [typed]
          : place.type === 'array'
            ? [[example], [typed]]
            : [typed, parse(example)];
      expect(
        values.some((value) => part.safeParse(value).success),
        `example ${example}`,
      ).toBe(true);
    },
  );

  test('a mistake in every setting has words, and a line to type', () => {
    for (const { path } of leaves) {
      const top = path[0] ?? '';
      const config = path.toReversed().reduce<unknown>(
        (value, key) => (key === '[0]' ? [value] : { [key === '<name>' ? 'a' : key]: value }),
        // Wrong everywhere: no setting is a list in a list.
        [[]],
      );
      const value = JSON.stringify((config as Record<string, unknown>)[top]);
      const found = errorOf({ config: { [top]: value }, secretKeys: new Set() })?.mistakes ?? [];
      expect(found, path.join('.')).not.toHaveLength(0);
      for (const { wanted, type } of found) {
        expect(wanted, path.join('.')).not.toMatch(/^another value$|Invalid|undefined/);
        expect(type, path.join('.')).toMatch(
          /^pulumi config (set|rm) (--plaintext |--type string )*--path \S/,
        );
        expect(type, path.join('.')).not.toMatch(/undefined|<value>/);
      }
    }
  });
});
