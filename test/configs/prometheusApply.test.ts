import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { apply as applyPrometheus } from '../../configs/prometheus/apply.ts';
import { prometheusRevision, renderPrometheus } from '../../configs/prometheus/render.ts';
import { Unanswered } from '../../configs/running.ts';
import { type Answers, Place } from './pretended.ts';

const files = renderPrometheus({
  host: 'vps-1',
  scrapeInterval: 15,
  jobs: [],
  rules: {},
  secretsFolder: '/etc/taffrail/current/secrets',
});
const revision = prometheusRevision(files);
const told = { user: 'taffrail', password: 'secret', revision };
const successful = '# TYPE x gauge\nprometheus_config_last_reload_successful 1\nprometheus_ready 1\n';

let place: Place;
beforeEach(() => {
  place = new Place();
});
afterEach(() => {
  vi.restoreAllMocks();
});

/** Prometheus as it answers when all is well, but for what a test says otherwise, by path. */
const prometheus =
  (otherwise: Record<string, ReturnType<Answers> | Error> = {}): Answers =>
  (_method, path) => {
    const answer = otherwise[path];
    if (answer instanceof Error) throw answer;
    if (answer) return answer;
    if (path === '/metrics') return { status: 200, body: successful };
    const body = JSON.stringify({ status: 'success', data: { yaml: files['prometheus.yml'] } });
    return { status: 200, body };
  };
const apply = (answers: Answers) => place.apply(applyPrometheus, { answers }, told);

describe('prometheus-reload', () => {
  test('3.14: reloads with its credentials, and ends well when that is what was written', async () => {
    const headers: unknown[] = [];
    const result = await apply((method, path, asked) => {
      headers.push(asked.headers);
      return prometheus()(method, path, asked);
    });
    expect(result).toEqual({ line: `Prometheus runs revision ${revision}` });
    expect(place.asked).toEqual([
      'GET /-/ready',
      'POST /-/reload',
      'GET /api/v1/status/config',
      'GET /metrics',
    ]);
    const authorization = `Basic ${Buffer.from('taffrail:secret').toString('base64')}`;
    expect(new Set(headers.map((one) => JSON.stringify(one)))).toEqual(
      new Set([JSON.stringify({ authorization })]),
    );
  });

  test('3.14: a reload that is refused is told in Prometheus’ own words: it runs the old files', async () => {
    const body = 'failed to reload config: one or more errors occurred while applying the new configuration\n';
    const { error } = await apply(prometheus({ '/-/reload': { status: 500, body } }));
    expect(error).toBe(`POST /-/reload answered 500:\n${body.trim()}`);
  });

  test('3.14: a reload that finds the old password in force is told so', async () => {
    const refusal = { status: 401, body: 'Unauthorized\n' };
    const { error } = await apply(prometheus({ '/-/ready': refusal, '/-/reload': refusal }));
    expect(error).toMatch(/^Its new password is not in force yet/);
  });

  test('3.14: another revision is seen', async () => {
    const yaml = (files['prometheus.yml'] ?? '').replaceAll(revision, '0123456789ab');
    const answer = { status: 200, body: JSON.stringify({ status: 'success', data: { yaml } }) };
    const { error } = await apply(prometheus({ '/api/v1/status/config': answer }));
    expect(error).toBe(`Its configuration does not name revision ${revision} after the reload.`);
  });

  test.each([
    'prometheus_config_last_reload_successful 0\n',
    'prometheus_config_last_reload_successful 10\n',
    '',
  ])('3.14: a reload that was not successful is seen, or one of which nothing is said: %j', async (body) => {
    const { error } = await apply(prometheus({ '/metrics': { status: 200, body } }));
    expect(error).toMatch(/^It does not say that its last reload was successful/);
  });

  test('3.14: an error, or silence, where it is asked what it runs', async () => {
    const path = '/api/v1/status/config';
    const wrong = await apply(prometheus({ [path]: { status: 503, body: 'Service Unavailable' } }));
    expect(wrong.error).toBe(`GET ${path} answered 503 instead of 200:\nService Unavailable`);
    const silent = await apply(prometheus({ [path]: new Unanswered('the connection was closed') }));
    expect(silent.error).toBe(`GET ${path} was not answered: the connection was closed`);
  });

  test('3.14: it waits for a Prometheus that replays its log, two minutes and no longer', async () => {
    const starting = prometheus({ '/-/ready': { status: 503, body: 'Service Unavailable' } });
    const soon: Answers = (...asked) => (place.waited < 100_000 ? starting : prometheus())(...asked);
    expect(await apply(soon)).toEqual({ line: `Prometheus runs revision ${revision}` });
    place.waited = 0;
    expect((await apply(starting)).error).toMatch(
      /^not ready after 120 s: GET \/-\/ready answered 503/,
    );
    expect(place.asked.filter((line) => line === 'POST /-/reload')).toHaveLength(1);
  });
});
