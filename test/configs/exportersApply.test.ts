import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { blackboxRevision, renderBlackbox } from '../../configs/exporters/blackbox.ts';
import { apply as applyBlackbox } from '../../configs/exporters/blackboxApply.ts';
import { apply as applyCadvisor } from '../../configs/exporters/cadvisorApply.ts';
import { apply as applySocketProxy } from '../../configs/socketProxy/apply.ts';
import { answering, Place, type Reply, silence } from './pretended.ts';

let place: Place;
beforeEach(() => {
  place = new Place();
});
afterEach(() => {
  vi.restoreAllMocks();
});

describe('3.14: blackbox_exporter', () => {
  const told = { revision: '0123456789ab' };
  const running = (revision = told.revision): Reply => [
    200,
    `modules:\n  site:\n    prober: http\n  revision_${revision}:\n    prober: tcp\n`,
  ];
  const blackbox = (answers: Record<string, Reply | Reply[]> = {}) =>
    answering({
      'GET /-/healthy': [200, 'Healthy'],
      'POST /-/reload': [200],
      'GET /config': running(),
      ...answers,
    });
  const failure = (answers: Record<string, Reply | Reply[]>) =>
    place.failure(applyBlackbox, blackbox(answers), told);

  test('reloads, and says which revision it runs', async () => {
    expect(await applyBlackbox(place.running(blackbox()), told)).toBe(
      'blackbox_exporter runs revision 0123456789ab',
    );
    expect(place.asked).toEqual(['GET /-/healthy', 'POST /-/reload', 'GET /config']);
  });

  test('is found to run the file that was rendered', async () => {
    const files = renderBlackbox([{ name: 'site', url: 'https://example.com', status: [] }]);
    const program = blackbox({ 'GET /config': [200, files['blackbox.yml']] });
    expect(await applyBlackbox(place.running(program), { revision: blackboxRevision(files) })).toMatch(
      /^blackbox_exporter runs revision [0-9a-f]{12}$/,
    );
  });

  test('that refuses to reload still runs the old files, and says why', async () => {
    expect(await failure({ 'POST /-/reload': [500, 'failed to reload config: yaml\n'] })).toEqual({
      message: 'POST /-/reload answered 500 instead of 200:\nfailed to reload config: yaml',
      runs: 'old',
    });
    expect(await failure({ 'POST /-/reload': [401, 'Unauthorized'] })).toMatchObject({ runs: 'old' });
    expect(await failure({ 'POST /-/reload': silence })).toMatchObject({ runs: 'old' });
  });

  test.each(['fedcba987654', '0123456789abc', '0123456789a', ''])(
    'that runs revision %j still runs the old files',
    async (revision) => {
      expect(await failure({ 'GET /config': running(revision) })).toEqual({
        message: 'Its /config does not name revision 0123456789ab after the reload.',
        runs: 'old',
      });
    },
  );

  test('that does not show its configuration may run either files', async () => {
    expect(await failure({ 'GET /config': [500] })).toEqual({
      message: 'GET /config answered 500 instead of 200',
      runs: 'unknown',
    });
  });

  test.each([
    ['does not answer', silence, 'was not answered: connection refused'],
    ['asks for a password', [401, 'Unauthorized'], 'answered 401:\nUnauthorized'],
  ] as [string, Reply, string][])('that %s for a minute may run either files', async (_, reply, why) => {
    expect(await failure({ 'GET /-/healthy': reply })).toEqual({
      message: `not ready after 60 s: GET /-/healthy ${why}`,
      runs: 'unknown',
    });
    expect(place.waited).toBeGreaterThanOrEqual(60_000);
    expect(place.asked).not.toContain('POST /-/reload');
  });
});

describe('3.14: cAdvisor', () => {
  const told = { service: 'cadvisor', folder: '/run/containerd', stack: 'prod' };
  const series = (service: string): Reply => [
    200,
    `container_last_seen{container_label_com_docker_compose_service="${service}",id="/docker/1"} 1\n`,
  ];
  const cadvisor = (answers: Record<string, Reply | Reply[]> = {}) =>
    answering({ 'GET /healthz': [200, 'ok'], 'GET /metrics': series('cadvisor'), ...answers });
  const failure = (answers: Record<string, Reply | Reply[]>) =>
    place.failure(applyCadvisor, cadvisor(answers), told);

  test('names containers, its own among them', async () => {
    expect(await applyCadvisor(place.running(cadvisor()), told)).toBe('cAdvisor names containers');
    expect(place.asked).toEqual(['GET /healthz', 'GET /metrics']);
  });

  test('may need some seconds to find them', async () => {
    const program = cadvisor({ 'GET /metrics': [[200, ''], silence, [200, ''], series('cadvisor')] });
    expect(await applyCadvisor(place.running(program), told)).toBe('cAdvisor names containers');
    expect(place.waited).toBeGreaterThan(0);
  });

  test.each([
    ['no container', [200, 'container_last_seen{id="/"} 1\n']],
    ['other containers only', series('loki')],
    ['nothing, without a password', [401]],
  ] as [string, Reply][])(
    'that names %s does not find containerd: it says where to look',
    async (_, reply) => {
      expect(await failure({ 'GET /metrics': reply })).toEqual({
        message: `It names no container. It asks containerd, whose socket it expects in /run/containerd of the host.
Find it there (ls -d /run/containerd /run/docker/containerd), then type:
  pulumi config set -s prod --path taffrail:cadvisor.containerd <folder>`,
        runs: 'new',
      });
      expect(place.waited).toBeGreaterThanOrEqual(30_000);
    },
  );

  test('that does not start in a minute fails, with its last word', async () => {
    expect(await failure({ 'GET /healthz': silence })).toEqual({
      message: 'not ready after 60 s: GET /healthz was not answered: connection refused',
      runs: 'new',
    });
    expect(place.asked).not.toContain('GET /metrics');
  });
});

describe('3.14, 3.15: the socket proxy', () => {
  const proxy = (reply: Reply | Reply[]) => answering({ 'GET /_ping': reply });

  test('answers for the engine', async () => {
    expect(await applySocketProxy(place.running(proxy([200, 'OK'])), {})).toBe(
      'the socket proxy answers for the engine',
    );
    expect(place.asked).toEqual(['GET /_ping']);
  });

  test('is waited for while it starts', async () => {
    await applySocketProxy(place.running(proxy([silence, [503], [200, 'OK']])), {});
    expect(place.asked).toHaveLength(3);
  });

  test.each([
    [
      'cannot open the socket',
      [503, 'No server is available to handle this request.'],
      'answered 503:\nNo server is available to handle this request.',
    ],
    ['refuses what it should let through', [403], 'answered 403'],
    ['is asked for a password by the engine', [401], 'answered 401'],
    ['does not answer', silence, 'was not answered: connection refused'],
  ] as [string, Reply, string][])(
    'that %s fails after a minute, with its last word',
    async (_, reply, why) => {
      expect(await place.failure(applySocketProxy, proxy(reply), {})).toEqual({
        message: `not ready after 60 s: GET /_ping ${why}`,
        runs: 'new',
      });
      expect(place.waited).toBeGreaterThanOrEqual(60_000);
    },
  );
});
