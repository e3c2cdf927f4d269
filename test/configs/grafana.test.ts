import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { lokiDatasource, prometheusDatasource } from '../../configs/grafana/datasources.ts';
import { grafanaExpected } from '../../configs/grafana/expected.ts';
import {
  type GrafanaConfig,
  grafanaIni,
  renderGrafana,
  unusedPlugins,
} from '../../configs/grafana/render.ts';
import { type GrafanaSettings, grafanaSettings } from '../../configs/grafana/settings.ts';
import { revisionOf } from '../../configs/files.ts';
import { grafanaGoMemoryShare } from '../../configs/grafana/listen.ts';
import { oauthMistakes } from '../../configs/grafana/mistakes.ts';
import { rendersAlike, reordered, revisionFollows } from './rendering.ts';

const settings = (given: object = {}): GrafanaSettings => grafanaSettings.parse(given);
const config: GrafanaConfig = {
  settings: settings(),
  datasources: [lokiDatasource, prometheusDatasource(15, false)],
  dashboards: {},
  metrics: true,
  dashboardsFolder: '/etc/taffrail/dashboards',
  secretsFolder: '/run/secrets',
};
const full: GrafanaConfig = {
  ...config,
  settings: settings({
    rootUrl: 'https://grafana.example.com',
    editableDashboards: true,
    users: [
      { login: 'anna', role: 'Editor', password: 'annaPassword' },
      { login: 'bob@example.com', password: 'bobPassword' },
      { login: 'Bo_B', email: 'bo@example.com', password: 'bobPassword' },
    ],
    oauth: {
      provider: 'generic_oauth',
      clientId: 'id',
      clientSecret: 'clientSecret',
      authUrl: 'https://id.example.com/authorize',
      tokenUrl: 'https://id.example.com/token',
      apiUrl: 'https://id.example.com/userinfo',
      scopes: 'openid email',
      allowedDomains: ['example.com'],
      allowedOrganizations: ['acme', 'other'],
    },
  }),
  dashboards: { 'Extra/own.json': '{"uid": "own", "title": "Own"}\n' },
};
const only = (datasources: GrafanaConfig['datasources']): GrafanaConfig => ({
  ...config,
  datasources,
  metrics: datasources.length > 0,
});
const alone = only([prometheusDatasource(15, true)]);

const ini = (given: GrafanaConfig): Record<string, string> => keysOf(renderGrafana(given)[grafanaIni] ?? '');
/** What an ini file says, by `section.key`. */
const keysOf = (text: string): Record<string, string> => {
  let section = '';
  return Object.fromEntries(
    text.split('\n').flatMap((line) => {
      section = /^\[(.*)\]$/.exec(line)?.[1] ?? section;
      const [, key, value] = /^(\w+) = ?(.*)$/.exec(line) ?? [];
      return key === undefined ? [] : [[`${section}.${key}`, value ?? '']];
    }),
  );
};

