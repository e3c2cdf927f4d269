import type { Datasource } from './datasources.ts';
import { dashboardsOf, type GrafanaConfig } from './render.ts';
import type { GrafanaSettings } from './settings.ts';

/** What Grafana must answer about a datasource. */
export interface ExpectedDatasource {
  uid: string;
  fields: Readonly<Record<string, string | boolean>>;
  jsonData: Readonly<Record<string, string | number>>;
}

export interface ExpectedDashboard {
  uid: string;
  revision: number;
  /** An editable dashboard must run as written once; from then on, what people make of it counts. */
  by: 'editable' | 'read-only';
}

export interface ExpectedUser {
  login: string;
  email: string;
  role: GrafanaSettings['users'][number]['role'];
}

/** What a Grafana runs that follows its settings. No secret in it. */
export interface GrafanaExpected {
  datasources: readonly ExpectedDatasource[];
  dashboards: readonly ExpectedDashboard[];
  users: readonly ExpectedUser[];
}

/** From the same settings that `renderGrafana` writes to files. */
export function grafanaExpected(config: GrafanaConfig): GrafanaExpected {
  const { settings, datasources } = config;
  return {
    datasources: datasources.map(datasource),
    dashboards: dashboardsOf(config).flatMap(({ uid, revision }) =>
      uid === undefined
        ? []
        : [{ uid, revision, by: settings.editableDashboards ? 'editable' : 'read-only' }],
    ),
    // Without an address Grafana, too, takes the login.
    users: settings.users.map(({ login, email = login, role }) => ({ login, email, role })),
  };
}

function datasource(source: Datasource): ExpectedDatasource {
  const { uid, name, type, url, isDefault = false, basicAuth, jsonData = {} } = source;
  return {
    uid,
    fields: {
      ...{ name, type, access: 'proxy', url, isDefault, readOnly: true, basicAuth: basicAuth !== undefined },
      ...(basicAuth && { basicAuthUser: basicAuth.user }),
    },
    jsonData,
  };
}
