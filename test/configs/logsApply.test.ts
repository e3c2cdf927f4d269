import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { apply as applyLoki } from '../../configs/loki/apply.ts';
import { lokiRevision, renderLoki } from '../../configs/loki/render.ts';
import { lokiSettings } from '../../configs/loki/settings.ts';
import { apply as applyPromtail } from '../../configs/promtail/apply.ts';
import { promtailRevision, renderPromtail } from '../../configs/promtail/render.ts';
import { answering, Place, type Reply, silence } from './pretended.ts';

let place: Place;
beforeEach(() => {
  place = new Place();
});
afterEach(() => {
  vi.restoreAllMocks();
});

const told = { revision: '0123456789ab' };
const others = ['fedcba987654', '0123456789abc', '0123456789a', ''];

describe('3.14: Loki', () => {
  const running = (label = told.revision): Reply => [
    200,
    `target: all\nmemberlist:\n  cluster_label: ${label}\n  cluster_label_verification_disabled: false\n`,
  ];
  const loki = (answers: Record<string, Reply | Reply[]> = {}) =>
    answering({ 'GET /ready': [200, 'ready\n'], 'GET /config': running(), ...answers });
  const failure = (answers: Record<string, Reply | Reply[]>) => place.failure(applyLoki, loki(answers), told);

  test('says which revision it runs; nothing is reloaded', async () => {
    expect(await applyLoki(place.running(loki()), told)).toBe('Loki runs revision 0123456789ab');
    expect(place.asked).toEqual(['GET /ready', 'GET /config']);
  });

  test('is found to run the file that was rendered', async () => {
    const files = renderLoki(lokiSettings.parse({}));
    const program = loki({ 'GET /config': [200, files['loki.yml']] });
    expect(await applyLoki(place.running(program), { revision: lokiRevision(files) })).toMatch(
      /^Loki runs revision [0-9a-f]{12}$/,
    );
  });

  test('may quote it: some revisions look like numbers', async () => {
    const quoted = loki({ 'GET /config': running('"012345678901"') });
    expect(await applyLoki(place.running(quoted), { revision: '012345678901' })).toContain('012345678901');
  });

  test('is waited for while its ring settles', async () => {
    const settling: Reply[] = [
      silence,
      [503, 'Ingester not ready: waiting for 15s after being ready\n'],
      [200],
    ];
    expect(await applyLoki(place.running(loki({ 'GET /ready': settling })), told)).toContain(told.revision);
    expect(place.waited).toBeGreaterThan(0);
  });

  test.each([
    ['is not ready', [503, 'Ingester not ready\n'], 'answered 503:\nIngester not ready'],
    ['asks for a password', [401, 'no org id\n'], 'answered 401:\nno org id'],
    ['does not answer', silence, 'was not answered: connection refused'],
  ] as [string, Reply, string][])(
    'that %s for two minutes fails, with its last word',
    async (_, reply, why) => {
      expect(await failure({ 'GET /ready': reply })).toEqual({
        message: `not ready after 120 s: GET /ready ${why}`,
        // Its container was replaced: it has no other files.
        runs: 'new',
      });
      expect(place.waited).toBeGreaterThanOrEqual(120_000);
    },
  );

  test.each(others)('that runs revision %j does not run the new one', async (revision) => {
    expect(await failure({ 'GET /config': running(revision) })).toEqual({
      message: 'Its /config does not name revision 0123456789ab: it runs other files than those delivered.',
      runs: 'unknown',
    });
  });

  test('that does not show its configuration fails', async () => {
    expect(await failure({ 'GET /config': [404, '404 page not found'] })).toEqual({
      message: 'GET /config answered 404 instead of 200:\n404 page not found',
      runs: 'new',
    });
  });
});

describe('3.14: Promtail', () => {
  const running = (revision = told.revision): Reply => [
    200,
    `clients:\n  - url: http://loki:3100/loki/api/v1/push\n    headers:\n      X-Taffrail-Revision: ${revision}\n    batchwait: 1s\n`,
  ];
  const promtail = (answers: Record<string, Reply | Reply[]>) =>
    answering({ 'POST /reload': [200], ...answers });
  const failure = (answers: Record<string, Reply | Reply[]>) =>
    place.failure(applyPromtail, promtail(answers), told);

  test('that runs the new files already is not reloaded', async () => {
    const program = promtail({ 'GET /config': running() });
    expect(await applyPromtail(place.running(program), told)).toBe('Promtail runs revision 0123456789ab');
    expect(place.asked).toEqual(['GET /config']);
  });

  test('is found to run the file that was rendered', async () => {
    const files = renderPromtail({
      host: 'vps-1',
      project: 'taffrail-prod',
      collector: { keep: 'own', labels: [], metadata: [] },
      refresh: 5,
      docker: 'tcp://socket-proxy:2375',
      loki: 'http://loki:3100',
    });
    const program = promtail({ 'GET /config': [200, files['promtail.yml']] });
    expect(await applyPromtail(place.running(program), { revision: promtailRevision(files) })).toMatch(
      /^Promtail runs revision [0-9a-f]{12}$/,
    );
    expect(place.asked).toEqual(['GET /config']);
  });

  test('that runs others is reloaded and asked again', async () => {
    const program = promtail({ 'GET /config': [running('fedcba987654'), running('"0123456789ab"')] });
    expect(await applyPromtail(place.running(program), told)).toBe('Promtail runs revision 0123456789ab');
    expect(place.asked).toEqual(['GET /config', 'POST /reload', 'GET /config']);
  });

  test('is waited for while it starts', async () => {
    const program = promtail({ 'GET /config': [silence, silence, running()] });
    expect(await applyPromtail(place.running(program), told)).toContain(told.revision);
    expect(place.waited).toBeGreaterThan(0);
  });

  test('that refuses to reload still runs the old files, and says why', async () => {
    const refusing = {
      'GET /config': running('fedcba987654'),
      'POST /reload': [500, 'yaml: line 3\n'] as Reply,
    };
    expect(await failure(refusing)).toEqual({
      message: 'POST /reload answered 500 instead of 200:\nyaml: line 3',
      runs: 'old',
    });
  });

  test.each(others)('that runs revision %j after the reload still runs the old files', async (revision) => {
    expect(await failure({ 'GET /config': running(revision) })).toEqual({
      message: 'Its /config does not name revision 0123456789ab after the reload.',
      runs: 'old',
    });
  });

  test('that does not answer after the reload may run either files', async () => {
    expect(await failure({ 'GET /config': [running('fedcba987654'), silence] })).toEqual({
      message: 'GET /config was not answered: connection refused',
      runs: 'unknown',
    });
  });

  test.each([
    ['does not answer', silence, 'was not answered: connection refused'],
    ['asks for a password', [401], 'answered 401'],
  ] as [string, Reply, string][])('that %s for two minutes may run either files', async (_, reply, why) => {
    expect(await failure({ 'GET /config': reply })).toEqual({
      message: `not ready after 120 s: GET /config ${why}`,
      runs: 'unknown',
    });
    expect(place.waited).toBeGreaterThanOrEqual(120_000);
    expect(place.asked).not.toContain('POST /reload');
  });
});
