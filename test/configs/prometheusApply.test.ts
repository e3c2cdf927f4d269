import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { apply } from '../../configs/prometheus/apply.ts';
import { prometheusRevision, renderPrometheus } from '../../configs/prometheus/render.ts';
import { basic, Unanswered } from '../../configs/running.ts';
import { answering, Place, type Reply, silence } from './pretended.ts';

let place: Place;
beforeEach(() => {
  place = new Place();
});
afterEach(() => {
  vi.restoreAllMocks();
});

const files = renderPrometheus({
  host: 'vps-1',
  scrapeInterval: 15,
  jobs: [],
  rules: {},
  secretsFolder: '/etc/taffrail/current/secrets',
});
const revision = prometheusRevision(files);
const told = { user: 'taffrail', password: 'synthetic-0123456789', revision };
/** What it runs: the files as they were rendered, with this revision. */
const running = (of = revision): Reply => [
  200,
  JSON.stringify({
    status: 'success',
    data: { yaml: (files['prometheus.yml'] ?? '').replaceAll(revision, of) },
  }),
];
const success = (value = '1'): Reply => [
  200,
  `# TYPE prometheus_config_last_reload_successful gauge\nprometheus_config_last_reload_successful ${value}\n`,
];
const prometheus = (answers: Record<string, Reply | Reply[]> = {}) =>
  answering({
    'GET /-/ready': [200, 'Prometheus Server is Ready.\n'],
    'POST /-/reload': [200],
    'GET /api/v1/status/config': running(),
    'GET /metrics': success(),
    ...answers,
  });
const failure = (answers: Record<string, Reply | Reply[]>) => place.failure(apply, prometheus(answers), told);

describe('3.14: Prometheus', () => {
  test('reloads, and says which revision it runs', async () => {
    expect(await apply(place.running(prometheus()), told)).toBe(`Prometheus runs revision ${revision}`);
    expect(place.asked).toEqual([
      'GET /-/ready',
      'POST /-/reload',
      'GET /api/v1/status/config',
      'GET /metrics',
    ]);
    expect(place.waited).toBe(0);
  });

  test('3.15: is asked with its credentials every time', async () => {
    const { authorization } = basic(told.user, told.password);
    const program = prometheus();
    const asking: unknown[] = [];
    const { answers } = program;
    program.answers = (method, path, asked) => {
      asking.push(asked.headers?.['authorization']);
      return answers(method, path, asked);
    };
    await apply(place.running(program), told);
    expect(asking).toEqual(Array.from({ length: 4 }, () => authorization));
  });

  test('is waited for while it reads its write-ahead log', async () => {
    const starting: Reply[] = [silence, silence, [503, 'Service Unavailable'], [200]];
    expect(await apply(place.running(prometheus({ 'GET /-/ready': starting })), told)).toContain(
      told.revision,
    );
    expect(place.asked.slice(0, 5)).toEqual([
      ...Array.from({ length: 4 }, () => 'GET /-/ready'),
      'POST /-/reload',
    ]);
    expect(place.waited).toBeGreaterThan(0);
  });

  test('is waited for longer than a minute', async () => {
    const slow: Reply = () => (place.waited < 100_000 ? [503, 'Service Unavailable'] : [200]);
    expect(await apply(place.running(prometheus({ 'GET /-/ready': slow })), told)).toContain(revision);
  });

  test.each([
    ['answers, but is not ready', [503, 'Service Unavailable'], 'answered 503:\nService Unavailable'],
    ['does not answer', silence, 'was not answered: connection refused'],
  ] as [string, Reply, string][])('that %s in four minutes may run either files', async (_, reply, why) => {
    expect(await failure({ 'GET /-/ready': reply })).toEqual({
      message: `not ready after 240 s: GET /-/ready ${why}`,
      runs: 'unknown',
    });
    expect(place.waited).toBeGreaterThanOrEqual(240_000);
    expect(place.waited).toBeLessThan(241_000);
    expect(place.asked).not.toContain('POST /-/reload');
  });

  test('that refuses the new password still runs the old files', async () => {
    // What it asks for is in its old files until it reloads: a 401 means that it is there.
    const { message, runs } = await failure({
      'GET /-/ready': [401],
      'POST /-/reload': [401, 'Unauthorized'],
    });
    expect(runs).toBe('old');
    expect(message).toContain('refuses it: run the command again');
    expect(place.waited).toBe(0);
  });

  test('that refuses to reload still runs the old files, and says why', async () => {
    const why = 'failed to reload config: couldn’t load configuration: unknown field "scrap"';
    expect(await failure({ 'POST /-/reload': [500, `${why}\n`] })).toEqual({
      message: `POST /-/reload answered 500:\n${why}`,
      runs: 'old',
    });
    expect(place.asked).not.toContain('GET /metrics');
  });

  test.each(['fedcba987654', revision.slice(1), ''])(
    'that runs revision %j does not run the new one',
    async (other) => {
      expect(await failure({ 'GET /api/v1/status/config': running(other) })).toEqual({
        message: `Its configuration does not name revision ${revision} after the reload.`,
        runs: 'old',
      });
    },
  );

  test.each([
    ['its last reload failed', success('0')],
    ['it counts something else', success('10')],
    ['it says nothing of it', [200, '# nothing\n'] as Reply],
    ['only another line ends so', [200, 'x_prometheus_config_last_reload_successful 1\n'] as Reply],
  ])('is not believed when %s', async (_, reply) => {
    expect(await failure({ 'GET /metrics': reply })).toMatchObject({
      message: expect.stringContaining('prometheus_config_last_reload_successful') as string,
      runs: 'old',
    });
  });

  test.each(['GET /api/v1/status/config', 'GET /metrics'])(
    'that does not answer %s after the reload may run either files',
    async (request) => {
      expect(await failure({ [request]: [503, 'busy'] })).toEqual({
        message: `${request} answered 503 instead of 200:\nbusy`,
        runs: 'unknown',
      });
      expect((await failure({ [request]: silence })).runs).toBe('unknown');
    },
  );

  test('3.17: its password is in no error', async () => {
    for (const request of ['GET /-/ready', 'POST /-/reload', 'GET /api/v1/status/config', 'GET /metrics'])
      expect((await failure({ [request]: [403, 'forbidden'] })).message).not.toContain(told.password);
  });

  test('that dies during the reload leaves the word to the job', async () => {
    await expect(
      apply(place.running(prometheus({ 'POST /-/reload': silence })), told),
    ).rejects.toBeInstanceOf(Unanswered);
  });
});
