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
} from './listen.ts';
import type { GrafanaSettings } from './settings.ts';

/**
 * Datasources that the image brings as plugins and that nothing here queries. Each plugin that is not disabled is a process
 * of 22 to 38 MB, whether or not a datasource uses it. Left on: prometheus, loki, grafana-postgresql-datasource.
 * Grafana skips an id that it does not have. Sources: defaultPreinstallPlugins and disable_plugins in
 * pkg/setting/setting_plugins.go, DisablePlugins in pkg/services/pluginsintegration/pipeline/steps.go (August 2026).
 */
export const unusedPlugins: readonly string[] = [
  'cloudwatch',
  'elasticsearch',
  'grafana-pyroscope-datasource',
  'influxdb',
  'jaeger',
  'mssql',
  'mysql',
  'opentsdb',
  'stackdriver',
  'tempo',
  'zipkin',
];

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

/** What Grafana reads. Not a secret in it: it names the files of secrets. */
export function renderGrafana(config: GrafanaConfig): Files {
  const { settings, datasources, dashboardsFolder, secretsFolder } = config;
  const dashboards = dashboardsOf(config);
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
    ...Object.fromEntries(dashboards.map(({ file, content }) => [`${dashboardsIn}/${file}`, content])),
  };
}

/** A dashboard as it is written. */
interface Dashboard {
  /** Below the folder of dashboards. */
  file: string;
  uid: string | undefined;
  revision: number;
  content: string;
}

/** All dashboards that Grafana reads, Taffrail's own first. */
export const dashboardsOf = ({ settings, datasources, dashboards }: GrafanaConfig): Dashboard[] =>
  Object.entries({ [stackFile]: jsonFile(stackDashboard(datasources)), ...dashboards }).map(
    ([file, content]) => ({ file, ...withRevision(content, settings.editableDashboards) }),
  );

/**
 * A dashboard that names its own content, so that an old one is seen. `revision` is what Grafana keeps and nobody sees:
 * all versions of its schema have it, for this purpose (plugins), and hand it on; `version` is Grafana's own count, what is
 * unknown gets lost between versions, tags and descriptions are shown. Schema 2 gives it 16 bits.
 */
function withRevision(content: string, editable: boolean): Omit<Dashboard, 'file'> {
  const model = JSON.parse(content) as Record<string, unknown>;
  const hash = revisionOf({ model: JSON.stringify(model), editable: String(editable) });
  const revision = 1 + (parseInt(hash, 16) % 65_535);
  return { uid: dashboardUid(content), revision, content: jsonFile({ ...model, revision }) };
}

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
      // Counts at the first start only; apply.ts resets it when it changes.
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
    plugins: {
      // Nothing is fetched from outside while it runs.
      preinstall_disabled: true,
      plugin_admin_enabled: false,
      public_key_retrieval_disabled: true,
      disable_plugins: unusedPlugins.join(','),
    },
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
function homeOf(uid: string | undefined, dashboards: Dashboard[]): string {
  if (uid === undefined) return stackFile;
  const file = dashboards.find((dashboard) => dashboard.uid === uid)?.file;
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

function ini(content: Record<string, Record<string, string | number | boolean>>): string {
  const lines = Object.entries(content).flatMap(([section, values]) => [
    '',
    `[${section}]`,
    ...Object.entries(values).map(([key, value]) => `${key} = ${String(value)}`),
  ]);
  return ['; Written by Taffrail; the next `pulumi up` overwrites it.', ...lines, ''].join('\n');
}
