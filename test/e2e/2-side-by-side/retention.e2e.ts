import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { imageTag } from '../../../configs/images.ts';
import { lokiDataFolder } from '../../../configs/loki/render.ts';
import { lokiSettings } from '../../../configs/loki/settings.ts';
import { configFolder } from '../../../configs/paths.ts';
import { prometheusSettings } from '../../../configs/prometheus/settings.ts';
import { addressOf, docker, ensureNetwork, exec, gone, inspect, startContainer } from '../lib/engine.ts';
import { json, until } from '../lib/http.ts';
import { ownLabel } from '../lib/place.ts';
import { b, ensureStacks } from '../lib/stacks.ts';
import { inOrder, loki, metrics, prometheus, type Sample, type Stream } from '../lib/stores.ts';

// Nobody waits for days, and a clock that is moved moves everything: the data is made old instead.

const [hour, day] = [3600, 86_400];
/** A word that nothing else on this machine contains. */
const word = randomBytes(12).toString('hex');
/** What stack B's settings say, in seconds. */
const retention = { logs: 0, metrics: 0 };
/** A retention as a program prints it, by the reader that the settings have. */
const inSeconds = (printed: string): number => prometheusSettings.parse({ retention: printed }).retention;

beforeAll(async () => {
  await ensureStacks();
  const settings = b.settings();
  retention.logs = lokiSettings.parse(settings['loki'] ?? {}).retention;
  retention.metrics = prometheusSettings.parse(settings['prometheus'] ?? {}).retention;
});

// A Loki of the test's own, named so that lib/stores.ts finds it.
const own = 'e2e-retention';
const [ownLoki, reader, network, data] = [`${own}-loki`, `${own}-reader`, `${own}-stores`, `${own}-data`];
async function removeOwn(): Promise<void> {
  for (const name of [ownLoki, reader])
    await docker.getContainer(name).remove({ force: true, v: true }).catch(gone);
  await docker.getVolume(data).remove().catch(gone);
  await docker.getNetwork(network).remove().catch(gone);
}
afterAll(removeOwn);

const urlOf = async (project: string): Promise<string> =>
  `http://${await addressOf(`${project}-loki`, '-stores')}:3100`;

/** What a Loki says it runs with. */
async function configOf(project: string) {
  const { body } = await json<string>(`${await urlOf(project)}/config`);
  return parse(body) as {
    limits_config: { retention_period: string };
    compactor: { retention_enabled: boolean; compaction_interval: string; retention_delete_delay: string };
  };
}

