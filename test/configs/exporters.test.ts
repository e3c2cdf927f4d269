import { describe, expect, test } from 'vitest';
import { ownPostgres, ownRedis, teamDatabase } from '../../configs/databases/address.ts';
import { externalDatabase, postgresSettings } from '../../configs/databases/settings.ts';
import { blackboxExporter, blackboxRevision, renderBlackbox } from '../../configs/exporters/blackbox.ts';
import { cadvisor, cadvisorDisabledMetrics } from '../../configs/exporters/cadvisor.ts';
import { containerdFilter, staticInfo } from '../../configs/exporters/containerd.ts';
import { type ExporterData, fixed, storesAddress } from '../../configs/exporters/data.ts';
import { nodeExporter } from '../../configs/exporters/node.ts';
import { postgresExporter } from '../../configs/exporters/postgres.ts';
import { redisExporter } from '../../configs/exporters/redis.ts';
import {
  blackboxExporterSettings,
  cadvisorSettings,
  nodeExporterSettings,
  postgresExporterSettings,
  redisExporterSettings,
} from '../../configs/exporters/settings.ts';
import { jsonFile } from '../../configs/files.ts';
import { contractOf } from '../rig/images/contracts.ts';

const team = (kind: 'postgres' | 'redis', more: object = {}) =>
  teamDatabase('shop', externalDatabase.parse({ kind, host: 'db', network: 'shop_default', ...more }));
const probes = [
  {
    name: 'website',
    url: 'https://example.com/health',
    status: [200, 204],
    contains: '"status": *"healthy"',
  },
  { name: 'api', url: 'http://api:8080/' },
];
const all: Record<string, ExporterData> = {
  node: nodeExporter(nodeExporterSettings.parse({}), 'vps-1'),
  cadvisor: cadvisor(
    { ...cadvisorSettings.parse({ housekeeping: '30s' }), containerd: '/run/containerd' },
    'vps-1',
  ),
  postgres: postgresExporter(
    postgresExporterSettings.parse({}),
    ownPostgres(postgresSettings.parse({ database: 'bot' })),
  ),
  'postgres-team': postgresExporter(postgresExporterSettings.parse({}), team('postgres', { tls: true })),
  redis: redisExporter(redisExporterSettings.parse({ keys: ['queue', 'a_queue'] }), ownRedis),
  'redis-team': redisExporter(redisExporterSettings.parse({}), team('redis')),
  blackbox: blackboxExporter(blackboxExporterSettings.parse({ probes })),
};

describe.each(Object.entries(all))('exporter %s', (name, data) => {
  test('is the same data as ever', async () => {
    await expect(jsonFile(data)).toMatchFileSnapshot(`golden/exporters/${name}.json`);
  });

  test('uses only programs that its image has', () => {
    const contract = contractOf(data.image);
    const used = [data.healthcheck[0], data.config?.check[0], data.entrypoint?.[0]].filter(
      (one) => one !== undefined,
    );
    for (const program of used) expect(contract.provides(program), program).toBe(true);
  });

  test('is scraped where it answers Prometheus only', () => {
    for (const job of data.scrape) expect(job.targets).toEqual([storesAddress(data.name, data.port)]);
  });

  test('has no secret among its arguments and its environment', () => {
    expect(JSON.stringify([data.args, data.environment ?? {}])).not.toContain('{{');
  });
});

describe('exporters', () => {
  test('those that share a network with applications or databases listen on loopback and stores only', () => {
    for (const data of Object.values(all).filter((one) =>
      one.networks.some((network) => network !== 'socket'),
    )) {
      const listen = data.args.filter((arg) => arg.includes('web.listen-address='));
      expect(listen.length, data.name).toBeGreaterThan(0);
      for (const arg of listen) expect(arg).toMatch(/=(127\.0\.0\.1|[a-z-]+\.stores):\d+$/);
    }
  });

  test('two databases of one kind do not collide', () => {
    const two = [all['postgres'], all['postgres-team']];
    expect(new Set(two.map((data) => data?.name)).size).toBe(2);
    expect(new Set(two.flatMap((data) => data?.scrape.map((job) => job.name))).size).toBe(2);
  });

  test('S3: the exporter joins the network of the database', () => {
    expect(all['postgres-team']?.external).toEqual(['shop_default']);
    expect(all['postgres-team']?.networks).toEqual([]);
  });

  test('a fixed label is a text, not a reference to a group', () => {
    expect(fixed('instance', 'a$1b')).toEqual({ target_label: 'instance', replacement: 'a$$1b' });
  });

  test('cAdvisor mounts neither a socket nor /var/run, and measures cpu, memory, network and disk traffic', () => {
    for (const { hostPath } of all['cadvisor']?.mounts ?? []) expect(['/sys', '/proc']).toContain(hostPath);
    for (const kind of ['cpu', 'memory', 'network', 'diskIO'])
      expect(cadvisorDisabledMetrics).not.toHaveProperty(kind);
  });

  test("the filter before containerd's socket lets one question through", async () => {
    await expect(staticInfo + containerdFilter).toMatchFileSnapshot('golden/exporters/containerd.cfg');
  });
});

describe('blackbox_exporter', () => {
  test('renders the same bytes twice, under the revision that is read back', async () => {
    const parsed = blackboxExporterSettings.parse({ probes }).probes;
    const files = renderBlackbox(parsed);
    expect(renderBlackbox(parsed)).toEqual(files);
    expect(files['blackbox.yml']).toContain(`revision_${blackboxRevision(files)}:`);
    await expect(files['blackbox.yml']).toMatchFileSnapshot('golden/exporters/blackbox.yml');
  });

  test('another probe is another revision', () => {
    const [first] = blackboxExporterSettings.parse({ probes }).probes;
    const revisions = [renderBlackbox([]), renderBlackbox(first === undefined ? [] : [first])].map(
      blackboxRevision,
    );
    expect(new Set(revisions).size).toBe(2);
    for (const revision of revisions) expect(revision).toMatch(/^[0-9a-f]{12}$/);
  });
});
