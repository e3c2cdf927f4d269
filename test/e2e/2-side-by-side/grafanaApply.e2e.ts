import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import type { Files } from '../../../configs/files.ts';
import { lokiDatasource, prometheusDatasource } from '../../../configs/grafana/datasources.ts';
import { type GrafanaConfig, renderGrafana } from '../../../configs/grafana/render.ts';
import { grafanaSettings } from '../../../configs/grafana/settings.ts';
import { Room } from '../lib/applying.ts';

const own = (title: string) => ({ 'Extra/own.json': `{"uid": "own", "title": "${title}"}\n` });
const render = (given: Partial<GrafanaConfig> = {}, editableDashboards = false): Files =>
  renderGrafana({
    settings: grafanaSettings.parse({ editableDashboards }),
    datasources: [lokiDatasource, prometheusDatasource(15, false)],
    dashboards: own('First'),
    metrics: true,
    dashboardsFolder: '/etc/taffrail/dashboards',
    secretsFolder: '/run/secrets',
    ...given,
  });

type Model = Record<string, unknown> & { uid: string };
/** What a Grafana runs that has taken these files. */
class Grafana {
  asked: string[] = [];
  readonly dashboards: Map<string, Model>;
  readonly datasources: Map<string, Model>;

  constructor(files: Files) {
    const models = Object.entries(files).flatMap(([path, content]) =>
      path.startsWith('dashboards/') ? [JSON.parse(content) as Model] : [],
    );
    const { datasources } = parse(files['provisioning/datasources/taffrail.yml'] ?? '') as {
      datasources: Model[];
    };
    // It counts versions itself, and puts its own numbers into the model.
    this.dashboards = new Map(models.map((model) => [model.uid, { ...model, id: 7, version: 3 }]));
    this.datasources = new Map(
      datasources.map((source) => [
        source.uid,
        { basicAuth: false, ...source, readOnly: true, secureJsonData: undefined },
      ]),
    );
  }

  answer = (method: string, path: string): [number, unknown] => {
    this.asked.push(`${method} ${path}`);
    const [, kind, uid = ''] = /^\/api\/(dashboards|datasources)\/uid\/(.*)$/.exec(path) ?? [];
    if (kind === undefined) return [200, { id: 1 }];
    const found = this[kind as 'dashboards' | 'datasources'].get(uid);
    if (found === undefined) return [404, { message: 'not found' }];
    return [200, kind === 'datasources' ? found : { meta: { provisioned: true }, dashboard: found }];
  };
}

const dashboardOf = (files: Files) =>
  JSON.parse(files['dashboards/Extra/own.json'] ?? '') as { revision: number };

describe('grafana-reload reads back what Grafana runs', () => {
  let room: Room;
  beforeEach(() => {
    room = new Room();
    room.write({ password: 'secret', 'data/x': '' });
  });
  afterEach(() => {
    room.remove();
  });
  const apply = (written: Files, grafana: Grafana) => {
    room.remove('config');
    room.write(written, 'config');
    return room.apply(
      'grafana/apply.sh',
      ['admin', room.at('password'), room.at('config'), room.at('secrets'), room.at('data'), 'prod'],
      grafana.answer,
    );
  };

  test('3.14: it ends well when that is what was written', async () => {
    const { code, output } = await apply(render(), new Grafana(render()));
    expect(output).toBe('Grafana runs 2 datasources, 2 dashboards, 0 further users');
    expect(code).toBe(0);
  });

  test('3.14: an edited dashboard with its old content is seen, be it a title or a panel', async () => {
    const { code, output } = await apply(render({ dashboards: own('Second') }), new Grafana(render()));
    expect(output).toMatch(/^Grafana does not run the dashboard own as it was written/);
    expect(code).toBe(1);
    // The revision of a panel, or in a text, is not the dashboard's.
    const grafana = new Grafana(render());
    const { revision } = dashboardOf(render({ dashboards: own('Second') }));
    grafana.dashboards.set('own', {
      ...grafana.dashboards.get('own'),
      uid: 'own',
      text: `{"revision":${String(revision)}}`,
    });
    expect((await apply(render({ dashboards: own('Second') }), grafana)).code).toBe(1);
  });

  test.each([
    [
      'an interval',
      { datasources: [lokiDatasource, prometheusDatasource(5, false)] },
      '"timeInterval":"15s"',
    ],
    ['the default', { datasources: [lokiDatasource, prometheusDatasource(15, true)] }, '"isDefault":false'],
    [
      'a number that begins alike',
      { datasources: [{ ...lokiDatasource, jsonData: { maxLines: 10_000, timeout: 60 } }] },
      '"maxLines":1000',
    ],
  ])('3.14: an edited datasource with its old content is seen: %s', async (_, old, field) => {
    const { code, output } = await apply(render(), new Grafana(render(old)));
    expect(output).toContain(`Grafana runs another datasource`);
    expect(output).toContain(`than the one with ${field}:`);
    expect(code).toBe(1);
  });

  test('3.14: what left the settings must be gone, and what people made is not asked for', async () => {
    const grafana = new Grafana(render());
    grafana.dashboards.set('by-hand', { uid: 'by-hand' });
    expect((await apply(render(), grafana)).code).toBe(0);
    const less = render({ dashboards: {}, datasources: [lokiDatasource] });

    const both = await apply(less, new Grafana(render()));
    expect(both.output).toMatch(
      /^Grafana runs another datasource|^Grafana still has prometheus among its datasources/,
    );
    expect(both.code).toBe(1);
    const half = new Grafana(less);
    half.dashboards.set('own', { uid: 'own' });
    const one = await apply(less, half);
    expect(one.output).toMatch(/^Grafana still has own among its dashboards/);
    expect(one.code).toBe(1);

    const gone = new Grafana(less);
    gone.dashboards.set('by-hand', { uid: 'by-hand' });
    expect(await apply(less, gone)).toMatchObject({ code: 0 });
    expect(gone.asked).toContain('GET /api/dashboards/uid/own');
    expect(gone.asked.join()).not.toContain('by-hand');
    // Once seen to be gone it is free for people.
    gone.dashboards.set('own', { uid: 'own' });
    expect(await apply(less, gone)).toMatchObject({ code: 0 });
  });

  test('3.14: what a job that failed had brought must go, too', async () => {
    const written = render({ dashboards: own('Second') });
    expect((await apply(written, new Grafana(render()))).code).toBe(1);
    const { output } = await apply(render({ dashboards: {} }), new Grafana(written));
    expect(output).toMatch(/^Grafana still has own among its dashboards/);
  });

  test('what people changed in the browser counts where they may, once the file was read back', async () => {
    const edited = (files: Files) => {
      const grafana = new Grafana(files);
      grafana.dashboards.set('own', { uid: 'own', title: 'Of a person' });
      return grafana;
    };
    const [editable, second] = [render({}, true), render({ dashboards: own('Second') }, true)];
    expect((await apply(editable, edited(editable))).code).toBe(1);
    expect((await apply(editable, new Grafana(editable))).code).toBe(0);
    expect((await apply(editable, edited(editable))).code).toBe(0);
    // A file that changed wins, and so does one that nobody may edit.
    expect((await apply(second, edited(second))).code).toBe(1);
    expect((await apply(render(), edited(render()))).code).toBe(1);
  });
});
