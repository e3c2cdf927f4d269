import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { apply as applyGrafana } from '../../configs/grafana/apply.ts';
import { type Datasource, lokiDatasource, prometheusDatasource } from '../../configs/grafana/datasources.ts';
import { grafanaExpected } from '../../configs/grafana/expected.ts';
import { type GrafanaConfig, renderGrafana } from '../../configs/grafana/render.ts';
import { grafanaSettings } from '../../configs/grafana/settings.ts';
import { Unanswered } from '../../configs/running.ts';
import { Place } from './pretended.ts';
import { adminPassword, PretendedGrafana } from './pretendedGrafana.ts';

const own = (title: string) => ({ 'Extra/own.json': `{"uid": "own", "title": "${title}"}\n` });
const config = (given: Partial<GrafanaConfig> = {}, editableDashboards = false): GrafanaConfig => ({
  settings: grafanaSettings.parse({ editableDashboards }),
  datasources: [lokiDatasource, prometheusDatasource(15, false)],
  dashboards: own('First'),
  metrics: true,
  dashboardsFolder: '/etc/taffrail/dashboards',
  secretsFolder: '/run/secrets',
  ...given,
});
/** A Grafana that has read these files. */
const running = (given: GrafanaConfig) => new PretendedGrafana().read(renderGrafana(given));

let place: Place;
beforeEach(() => {
  place = new Place();
});
afterEach(() => {
  vi.restoreAllMocks();
});

const apply = (given: GrafanaConfig, grafana: PretendedGrafana) =>
  place.apply(applyGrafana, grafana, {
    ...{ stack: 'prod', adminUser: 'admin', adminPassword, configFile: '/etc/taffrail/current/grafana.ini' },
    ...{ expected: grafanaExpected(given), passwords: {} },
  });
const ran = { line: 'Grafana runs 2 datasources, 2 dashboards, 0 further users' };