describe('Grafana', () => {
  rendersAlike('grafana', { default: config, full, alone, empty: only([]) }, renderGrafana, (given) => ({
    ...given,
    settings: reordered(given.settings),
  }));
  revisionFollows(
    config,
    [
      full,
      alone,
      { ...config, dashboards: full.dashboards },
      { ...config, settings: settings({ port: 3001 }) },
    ],
    (given) => revisionOf(renderGrafana(given)),
  );

  test('A4, S1: the first datasource is the default, all are read-only, and what is gone is removed', () => {
    const file = (given: GrafanaConfig) =>
      parse(renderGrafana(given)['provisioning/datasources/taffrail.yml'] ?? '') as {
        prune: boolean;
        datasources: { uid: string; isDefault: boolean; editable: boolean }[];
      };
    expect(file(config).prune).toBe(true);
    expect(
      file(config).datasources.map(({ uid, isDefault, editable }) => [uid, isDefault, editable]),
    ).toEqual([
      ['loki', true, false],
      ['prometheus', false, false],
    ]);
    expect(file(alone).datasources.map(({ uid, isDefault }) => [uid, isDefault])).toEqual([
      ['prometheus', true],
    ]);
  });

  test('S8, 3.20: anonymous access, sign-up, telemetry and downloads are off, each by its name', () => {
    expect(ini(config)).toMatchObject({
      'auth.anonymous.enabled': 'false',
      'users.allow_sign_up': 'false',
      'analytics.reporting_enabled': 'false',
      'analytics.check_for_updates': 'false',
      'analytics.check_for_plugin_updates': 'false',
      'analytics.feedback_links_enabled': 'false',
      'news.news_feed_enabled': 'false',
      'snapshots.external_enabled': 'false',
      'plugins.preinstall_disabled': 'true',
      'plugins.public_key_retrieval_disabled': 'true',
      'security.disable_gravatar': 'true',
    });
  });

  test('3.17: a password is a path of a file', () => {
    const all = Object.entries({ ...ini(full), ...ini(config) });
    const secret = all.filter(([key]) => /password|secret$/.test(key));
    expect(secret.map(([, value]) => value)).toHaveLength(3);
    for (const [key, value] of secret) expect(value, key).toMatch(/^\$__file\{\/run\/secrets\/[\w-]+\}$/);
    for (const [path, content] of Object.entries(renderGrafana(full)))
      expect(content, path).not.toMatch(/annaPassword|bobPassword|clientSecret/);
  });

  test('3.18: the address of every link is the root URL, and cookies are for TLS only where it has TLS', () => {
    expect(ini(full)).toMatchObject({
      'server.root_url': 'https://grafana.example.com',
      'security.cookie_secure': 'true',
    });
    expect(ini(config)).toMatchObject({
      'server.root_url': 'http://127.0.0.1:3000',
      'security.cookie_secure': 'false',
    });
  });

  test('3.14: what is read back is what was written', () => {
    const files = renderGrafana(full);
    const written = Object.entries(files).flatMap(([path, content]) =>
      path.startsWith('dashboards/') ? [JSON.parse(content) as { uid: string; revision: number }] : [],
    );
    const { datasources, dashboards, users } = grafanaExpected(full);
    expect(dashboards).toEqual(written.map(({ uid, revision }) => ({ uid, revision, by: 'editable' })));
    expect(dashboards.map(({ uid }) => uid)).toContain('own');
    expect(grafanaExpected(config).dashboards.map(({ by }) => by)).toEqual(['read-only']);
    const prometheus = {
      ...{ name: 'Prometheus', type: 'prometheus', access: 'proxy', url: 'http://prometheus:9090' },
      ...{ isDefault: false, readOnly: true, basicAuth: true, basicAuthUser: 'taffrail' },
    };
    expect(datasources).toEqual([
      {
        uid: 'loki',
        fields: {
          ...{ name: 'Loki', type: 'loki', access: 'proxy', url: 'http://loki:3100' },
          ...{ isDefault: true, readOnly: true, basicAuth: false },
        },
        jsonData: { maxLines: 1000, timeout: 60 },
      },
      {
        uid: 'prometheus',
        fields: prometheus,
        jsonData: { httpMethod: 'POST', timeInterval: '15s', prometheusType: 'Prometheus' },
      },
    ]);
    expect(users).toEqual([
      { login: 'anna', email: 'anna', role: 'Editor' },
      { login: 'bob@example.com', email: 'bob@example.com', role: 'Viewer' },
      { login: 'Bo_B', email: 'bo@example.com', role: 'Viewer' },
    ]);
    expect(JSON.stringify(grafanaExpected(full))).not.toMatch(/annaPassword|bobPassword|clientSecret/);
  });

  test('3.20: plugins that nothing queries are no processes, and those of our datasources are', () => {
    const disabled = ini(full)['plugins.disable_plugins']?.split(',');
    expect(disabled).toEqual(unusedPlugins.toSorted());
    for (const used of [...full.datasources.map(({ type }) => type), 'grafana-postgresql-datasource'])
      expect(disabled).not.toContain(used);
  });

  test('3.20: Grafana’s own memory leaves room for its plugins', () => {
    const { memory } = settings();
    expect(memory).toBe(512 * 2 ** 20);
    expect(grafanaGoMemoryShare).toBeLessThanOrEqual(0.6);
  });

  test('3.14: a dashboard names its content, within the 16 bits that every schema of Grafana keeps', () => {
    const rendered = (content: string, given: object = {}) =>
      JSON.parse(
        renderGrafana({ ...config, settings: settings(given), dashboards: { 'Extra/own.json': content } })[
          'dashboards/Extra/own.json'
        ] ?? '',
      ) as { revision: number; title: string };
    const revisions = [
      rendered('{"uid": "own", "title": "Own"}'),
      rendered('{"uid": "own", "title": "Own", "revision": 3}'),
      rendered('{"uid": "own", "title": "Owned"}'),
      rendered('{"uid": "own", "title": "Own"}', { editableDashboards: true }),
    ].map(({ revision }) => revision);
    expect(new Set(revisions).size).toBe(revisions.length);
    for (const revision of revisions) expect(revision > 0 && revision < 2 ** 16).toBe(true);
    expect(rendered('{"title":"Own","uid":\n"own"}')).toMatchObject({ title: 'Own' });
  });

  test('S8: the dashboard that is shown first is a setting', () => {
    expect(
      ini({ ...config, settings: settings({ home: 'own' }), dashboards: full.dashboards }),
    ).toMatchObject({
      'dashboards.default_home_dashboard_path': '/etc/taffrail/dashboards/Extra/own.json',
    });
    // Never another one in silence; the settings are refused before.
    expect(() => renderGrafana({ ...config, settings: settings({ home: 'own' }) })).toThrow(/own/);
  });

  // Grafana ignores what it does not know: a restriction, too.
  const known = keysOf(
    readFileSync(new URL('../rig/standins/grafana/known-settings.ini', import.meta.url), 'utf8'),
  );
  const address = 'https://id.example.com';
  test.each(['github', 'google', 'gitlab', 'azuread', 'generic_oauth'])(
    'S8: Grafana has every key that is written for %s, and a setting is a mistake where it has none',
    (provider) => {
      const base = { provider, clientId: 'id', clientSecret: 'clientSecret', scopes: 'openid', signUp: true };
      const optional = {
        ...{ authUrl: address, tokenUrl: address, apiUrl: address },
        ...{ allowedDomains: ['example.com'], allowedOrganizations: ['acme'] },
      };
      const unknown = (given: object): string[] =>
        Object.keys(ini({ ...config, settings: settings({ oauth: given }) })).filter(
          (key) => key.startsWith('auth.') && !(key in known),
        );
      const wrong = (given: object): string[] =>
        oauthMistakes(settings({ oauth: given }).oauth)
          .filter(({ type }) => type.startsWith('pulumi config rm'))
          .map(({ path }) => path.replace(/^grafana\.oauth\./, ''));
      const lacking = Object.keys(optional).filter(
        (key) => unknown({ ...base, [key]: optional[key as keyof typeof optional] }).length > 0,
      );
      expect(wrong({ ...base, ...optional })).toEqual(lacking);
      const left = Object.fromEntries(Object.entries(optional).filter(([key]) => !lacking.includes(key)));
      expect(unknown({ ...base, ...left })).toEqual([]);
      // What Grafana itself has no address for must be given.
      const empty = ['authUrl', 'tokenUrl', 'apiUrl'].filter(
        (key) => known[`auth.${provider}.${key.replace('Url', '_url')}`] === '',
      );
      const missing = oauthMistakes(settings({ oauth: { ...base, allowedDomains: ['example.com'] } }).oauth);
      expect(missing.map(({ path }) => path.replace(/^grafana\.oauth\./, ''))).toEqual(empty);
    },
  );
});
