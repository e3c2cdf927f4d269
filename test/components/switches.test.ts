import { beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { type Ran, runProgram, stackConfig } from './harness.ts';
import { delivered, jobNames, services } from './look.ts';
import { everything } from './stacks.ts';

/** Every switch, the first part of the names of what it stands for, and its scrape jobs. */
const switches: Record<string, { names: RegExp; jobs: RegExp }> = {
  loki: { names: /^(image-)?loki\b/, jobs: /^loki$/ },
  promtail: { names: /^(image-)?promtail\b/, jobs: /^promtail$/ },
  prometheus: { names: /^(image-)?prometheus\b/, jobs: /./ },
  grafana: { names: /^(image-)?grafana\b/, jobs: /^grafana$/ },
  cloudbeaver: { names: /^(image-)?cloudbeaver\b/, jobs: /^cloudbeaver/ },
  nodeExporter: { names: /^(image-nodeExporter|node-exporter)\b/, jobs: /^node$/ },
  cadvisor: { names: /^(image-)?cadvisor\b/, jobs: /^cadvisor$/ },
  postgresExporter: {
    names: /^(image-postgresExporter|postgres-exporter|postgres-.*role)\b/,
    jobs: /^postgres/,
  },
  redisExporter: { names: /^(image-redisExporter|redis-exporter|redis-.*role)\b/, jobs: /^redis/ },
  blackboxExporter: {
    names: /^(image-blackboxExporter|blackbox-exporter)\b/,
    jobs: /^(probe-|blackbox)/,
  },
  postgres: {
    names: /^postgres(-data|-password|-credential.*|-role.*|-exporter(-files|-config)?)?$/,
    jobs: /^postgres$/,
  },
  redis: { names: /^redis(-data|-secrets|-credential|-role.*|-exporter)?$/, jobs: /^redis$/ },
};
const keys = Object.keys(switches);

/** The settings of everything, with these switches as given. */
function switched(on: Record<string, boolean>): ReturnType<typeof everything> {
  const { config, ...rest } = everything();
  // On is the default: a switch is only written where it is off.
  const off = Object.keys(on).filter((key) => on[key] === false);
  const changed = off.map((key): [string, string] => [
    key,
    JSON.stringify({ ...(JSON.parse(config[key] ?? '{}') as object), enabled: false }),
  ]);
  // An App that needs a database that is off is a mistake of the settings, tested there.
  const without = ['postgres', 'redis'].some((key) => off.includes(key));
  const bot = {
    image: 'registry.example.com/bot:1.0.0',
    secrets: { token: 'botSecret' },
    metrics: { port: 8080 },
  };
  return {
    ...rest,
    config: {
      ...config,
      ...Object.fromEntries(changed),
      ...(without && { apps: JSON.stringify({ bot }) }),
    },
  };
}

/** The uids of Grafana's datasources, and of those that its dashboards ask. */
function datasourceUids(ran: Ran): { provisioned: string[]; asked: string[] } {
  if (!services(ran).some(({ name }) => name === 'grafana')) return { provisioned: [], asked: [] };
  const files = delivered(ran, 'grafana');
  const { datasources } = parse(files['provisioning/datasources/taffrail.yml'] ?? '') as {
    datasources: { uid: string }[];
  };
  const dashboards = Object.entries(files).filter(([path]) => path.endsWith('.json'));
  const asked = dashboards.flatMap(([, text]) =>
    [...text.matchAll(/"datasource":\s*\{[^}]*"uid":\s*"([^"]+)"/g)].map(([, uid = '']) => uid),
  );
  return { provisioned: datasources.map(({ uid }) => uid), asked: [...new Set(asked)] };
}

const never = (): never => {
  throw new Error('not there');
};

describe('S1: what is switched off', () => {
  let all: Ran;
  beforeAll(async () => {
    all = await runProgram(everything());
  });

  test('is there when it is on: each name and job below matches something', () => {
    for (const [key, { names, jobs }] of Object.entries(switches)) {
      expect(all.resources.filter(({ name }) => names.test(name)).length, key).toBeGreaterThan(0);
      if (key !== 'cloudbeaver')
        expect(jobNames(all).filter((job) => jobs.test(job)).length, key).toBeGreaterThan(0);
    }
  });

  test.each(keys)('%s leaves no resource, no scrape job and no datasource', async (key) => {
    const ran = await runProgram(switched({ [key]: false }));
    const { names, jobs } = switches[key] ?? never();
    expect(ran.resources.filter(({ name }) => names.test(name)).map(({ name }) => name)).toEqual([]);
    expect(jobNames(ran).filter((job) => jobs.test(job))).toEqual([]);
    const { provisioned, asked } = datasourceUids(ran);
    expect(provisioned).not.toContain(key);
    expect(asked.filter((uid) => !provisioned.includes(uid) && !uid.startsWith('$'))).toEqual([]);
  });

  test('the filtering proxy of the Docker socket runs only for those who need it', async () => {
    const has = async (on: Record<string, boolean>) =>
      services(await runProgram(switched(on))).some(({ name }) => name === 'socket-proxy');
    expect(await has({ cadvisor: false })).toBe(true);
    expect(await has({ promtail: false })).toBe(true);
    expect(await has({ cadvisor: false, promtail: false })).toBe(false);
    expect(await has({ loki: false, prometheus: false })).toBe(false);
  });
});

/**
 * Rows of switches in which each pair of switches stands in each of its four ways: below a row of zeros, every column
 * is another choice of 4 ones in 6 (Katona; Kleitman and Spencer).
 */
function pairwise(): Record<string, boolean>[] {
  const columns = Array.from({ length: 64 }, (_, bits) =>
    Array.from(bits.toString(2).padStart(6, '0')),
  ).filter((bits) => bits.filter((bit) => bit === '1').length === 4);
  return [undefined, 0, 1, 2, 3, 4, 5].map((row) =>
    Object.fromEntries(keys.map((key, at) => [key, row !== undefined && columns[at]?.[row] === '1'])),
  );
}

test('the rows hold each pair of switches in each way', () => {
  const seen = new Set(
    pairwise().flatMap((row) =>
      keys.flatMap((a) =>
        keys.filter((b) => a < b).map((b) => `${a}=${String(row[a])} ${b}=${String(row[b])}`),
      ),
    ),
  );
  expect(seen.size).toBe(((keys.length * (keys.length - 1)) / 2) * 4);
});

describe('3.21: nothing is made inside apply', () => {
  const list = ({ resources }: Ran) => resources.map(({ type, name }) => `${type} ${name}`).sort();

  test('a preview without any output shows the same resources', async () => {
    const up = await runProgram(everything());
    const preview = await runProgram(everything(), { preview: true });
    expect(up.resources.length).toBeGreaterThan(120);
    expect(list(preview)).toEqual(list(up));
  });

  test.each(pairwise().map((row) => [keys.filter((key) => row[key]).join(', ') || 'nothing', row] as const))(
    'S1: the same with %s',
    async (_, row) => {
      const up = await runProgram(switched(row));
      const preview = await runProgram(switched(row), { preview: true });
      expect(list(preview)).toEqual(list(up));
    },
  );

  test('an App, a stack without anything', async () => {
    const bare = stackConfig(`config: {taffrail:apps: {a: {image: 'x:1'}}}`);
    expect(list(await runProgram(bare, { preview: true }))).toEqual(list(await runProgram(bare)));
  });
});