// Side by side: both wait for a program's own intervals.
describe.concurrent('retention', () => {
  it('S4: logs and metrics are each kept as long as their own setting says', async () => {
    const { limits_config: limits, compactor } = await configOf(b.project);
    const { storageRetention } = await prometheus<{ storageRetention: string }>(
      b.project,
      'status/runtimeinfo',
    );
    // `30d or 9GiB`: by time or by size, whichever comes first.
    const [time = ''] = storageRetention.split(' or ');
    expect({ logs: inSeconds(limits.retention_period), metrics: inSeconds(time) }).toEqual(retention);
    expect(compactor.retention_enabled).toBe(true);
    expect(retention.logs, 'stack B must give them different retentions').not.toBe(retention.metrics);
  });

  it('S4: metrics older than their retention are gone from the disk, and younger ones are not', async () => {
    // In the stack's own running Prometheus: it looks for blocks every minute, whoever made them.
    const container = `${b.project}-prometheus`;
    const now = Math.floor(Date.now() / 1000);
    // It counts from the end of the newest block, not from the clock: the retention lies between the other two.
    const newest = now - day;
    const stamps = {
      newest,
      kept: now - retention.metrics + 2 * hour,
      gone: newest - retention.metrics - 2 * hour,
    };
    const text = [
      ...Object.entries(stamps).map(
        ([age, stamp]) => `e2e_retention{age="${age}",word="${word}"} 1 ${String(stamp)}.000\n`,
      ),
      '# EOF\n',
    ].join('');
    // In a folder that Prometheus does not look into, so that what is moved out of it was whole, and readable.
    const made = await exec(container, [
      'sh',
      '-ec',
      `mkdir -p /prometheus/${own}/wal
      cd /prometheus/${own}
      printf %s "$1" >/tmp/${own}
      promtool tsdb create-blocks-from openmetrics /tmp/${own} .
      promtool tsdb dump-openmetrics .
      mv [0-9]* ..
      rm -r /prometheus/${own} /tmp/${own}`,
      'sh',
      text,
    ]);
    expect(made.code, made.stderr).toBe(0);
    for (const line of text.split('\n')) expect(made.stdout).toContain(line);
    const folder = blocksIn(made.stdout).find(({ from }) => from === stamps.gone * 1000)?.id ?? 'none';
    expect(folder).toMatch(/^[0-9A-Z]{26}$/);

    /** Its folder, under its own name or under that of one half deleted. */
    const left = async (): Promise<string[]> => {
      const { code, stdout, stderr } = await exec(container, ['ls', '-A', '/prometheus']);
      if (code !== 0) throw new Error(stderr);
      return stdout.split('\n').filter((name) => name.startsWith(folder));
    };
    expect(await until(left, (names) => names.length === 0, { seconds: 130 })).toEqual([]);

    // The control: the blocks that came with it are there, and answer.
    const answered = async (age: keyof typeof stamps): Promise<(string | undefined)[]> => {
      const query = { query: `e2e_retention{word="${word}"}`, time: String(stamps[age]) };
      const { result } = await prometheus<{ result: Sample[] }>(b.project, 'query', query);
      return result.map(({ metric }) => metric['age']);
    };
    expect(await answered('newest')).toEqual(['newest']);
    expect(await answered('kept')).toEqual(['kept']);
    expect(await answered('gone')).toEqual([]);
    const onDisk = async (): Promise<(keyof typeof stamps)[]> => {
      // Looked up by time: Prometheus may have merged a block with one of an earlier run.
      const blocks = blocksIn((await exec(container, ['promtool', 'tsdb', 'list', '/prometheus'])).stdout);
      return (['newest', 'kept', 'gone'] as const).filter((age) =>
        blocks.some(({ from, to }) => from <= stamps[age] * 1000 && stamps[age] * 1000 < to),
      );
    };
    expect(await until(onDisk, (ages) => ages.length === 2, { seconds: 10 })).toEqual(['newest', 'kept']);
    // For its age: what is too much in size has its own counter.
    expect(
      (await metrics(b.project, 'prometheus_tsdb_size_retentions_total')).map(({ value }) => value[1]),
    ).toEqual(['0']);
  });

  it('S4: log lines older than their retention are gone from the disk, and younger ones are not', async () => {
    // In a Loki of its own with the stack's files and image: the stack's compactor takes 25 minutes and more.
    await removeOwn();
    const theirs = await inspect(`${b.project}-loki`);
    const files = theirs.Mounts.find(({ Destination }) => Destination === configFolder)?.Name ?? 'none';
    await ensureNetwork(network);
    await docker.createVolume({ Name: data, Labels: { [ownLabel]: '1' } });
    const container = await startContainer({
      name: ownLoki,
      image: imageTag('loki'),
      user: theirs.Config.User,
      command: [
        ...theirs.Config.Cmd,
        '-compactor.compaction-interval=1s',
        '-compactor.retention-delete-delay=1s',
      ],
      network,
      binds: [`${files}:${configFolder}:ro`, `${data}:${lokiDataFolder}`],
    });
    // Loki's image has no shell.
    await startContainer({
      name: reader,
      command: ['sleep', '3600'],
      network: 'none',
      binds: [`${data}:/data:ro`],
    });
    await ready();
    const [running, stacks] = await Promise.all([configOf(own), configOf(b.project)]);
    expect(running.limits_config).toEqual(stacks.limits_config);
    expect(running.compactor).toMatchObject({
      compaction_interval: '1s',
      retention_delete_delay: '1s',
      retention_enabled: stacks.compactor.retention_enabled,
    });

    // 10 s is far more than a push takes, and less than the restart that follows.
    const now = Math.floor(Date.now() / 1000);
    const stamps = { gone: now - retention.logs + 10, kept: now - retention.logs + 10 + hour };
    const push = async (stream: string, stamp: number) => {
      const values = [[`${String(stamp)}000000000`, `${stream} ${word}`]];
      return json<string>(`${await urlOf(own)}/loki/api/v1/push`, {
        body: { streams: [{ stream: { e2e: stream }, values }] },
      });
    };
    const refused = await push('refused', now - retention.logs - 10);
    expect(refused.status).toBe(400);
    expect(refused.body).toContain('timestamp too old');
    for (const [stream, stamp] of Object.entries(stamps))
      expect((await push(stream, stamp)).status).toBe(204);
    await fetch(`${await urlOf(own)}/flush`, { method: 'POST', signal: AbortSignal.timeout(20_000) });

    const answered = async (stream: keyof typeof stamps): Promise<string[]> => {
      const query = {
        query: `{e2e="${stream}"}`,
        start: `${String(stamps[stream] - 60)}000000000`,
        end: `${String(stamps[stream] + 60)}000000000`,
      };
      return inOrder((await loki<{ result: Stream[] }>(own, 'query_range', query)).result);
    };
    // The control: both lines are answered, and each is in a file.
    for (const stream of ['gone', 'kept'] as const) {
      const found = await until(
        () => answered(stream).catch(() => []),
        (lines) => lines.length > 0,
      );
      expect(found).toEqual([`${stream} ${word}`]);
      expect(
        await until(
          () => chunksWith(stream),
          (paths) => paths.length > 0,
        ),
      ).toHaveLength(1);
    }

    // Its index reaches the compactor when it stops: otherwise after a quarter of an hour.
    await container.restart({ t: 30 });
    await ready();
    const marked = () =>
      reading(['find', '/data/compactor/retention', '-path', '*/markers/*', '-type', 'f']).catch(() => []);
    expect(await until(marked, (paths) => paths.length > 0)).not.toEqual([]);
    // What is marked is deleted at the next look, which is at the start, then once a minute.
    await container.restart({ t: 30 });
    await ready();
    expect(
      await until(
        () => chunksWith('gone'),
        (paths) => paths.length === 0,
      ),
    ).toEqual([]);
    expect(await answered('gone')).toEqual([]);
    expect(await chunksWith('kept')).toHaveLength(1);
    expect(await answered('kept')).toEqual([`kept ${word}`]);
  });
});

/** The blocks that promtool prints; times in milliseconds. */
const blocksIn = (printed: string) =>
  [...printed.matchAll(/^([0-9A-Z]{26}) +(\d+) +(\d+) /gm)].map(([, id = '', from, to]) => ({
    id,
    from: Number(from),
    to: Number(to),
  }));

const ready = async (): Promise<void> => {
  const ask = async () => (await json(`${await urlOf(own)}/ready`)).status;
  const status = await until(
    () => ask().catch(() => 0),
    (answer) => answer === 200,
    { every: 200 },
  );
  if (status !== 200) throw new Error(`${ownLoki} does not become ready`);
};

/** Lines of a command that reads the volume of the test's own Loki. */
async function reading(command: string[]): Promise<string[]> {
  const { code, stdout, stderr } = await exec(reader, command);
  // grep finds nothing: 1.
  if (code > 1) throw new Error(stderr);
  return stdout.split('\n').filter(Boolean);
}
/** The files that hold a line, as it stands: Loki's chunks are packed, and a word without repetition comes out whole. */
const chunksWith = (stream: string) => reading(['grep', '-rl', `${stream} ${word}`, '/data/chunks/fake']);
