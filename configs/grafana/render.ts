import { type Files, jsonFile, revisionOf, yamlFile } from '../files.ts';
import type { Datasource } from './datasources.ts';
import { dashboardUid } from '../extra.ts';
import { stackDashboard } from './dashboards/stack.ts';
import {
  grafanaAddress,
  grafanaAdminPasswordFile,
  grafanaMetricsPasswordFile,
  grafanaMetricsUser,
  grafanaOauthSecretFile,
  grafanaPort,
  grafanaUserPasswordFile,
} from './listen.ts';
import type { GrafanaSettings } from './settings.ts';

export interface GrafanaConfig {
  settings: GrafanaSettings;
  datasources: Datasource[];
  /** Dashboards as JSON, by `folder/file.json`. */
  dashboards: Files;
  /** Whether somebody reads Grafana's own metrics. */
  metrics: boolean;
  /**
   * Where it reads dashboards. Grafana knows a dashboard by its file's path, links resolved (pkg/services/provisioning/
   * dashboards/file_reader.go): below a link that moves, each delivery would delete all of them, with stars and versions.
   */
  dashboardsFolder: string;
  secretsFolder: string;
}

const stackFile = 'Taffrail/stack.json';

/** The folder of the dashboards among its files. */
export const dashboardsIn = 'dashboards';

/** The file that Grafana reads at its start only. */
export const grafanaIni = 'grafana.ini';

export function renderGrafana(config: GrafanaConfig): Files {
  const { settings, datasources, dashboardsFolder, secretsFolder } = config;
  const dashboards = Object.fromEntries(
    Object.entries({ [stackFile]: jsonFile(stackDashboard(datasources)), ...config.dashboards }).map(
      ([file, content]) => [file, withRevision(content, settings.editableDashboards)],
    ),
  );
  return {
    [grafanaIni]: ini(sections(config, homeOf(settings.home, dashboards))),
    'provisioning/datasources/taffrail.yml': yamlFile({
      apiVersion: 1,
      // A datasource that is no longer here goes.
      prune: true,
      datasources: datasources.map((source) => provisioned(source, secretsFolder)),
    }),
    'provisioning/dashboards/taffrail.yml': yamlFile({
      apiVersion: 1,
      providers: [
        {
          name: 'taffrail',
          type: 'file',
          disableDeletion: false,
          allowUiUpdates: settings.editableDashboards,
          updateIntervalSeconds: 30,
          options: { path: dashboardsFolder, foldersFromFilesStructure: true },
        },
      ],
    }),
    ...Object.fromEntries(
      Object.entries(dashboards).map(([file, content]) => [`${dashboardsIn}/${file}`, content]),
    ),
    'expected-datasources': [
      '# uid, a field of the answer',
      ...datasources.flatMap((source) => fieldsOf(source).map((field) => `${source.uid} ${field}`)),
      '',
    ].join('\n'),
    'expected-dashboards': [
      '# uid, revision, whose word counts once it was read back',
      ...Object.values(dashboards).map((content) =>
        [
          dashboardUid(content) ?? '-',
          dashboardRevision(content),
          settings.editableDashboards ? 'editable' : 'read-only',
        ].join(' '),
      ),
      '',
    ].join('\n'),
    users: [
      '# login, address, role, password file',
      // Grafana, too, takes the login where there is no address.
      ...settings.users.map(({ login, email = login, role }) =>
        [login, email, role, grafanaUserPasswordFile(login)].join('\t'),
      ),
      '',
    ].join('\n'),
  };
}

/**
 * A dashboard that names its own content, so that an old one is seen. `revision` is what Grafana keeps and nobody sees:
 * all versions of its schema have it, for this purpose (plugins), and hand it on; `version` is Grafana's own count, what is
 * unknown gets lost between versions, tags and descriptions are shown. Schema 2 gives it 16 bits.
 */
function withRevision(content: string, editable: boolean): string {
  const model = JSON.parse(content) as Record<string, unknown>;
  const hash = revisionOf({ model: JSON.stringify(model), editable: String(editable) });
  return jsonFile({ ...model, revision: 1 + (parseInt(hash, 16) % 65_535) });
}

export const dashboardRevision = (content: string): number =>
  (JSON.parse(content) as { revision: number }).revision;

