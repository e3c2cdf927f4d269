import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { each, faults, none, numbers } from '../lib/counted.ts';
import { docker, ensureNetwork, logsOf, startContainer } from '../lib/engine.ts';
import { until } from '../lib/http.ts';
import { a, b, collected, counterCommand, ensureStacks } from '../lib/stacks.ts';
import { inOrder, lines, loki } from '../lib/stores.ts';
import { team } from '../lib/team.ts';

// Four containers print 10,000 lines between them; none was started by Taffrail. Two that print the same are not asked for.
const burst = 120;
const selected = {
  'e2e-by-project': {
    'com.docker.compose.project': collected.project,
    'com.docker.compose.service': 'orders',
  },
  'e2e-by-label': { [collected.label]: 'yes' },
  'e2e-by-both': {
    'com.docker.compose.project': collected.project,
    'com.docker.compose.service': 'both',
    [collected.label]: 'yes',
  },
  'e2e-own-service': {
    'com.docker.compose.project': collected.project,
    'com.docker.compose.service': 'orders',
  },
};
const unselected = {
  'e2e-other-project': { 'com.docker.compose.project': 'e2e-other', 'com.docker.compose.service': 'other' },
  'e2e-other-value': { [collected.label]: 'no' },
};
const network = 'e2e-workloads';
const long = 'e2e-long-line';

/** The errors among a program's own lines from a moment on; both in UTC, so that they compare as text. */
const errorsSince = (log: string, moment: string): string[] =>
  log
    .split('\n')
    .filter((line) => /level=error/.test(line) && (/\bts=(\S+)/.exec(line)?.[1] ?? 'never') > moment);

beforeAll(async () => {
  await ensureStacks();
  await ensureNetwork(network);
  await Promise.all([
    ...Object.entries({ ...selected, ...unselected }).map(([name, labels]) =>
      startContainer({
        name,
        labels,
        network,
        command: counterCommand(each, burst, name === 'e2e-own-service' ? 'billing' : ''),
        user: '65534:65534',
      }),
    ),
    startContainer({
      name: long,
      labels: { [collected.label]: 'yes' },
      network,
      // 40,000 characters: the engine splits a line at 16 KiB.
      command: ['sh', '-c', "head -c 40000 /dev/zero | tr '\\0' x; echo end; exec sleep 3600"],
    }),
  ]);
});

afterAll(async () => {
  await Promise.all(
    [...Object.keys({ ...selected, ...unselected }), long].map((name) =>
      docker.getContainer(name).remove({ force: true, v: true }),
    ),
  );
  await docker.getNetwork(network).remove();
});

