import * as pulumi from '@pulumi/pulumi';
import { extraDashboards } from '../configs/extra.ts';
import { revisionOf } from '../configs/files.ts';
import { datasources } from '../configs/grafana/datasources.ts';
import {
  grafanaAdminPasswordFile,
  grafanaMetricsPasswordFile,
  grafanaOauthSecretFile,
  grafanaPort,
  grafanaService,
  grafanaUserPasswordFile,
} from '../configs/grafana/listen.ts';
import { dashboardsIn, grafanaIni, renderGrafana } from '../configs/grafana/render.ts';
import { prometheusPasswordFile } from '../configs/prometheus/listen.ts';
import type { Settings } from '../configs/settings.ts';
import { configFolder, currentConfig, secretPath, secretsFolder } from '../configs/paths.ts';
import { applyFiles, ConfigFiles } from './configFiles.ts';
import { Credential, SecretFiles, type StoreCredentials } from './credential.ts';
import type { Host } from './host.ts';
import type { Networks } from './networks.ts';
import { Job, Service, volume } from './service.ts';

const user = '472:0';

export interface GrafanaArgs {
  credentials: StoreCredentials;
  given: (secret: string | undefined) => pulumi.Output<string> | undefined;
}

/** What people look at. */
export class Grafana extends pulumi.ComponentResource {
  readonly adminPassword: pulumi.Output<string>;
  readonly ready: pulumi.Output<pulumi.Resource>;

  constructor(host: Host, networks: Networks, stack: Settings, { credentials, given }: GrafanaArgs) {
    const name = grafanaService;
    super('taffrail:index:Grafana', name, {});
    const settings = stack.grafana;
    this.adminPassword = new Credential(`${name}-admin`, given(settings.adminPassword), {
      parent: this,
    }).value;
    const secretFiles = new SecretFiles(
      `${name}-secrets`,
      host,
      {
        owner: user,
        files: {
          [grafanaAdminPasswordFile]: this.adminPassword,
          [grafanaMetricsPasswordFile]: credentials.grafanaMetrics?.value,
          [prometheusPasswordFile]: credentials.prometheus?.value,
          ...Object.fromEntries(
            settings.users.map(({ login, password }) => [grafanaUserPasswordFile(login), given(password)]),
          ),
          [grafanaOauthSecretFile]: given(settings.oauth?.clientSecret),
        },
      },
      { parent: this },
    );
    const files = renderGrafana({
      settings,
      datasources: datasources(stack),
      dashboards: extraDashboards(stack.extraFiles),
      metrics: credentials.grafanaMetrics !== undefined,
      dashboardsFolder: `${configFolder}/${dashboardsIn}`,
      secretsFolder,
    });
    // Grafana has no checker of its own: its files are built as objects, and given dashboards were parsed before.
    const configFiles = new ConfigFiles(
      `${name}-config`,
      host,
      { files, steady: dashboardsIn },
      { parent: this },
    );
    const data = { volume: volume(`${name}-data`, host, this, true), path: '/var/lib/grafana' };
    const service = new Service(
      name,
      host,
      {
        image: 'grafana',
        imageOverride: settings.image,
        user,
        // The image sets both, and the environment wins over the file.
        environment: {
          GF_PATHS_CONFIG: `${currentConfig}/${grafanaIni}`,
          GF_PATHS_PROVISIONING: `${currentConfig}/provisioning`,
        },
        memory: settings.memory,
        goMemoryLimit: true,
        networks: [
          { network: networks.front, aliases: [] },
          { network: networks.stores, aliases: [name] },
          ...networks.joinedBy(name),
        ],
        mounts: [configFiles.mount, secretFiles.mount, data],
        publish: [{ address: settings.address, port: settings.port, target: grafanaPort }],
        healthcheck: ['wget', '-q', '-O', '/dev/null', `http://127.0.0.1:${String(grafanaPort)}/api/health`],
        stopGrace: 20,
        // Read at the start only; everything else is reloaded.
        revision: revisionOf({ [grafanaIni]: files[grafanaIni] ?? '' }),
        after: [configFiles.delivered, secretFiles.delivered],
      },
      { parent: this },
    );
    // The password file counts at the first start only (grafana#49055): this job makes a rotation real.
    const password = new Job(
      `${name}-admin-password`,
      host,
      {
        image: service.imageId,
        user,
        command: [
          'sh',
          '-c',
          `exec grafana cli --homepath /usr/share/grafana --config ${currentConfig}/${grafanaIni} admin reset-admin-password --password-from-stdin <${secretPath(grafanaAdminPasswordFile)}`,
        ],
        mounts: [data, { ...configFiles.mount, path: configFolder }, secretFiles.mount],
        triggers: { 'dev.taffrail.secrets': secretFiles.delivered.id },
        after: [service.container],
      },
      { parent: this },
    );
    this.ready = applyFiles(service, host, {
      name: `${name}-reload`,
      script: 'grafana/apply.sh',
      arguments: [
        String(grafanaPort),
        settings.adminUser,
        secretPath(grafanaAdminPasswordFile),
        currentConfig,
        secretsFolder,
        data.path,
        host.stack,
      ],
      user,
      mounts: [configFiles.mount, secretFiles.mount, data],
      triggers: {
        // A further user's password may be another.
        'dev.taffrail.secrets': secretFiles.delivered.id,
        'dev.taffrail.revision': configFiles.revision,
      },
      after: [password.done, configFiles.delivered],
      parent: this,
    });
    this.registerOutputs({});
  }
}