function sections(config: GrafanaConfig, home: string) {
  const { settings, dashboardsFolder, secretsFolder, metrics } = config;
  const secret = (file: string) => `$__file{${secretsFolder}/${file}}`;
  const root = grafanaAddress(settings);
  return {
    server: {
      http_port: grafanaPort,
      root_url: root,
      // 13.0 to 13.2 leak memory with it (grafana#123017).
      enable_gzip: false,
    },
    security: {
      admin_user: settings.adminUser,
      // Counts at the first start only; grafana-admin-password sets it on every later change.
      admin_password: secret(grafanaAdminPasswordFile),
      cookie_secure: root.startsWith('https:'),
      cookie_samesite: 'lax',
      disable_gravatar: true,
    },
    users: { allow_sign_up: false },
    'auth.anonymous': { enabled: false },
    ...(settings.oauth && oauth(settings.oauth, secret(grafanaOauthSecretFile))),
    analytics: {
      reporting_enabled: false,
      check_for_updates: false,
      check_for_plugin_updates: false,
      feedback_links_enabled: false,
    },
    news: { news_feed_enabled: false },
    snapshots: { external_enabled: false },
    // Nothing is fetched from outside while it runs.
    plugins: { preinstall_disabled: true, plugin_admin_enabled: false, public_key_retrieval_disabled: true },
    dashboards: { default_home_dashboard_path: `${dashboardsFolder}/${home}` },
    metrics: metrics
      ? {
          enabled: true,
          basic_auth_username: grafanaMetricsUser,
          basic_auth_password: secret(grafanaMetricsPasswordFile),
        }
      : { enabled: false },
    // Alerts are Prometheus's and Loki's rules; Alertmanager routes them.
    unified_alerting: { enabled: false },
    log: { mode: 'console', level: 'info' },
  };
}

/** The file of the dashboard shown first; a uid that no file has is a mistake in the settings (mistakes.ts). */
function homeOf(uid: string | undefined, dashboards: Files): string {
  if (uid === undefined) return stackFile;
  const file = Object.keys(dashboards).find((file) => dashboardUid(dashboards[file] ?? '') === uid);
  if (file === undefined) throw new Error(`grafana.home: no dashboard has the uid ${uid}`);
  return file;
}

function oauth(given: NonNullable<GrafanaSettings['oauth']>, secret: string) {
  return {
    [`auth.${given.provider}`]: {
      enabled: true,
      client_id: given.clientId,
      client_secret: secret,
      ...(given.authUrl !== undefined && { auth_url: given.authUrl }),
      ...(given.tokenUrl !== undefined && { token_url: given.tokenUrl }),
      ...(given.apiUrl !== undefined && { api_url: given.apiUrl }),
      ...(given.scopes !== undefined && { scopes: given.scopes }),
      ...(given.allowedDomains.length > 0 && { allowed_domains: given.allowedDomains.join(' ') }),
      ...(given.allowedOrganizations.length > 0 && {
        allowed_organizations: given.allowedOrganizations.join(' '),
      }),
      allow_sign_up: given.signUp,
    },
  };
}

function provisioned(source: Datasource, secretsFolder: string) {
  return {
    name: source.name,
    type: source.type,
    uid: source.uid,
    access: 'proxy',
    url: source.url,
    isDefault: source.isDefault ?? false,
    editable: false,
    ...(source.jsonData && { jsonData: source.jsonData }),
    ...(source.basicAuth && {
      basicAuth: true,
      basicAuthUser: source.basicAuth.user,
      secureJsonData: { basicAuthPassword: `$__file{${secretsFolder}/${source.basicAuth.passwordFile}}` },
    }),
  };
}

/** What Grafana must answer about a datasource, field by field. */
function fieldsOf(source: Datasource): string[] {
  const { name, type, url, isDefault = false, basicAuth, jsonData } = source;
  const readBack = {
    ...{ name, type, access: 'proxy', url, isDefault, readOnly: true, basicAuth: basicAuth !== undefined },
    ...(basicAuth && { basicAuthUser: basicAuth.user }),
    ...jsonData,
  };
  return Object.entries(readBack).map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`);
}

function ini(content: Record<string, Record<string, string | number | boolean>>): string {
  const lines = Object.entries(content).flatMap(([section, values]) => [
    '',
    `[${section}]`,
    ...Object.entries(values).map(([key, value]) => `${key} = ${String(value)}`),
  ]);
  return ['; Written by Taffrail; the next `pulumi up` overwrites it.', ...lines, ''].join('\n');
}