describe('grafana-reload reads back what Grafana runs', () => {
  test('3.14: it ends well when that is what was written', async () => {
    expect(await apply(config(), running(config()))).toEqual(ran);
    expect(place.waited).toBe(0);
  });

  test('3.14: it waits for a Grafana that is starting', async () => {
    const grafana = running(config());
    const { answers } = grafana;
    grafana.answers = (method, path, asked) => {
      if (place.waited < 200_000) throw new Unanswered('connection refused');
      return answers(method, path, asked);
    };
    expect(await apply(config(), grafana)).toEqual(ran);
    grafana.answers = () => ({ status: 503, body: '{"database": "failing"}' });
    expect((await apply(config(), grafana)).error).toBe(
      'not ready after 240 s: GET /api/health answered 503:\n{"database": "failing"}',
    );
  });

  test('3.14: an edited dashboard with its old content is seen, be it a title or a panel', async () => {
    const second = config({ dashboards: own('Second') });
    const { error } = await apply(second, running(config()));
    expect(error).toMatch(
      /^Grafana does not run these dashboards as written: own \(revision \d+\)\nIts container's log says why/,
    );
    expect(error).toMatch(/npm run up -- -s prod$/);
    // The revision of a panel, or in a text, is not the dashboard's.
    const grafana = running(config());
    const { revision } = JSON.parse(renderGrafana(second)['dashboards/Extra/own.json'] ?? '') as {
      revision: number;
    };
    grafana.dashboards.set('own', {
      ...grafana.dashboards.get('own'),
      ...{ uid: 'own', text: `{"revision":${String(revision)}}`, panels: [{ revision }] },
    });
    expect((await apply(second, grafana)).error).toContain('own');
  });

  test('3.14: a dashboard that Grafana reads a little later is waited for', async () => {
    const second = config({ dashboards: own('Second') });
    const grafana = running(config());
    const { answers } = grafana;
    grafana.answers = (method, path, asked) => {
      if (place.waited > 10_000) grafana.read(renderGrafana(second));
      return answers(method, path, asked);
    };
    expect(await apply(second, grafana)).toEqual(ran);
  });

  test.each<[string, Datasource[], string]>([
    [
      'an interval',
      [lokiDatasource, prometheusDatasource(5, false)],
      'jsonData.timeInterval: found "5s", expected "15s"',
    ],
    [
      'the default',
      [lokiDatasource, prometheusDatasource(15, true)],
      'isDefault: found true, expected false',
    ],
    [
      'a number that begins alike',
      [{ ...lokiDatasource, jsonData: { maxLines: 10_000, timeout: 60 } }],
      'jsonData.maxLines: found 10000, expected 1000',
    ],
    [
      'a field that is gone',
      [{ ...lokiDatasource, jsonData: { maxLines: 1000 } }],
      'jsonData.timeout: found nothing, expected 60',
    ],
  ])('3.14: an edited datasource with its old content is seen: %s', async (_, datasources, difference) => {
    const { error } = await apply(config(), running(config({ datasources })));
    expect(error).toMatch(/^Grafana does not run the datasource \w+ as written:\n/);
    expect(error).toContain(`\n  ${difference}\n`);
  });

  test('3.14: a datasource is asked whether it answers, until its store has started', async () => {
    const grafana = running(config());
    grafana.health = (uid) =>
      uid === 'prometheus' && place.waited < 50_000
        ? [400, { status: 'ERROR', message: 'connection refused' }]
        : [200, { status: 'OK', message: 'Successfully queried the Prometheus API.' }];
    expect(await apply(config(), grafana)).toEqual(ran);
    expect(grafana.asked).toContain('GET /api/datasources/uid/loki/health');
    expect(place.waited).toBe(50_000);
  });

  test.each<[string, [number, unknown], string]>([
    ['whose store is away', [400, { status: 'ERROR', message: 'connection refused' }], 'connection refused'],
    [
      'whose plugin is gone, while the rest of Grafana is well',
      [500, { message: 'Unable to find datasource plugin' }],
      'Unable to find datasource plugin',
    ],
    ['that answers no JSON', [502, 'Bad Gateway'], '502 "Bad Gateway"'],
    ['that is well by its status only', [200, { status: 'UNKNOWN', message: 'not sure' }], 'not sure'],
  ])('3.14: a datasource %s is said', async (_, said, message) => {
    const grafana = running(config());
    grafana.health = () => said;
    const { error } = await apply(config(), grafana);
    expect(error).toMatch(
      /^Grafana still cannot query the datasource loki at http:\/\/loki:3100 after 240 s: /,
    );
    expect(error).toContain(`after 240 s: ${message}\n`);
    expect(error).toContain('A datasource whose plugin is missing is an error too');
    expect(error).toMatch(/Then run: npm run up -- -s prod$/);
  });

  test('3.14: what left the settings must be gone, and what people made is not asked for', async () => {
    const grafana = running(config());
    grafana.dashboards.set('by-hand', { uid: 'by-hand' });
    expect(await apply(config(), grafana)).toEqual(ran);
    const less = config({ dashboards: {}, datasources: [lokiDatasource] });

    const both = await apply(
      less,
      running(config({ datasources: [lokiDatasource, prometheusDatasource(15, false)] })),
    );
    expect(both.error).toMatch(/^Grafana still has prometheus among its datasources/);
    const half = running(less);
    half.dashboards.set('own', { uid: 'own' });
    expect((await apply(less, half)).error).toMatch(/^Grafana still has own among its dashboards/);

    const gone = running(less);
    gone.dashboards.set('by-hand', { uid: 'by-hand' });
    expect((await apply(less, gone)).line).toMatch(/^Grafana runs 1 datasource, 1 dashboard,/);
    expect(gone.asked).toContain('GET /api/dashboards/uid/own');
    expect(gone.asked.join()).not.toContain('by-hand');
    // Once seen to be gone it is free for people.
    gone.dashboards.set('own', { uid: 'own' });
    expect((await apply(less, gone)).error).toBeUndefined();
  });

  test('3.14: what a run that failed had brought must go, too', async () => {
    const second = config({ dashboards: own('Second') });
    expect((await apply(second, running(config()))).error).toBeDefined();
    const none = config({ dashboards: {} });
    expect((await apply(none, running(second))).error).toMatch(/^Grafana still has own among its dashboards/);
  });

  test('what people changed in the browser counts where they may, once the file was read back', async () => {
    const edited = (given: GrafanaConfig) => {
      const grafana = running(given);
      grafana.dashboards.set('own', { uid: 'own', title: 'Of a person' });
      return grafana;
    };
    const editable = config({}, true);
    const second = config({ dashboards: own('Second') }, true);
    expect((await apply(editable, edited(editable))).error).toContain('own');
    expect(await apply(editable, running(editable))).toEqual(ran);
    expect(await apply(editable, edited(editable))).toEqual(ran);
    // A file that changed wins, and so does one that nobody may edit.
    expect((await apply(second, edited(second))).error).toContain('own');
    expect(await apply(editable, edited(editable))).toEqual(ran);
    expect((await apply(config(), edited(config()))).error).toContain('own');
  });

  test('what was read back counts, though another dashboard failed', async () => {
    const editable = config({}, true);
    const grafana = running(editable);
    const stack = [...grafana.dashboards.keys()].find((uid) => uid !== 'own') ?? '';
    grafana.dashboards.delete(stack);
    expect((await apply(editable, grafana)).error).toContain(`as written: ${stack} (`);
    const next = running(editable);
    next.dashboards.set('own', { uid: 'own', title: 'Of a person' });
    expect(await apply(editable, next)).toEqual(ran);
  });

  test('3.14: a reload that Grafana refuses is said with its words', async () => {
    const grafana = running(config());
    const { answers } = grafana;
    grafana.answers = (method, path, asked) =>
      path.endsWith('datasources/reload')
        ? { status: 500, body: '{"message":"Datasource provisioning error: data source not found"}' }
        : answers(method, path, asked);
    expect((await apply(config(), grafana)).error).toMatch(
      /^POST \/api\/admin\/provisioning\/datasources\/reload answered 500 instead of 200:\n.*data source not found/,
    );
  });
});