describe('10,000 numbered lines', () => {
  it.each(Object.keys(selected))('S2 A1: those of %s arrive complete, in order, once', async (container) => {
    const found = await until(
      async () => numbers(await lines(a.project, `{container="${container}"}`)),
      (list) => list.length >= each,
      { seconds: 60 },
    );
    expect(faults(found)).toEqual(none);
    expect(found).toHaveLength(each);
  });

  it('S2 S5: those of a project that its own `docker compose` started arrive, named as compose names them', async () => {
    const found = await until(
      () => lines(a.project, `{project="${team.project}", service="db"}`),
      (streams) => streams.length > 0,
    );
    expect(found[0]?.stream).toMatchObject({ container: team.container, job: 'docker', host: 'e2e-host-a' });
    expect(inOrder(found).join('\n')).toContain('database system is ready to accept connections');
  });

  it('S2: lines of containers that nobody selected do not arrive', async () => {
    for (const container of Object.keys(unselected)) {
      // The control: they printed the same lines at the same time as the others.
      expect((await logsOf(container)).split('\n').filter(Boolean)).toHaveLength(each);
      expect(await lines(a.project, `{container="${container}"}`)).toEqual([]);
    }
    // Stack B collects its own only.
    expect(await lines(b.project, '{container=~"e2e-.*"}')).toEqual([]);
    expect((await lines(b.project, `{project="${b.project}"}`)).length).toBeGreaterThan(0);
  });

  it('S2: the check for completeness sees a lost, a repeated and a late line', () => {
    const all = Array.from({ length: each }, (_, index) => index + 1);
    expect(faults(all)).toEqual(none);
    expect(faults(all.filter((n) => n !== 7)).missing).toEqual([7]);
    expect(faults([...all, each]).repeated).toEqual([each]);
    expect(faults([2, 1, ...all.slice(2)]).backwards).toEqual([1]);
  });

  it('S2: a line longer than 16 KiB arrives as one', async () => {
    const found = await until(
      async () => inOrder(await lines(a.project, `{container="${long}"}`)),
      (list) => list.length > 0,
    );
    expect(found.map((line) => line.length)).toEqual([40_003]);
  });

  it('S5 A3: the labels of a stream are these, and no others', async () => {
    const series = await loki<Record<string, string>[]>(a.project, 'series', {
      match: '{container="e2e-by-project"}',
    });
    const common = {
      container: 'e2e-by-project',
      project: 'e2e-shop',
      service: 'orders',
      job: 'docker',
      host: 'e2e-host-a',
    };
    const wanted = ['error', 'info'].map((level) => ({
      ...common,
      level,
      logger: 'counter',
      handler: 'count',
    }));
    expect(
      [...series].sort((one, other) => (one['level'] ?? '').localeCompare(other['level'] ?? '')),
    ).toEqual(wanted);
  });

  it('S5: a line’s own service wins over compose’s; without either it is the container’s name', async () => {
    const services = async (container: string) => [
      ...new Set(
        (
          await loki<Record<string, string>[]>(a.project, 'series', { match: `{container="${container}"}` })
        ).map(({ service }) => service),
      ),
    ];
    expect(await services('e2e-own-service')).toEqual(['billing']);
    expect(await services('e2e-by-both')).toEqual(['both']);
    expect(await services('e2e-by-label')).toEqual(['e2e-by-label']);
  });

  it('A3 S5: user_id, chat_id and event are structured metadata, never labels', async () => {
    const found = await lines(
      a.project,
      '{container="e2e-by-project"} | user_id="1042" | event="counter.line"',
    );
    expect(inOrder(found).map((line) => (JSON.parse(line) as { n: number }).n % 100)).toEqual(
      Array.from({ length: each / 100 }, () => 42),
    );
    expect(found[0]?.stream).toMatchObject({ user_id: '1042', event: 'counter.line' });
    const labels = await loki<string[]>(a.project, 'labels');
    expect(labels.sort()).toEqual([
      'container',
      'handler',
      'host',
      'job',
      'level',
      'logger',
      'project',
      'service',
    ]);
  });

  it('A3: the bot’s lines carry level, logger and handler; A7: the seed’s log queries answer', async () => {
    const bot = await until(
      () => lines(a.project, '{service="bot"} | json | event="claude_handler.message_received"'),
      (found) => found.length > 0,
      { seconds: 30 },
    );
    expect(bot[0]?.stream).toMatchObject({
      level: 'info',
      logger: 'claude',
      handler: 'claude',
      project: a.project,
    });
    const queries = [
      '{service="bot"}',
      '{service="bot"} | json | level="error"',
      '{service="bot"} | json | user_id="100002"',
      '{service="bot"} | json | logger="claude"',
      '{service="bot"} | json | level="error" | line_format "{{.event}}: {{.error}}"',
    ];
    for (const query of queries) {
      const answer = await until(
        () => lines(a.project, query),
        (found) => found.length > 0,
        { seconds: 30 },
      );
      expect(answer.length, query).toBeGreaterThan(0);
    }
    // Corrected: without `sum by` each line would be a series of its own.
    for (const query of [
      'sum by (service) (count_over_time({service="bot"} | json | event="claude_handler.message_received" [1m]))',
      'sum by (model_id) (sum_over_time({service="bot"} | json | event="claude_handler.user_charged" | unwrap cost_usd [1h]))',
    ]) {
      const { result } = await loki<{ result: unknown[] }>(a.project, 'query', { query });
      expect(result.length, query).toBe(1);
    }
  });

  it('A7: once they are ready, neither Loki nor Promtail prints an error', async () => {
    const errorsOf = async (service: string, since: string) =>
      errorsSince(await logsOf(`${a.project}-${service}`), since);
    const { resources } = (await a.shownState()).deployment;
    for (const [service, job] of [
      ['loki', 'loki-restart'],
      ['promtail', 'promtail-reload'],
    ] as const) {
      const ready = resources.find(({ urn }) => urn.endsWith(`::${job}`))?.modified ?? '';
      expect(ready, job).toMatch(/^\d{4}-.*Z$/);
      // Loki's own parts ask each other once more within two seconds of that.
      const quiet = new Date(Date.parse(ready) + 3000).toISOString();
      expect(await errorsOf(service, quiet), service).toEqual([]);
    }
    // The control: while its parts look for each other, Loki prints some.
    expect((await errorsOf('loki', '')).length).toBeGreaterThan(0);
  });

  it('A2 S5: an App whose image is given says what its environment has, and its line is the App’s', async () => {
    const found = await until(
      () => lines(b.project, `{service="hello", container="${b.project}-hello"}`),
      (streams) => streams.length > 0,
      { seconds: 30 },
    );
    expect(inOrder(found)).toEqual(['hello, observer']);
  });

  it('A2: the bot read seven secrets and says only their sizes', async () => {
    const said = (await logsOf(`${a.project}-bot`))
      .split('\n')
      .filter((line) => line.includes('startup.secret_read'));
    const sizes = said.map((line) => JSON.parse(line) as { secret: string; bytes: number });
    expect(sizes.map(({ secret }) => secret).sort()).toEqual([
      ...['anthropic_api_key', 'e2b_api_key', 'google_api_key', 'openai_api_key', 'postgres_password'],
      ...['privileged_users', 'telegram_bot_token'],
    ]);
    expect(sizes.every(({ bytes }) => bytes > 20)).toBe(true);
  });
});
