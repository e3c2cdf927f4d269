import { readFileSync, statfsSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { exec } from '../lib/engine.ts';
import { until } from '../lib/http.ts';
import { a, b, ensureStacks, stacks } from '../lib/stacks.ts';
import { metrics, samples, targetsDown } from '../lib/stores.ts';

const jobs = async (project: string): Promise<string[]> =>
  [...new Set((await metrics(project, 'up')).map(({ metric }) => metric['job'] ?? ''))].sort();

/** Bytes that each device of a table like /proc/net/dev has received and sent. */
const countersIn = (table: string) =>
  new Map(
    table.split('\n').flatMap((line): [string, { received: number; sent: number }][] => {
      const [, device, rest = ''] = /^\s*([^\s:]+):\s*(.*)$/.exec(line) ?? [];
      const numbers = rest.split(/\s+/).map(Number);
      return device === undefined ? [] : [[device, { received: numbers[0] ?? 0, sent: numbers[8] ?? 0 }]];
    }),
  );
type Counters = ReturnType<typeof countersIn>;
/** The devices of which a reading is not between two others; those of one table only have come or gone meanwhile. */
const notBetween = (low: Counters, reading: Counters, high: Counters): string[] => [
  ...[...low].flatMap(([device, least]) => {
    const most = high.get(device);
    const one = reading.get(device);
    if (!most) return [];
    const within = (key: 'received' | 'sent') => one && least[key] <= one[key] && one[key] <= most[key];
    return within('received') && within('sent') ? [] : [device];
  }),
  // Of a container that came and went between the two readings.
  ...[...reading.keys()].filter((device) => !/^veth/.test(device) && !low.has(device) && !high.has(device)),
];

beforeAll(async () => {
  await ensureStacks();
});

describe('metrics', () => {
  it('A1 A2: every target of both stacks is up', async () => {
    for (const { project } of stacks)
      expect(
        await until(
          () => targetsDown(project),
          (list) => list.length === 0,
        ),
      ).toEqual([]);
  });

  it('A1 S1: each part is scraped, and what is switched off is not', async () => {
    const [ofA, ofB] = [await jobs(a.project), await jobs(b.project)];
    expect(ofA).toEqual(
      expect.arrayContaining([
        'bot',
        'cadvisor',
        'grafana',
        'node',
        'postgres',
        'prometheus',
        'protected',
        'redis',
      ]),
    );
    expect(ofB).not.toContain('cadvisor');
    expect(ofB).not.toContain('redis');
    expect(ofB).not.toContain('bot');
  });

  it('A1: the bot’s five metrics arrive with the labels of the contract', async () => {
    const labels: Record<string, string[]> = {
      bot_messages_total: ['chat_type', 'handler'],
      bot_tokens_total: ['type', 'model'],
      bot_response_seconds_bucket: ['handler', 'le'],
      bot_active_users: [],
      bot_balance_total_usd: [],
    };
    for (const [name, wanted] of Object.entries(labels)) {
      const found = await metrics(a.project, `${name}{job="bot"}`);
      expect(found.length, name).toBeGreaterThan(0);
      const own = Object.keys(found[0]?.metric ?? {}).filter(
        (label) => !/^(__name__|job|instance|host|service)$/.test(label),
      );
      expect(own.sort()).toEqual([...wanted].sort());
    }
  });

  it('3.20: cAdvisor’s series carry the container’s name and compose labels', async () => {
    const series = await until(
      () =>
        metrics(
          a.project,
          `container_memory_working_set_bytes{name="${a.project}-prometheus",container_label_com_docker_compose_project="${a.project}",container_label_com_docker_compose_service="prometheus"}`,
        ),
      (found) => found.length > 0,
    );
    expect(series).toHaveLength(1);
    expect(await metrics(a.project, 'container_memory_working_set_bytes{name=""}')).toEqual([]);
  });

  it('3.20: the databases answer their exporters, which are not superusers', async () => {
    expect((await metrics(a.project, 'pg_up')).map(({ value }) => value[1])).toEqual(['1']);
    expect((await metrics(a.project, 'redis_up')).map(({ value }) => value[1])).toEqual(['1']);
    // Its own, and the team's.
    expect((await metrics(b.project, 'pg_up')).map(({ value }) => value[1])).toEqual(['1', '1']);
  });

  it('3.12: what is asked as a user would is up, and what is not there is not', async () => {
    const probed = async () =>
      new Map(
        (await metrics(a.project, 'probe_success')).map(({ metric, value }) => [metric['probe'], value[1]]),
      );
    const found = await until(probed, (seen) => seen.get('bot') === '1' && seen.size > 1, { seconds: 30 });
    expect(Object.fromEntries(found)).toEqual({ bot: '1', nobody: '0' });
    const status = await metrics(a.project, 'probe_http_status_code{probe="nobody"}');
    expect(status.map(({ value }) => value[1])).toEqual(['404']);
  });

  it('3.20: the host’s file system is the one that node_exporter tells, by its own path', async () => {
    const { blocks, bsize } = statfsSync('/');
    const told = await metrics(a.project, 'node_filesystem_size_bytes{mountpoint="/"}');
    expect(told.map(({ value }) => Number(value[1]))).toEqual([blocks * bsize]);
    // The control: its own root is another one.
    const own = await exec(`${a.project}-node-exporter`, ['stat', '-f', '-c', '%S %b', '/dev/shm']);
    const [size = 0, count = 0] = own.stdout.trim().split(' ').map(Number);
    expect(size * count).not.toBe(blocks * bsize);
  });

  it('3.20: the host’s network counters are those of its /proc/net/dev, device by device', async () => {
    const host = () => countersIn(readFileSync('/proc/1/net/dev', 'latin1'));
    const [low, begun] = [host(), Date.now() / 1000];
    /** What the first scrape after the first reading saw. */
    const scraped = async (): Promise<Counters> => {
      const counters: Counters = new Map();
      for (const [key, name] of [
        ['received', 'receive'],
        ['sent', 'transmit'],
      ] as const) {
        for (const { metric, values } of await samples(
          a.project,
          `node_network_${name}_bytes_total`,
          '30s',
        )) {
          const value = values.find(([stamp]) => stamp > begun)?.[1];
          const device = metric['device'] ?? '';
          if (value !== undefined)
            counters.set(device, {
              ...(counters.get(device) ?? { received: -1, sent: -1 }),
              [key]: Number(value),
            });
        }
      }
      return counters;
    };
    // The scrape may fall between the two questions: then one of them has no answer yet.
    const whole = (counters: Counters) =>
      counters.size > 0 && [...counters.values()].every(({ received, sent }) => received >= 0 && sent >= 0);
    const reading = await until(scraped, whole, { seconds: 30 });
    // A moving device is bounded by the readings before and after; one that stands still must agree to the byte.
    const high = host();
    expect(notBetween(low, reading, high)).toEqual([]);
    expect(reading.has('lo')).toBe(true);
    expect([...reading.keys()].filter((device) => device.startsWith('veth')).length).toBeGreaterThan(10);
    const still = [...low].filter(
      ([device, { received }]) => received > 0 && received === high.get(device)?.received,
    );
    expect(still.length).toBeGreaterThan(0);
    // The control: the exporter's own table is another one, and the comparison sees it.
    const own = countersIn((await exec(`${a.project}-node-exporter`, ['cat', '/proc/net/dev'])).stdout);
    expect(own.size).toBeGreaterThan(0);
    expect(notBetween(low, own, high)).toContain('lo');
  });
});
