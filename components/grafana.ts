import type * as command from '@pulumi/command';
import * as pulumi from '@pulumi/pulumi';
import { extraDashboards } from '../configs/extra.ts';
import { apart, revisionOf } from '../configs/files.ts';
import { datasources } from '../configs/grafana/datasources.ts';
import { grafanaExpected } from '../configs/grafana/expected.ts';
import {
  grafanaAdminPasswordFile,
  grafanaDataFolder,
  grafanaGoMemoryShare,
  grafanaMetricsPasswordFile,
  grafanaOauthSecretFile,
  grafanaPort,
  grafanaService,
  grafanaStartSeconds,
} from '../configs/grafana/listen.ts';
import { dashboardsIn, type GrafanaConfig, grafanaIni, renderGrafana } from '../configs/grafana/render.ts';
import { prometheusPasswordFile } from '../configs/prometheus/listen.ts';
import type { Settings } from '../configs/settings.ts';
import { configFolder, currentConfig, secretsFolder } from '../configs/paths.ts';
import { Credential, type StoreCredentials } from './credential.ts';
import { applyTo, deliverProgram } from './delivery.ts';
import type { Host } from './host.ts';
import type { Networks } from './networks.ts';
import { dataVolume, pinnedImage, service } from './service.ts';

const user = '472:0';

export interface GrafanaArgs {
  credentials: StoreCredentials;
  given: (secret: string | undefined) => pulumi.Output<string> | undefined;
}

/** What people look at. */
export class Grafana extends pulumi.ComponentResource {
  readonly adminPassword: pulumi.Output<string>;
  readonly ready: command.local.Command;

  constructor(host: Host, networks: Networks, stack: Settings, { credentials, given }: GrafanaArgs) {
    const name = grafanaService;
    super('taffrail:index:Grafana', name, {});
    const settings = stack.grafana;
    this.adminPassword = new Credential(`${name}-admin`, given(settings.adminPassword), {
      parent: this,
    }).value;
    const image = pinnedImage(host, 'grafana', settings.image);
    const config: GrafanaConfig = {
      settings,
      datasources: datasources(stack),
      dashboards: extraDashboards(stack.extraFiles),
      metrics: credentials.grafanaMetrics !== undefined,
      dashboardsFolder: `${configFolder}/${dashboardsIn}`,
      secretsFolder,
    };
    // Grafana knows a dashboard by its file's path: theirs never changes.
    const { inside: dashboards, outside: files } = apart(dashboardsIn, renderGrafana(config));
    const users = Object.fromEntries(settings.users.map(({ login, password }) => [login, given(password)]));
    const oauthSecret = given(settings.oauth?.clientSecret);
    // Grafana has no checker of its own: its files are built as objects, and given dashboards were parsed before.
    const delivery = deliverProgram(
      name,
      host,
      {
        image,
        user,
        files,
        steady: { folder: dashboardsIn, files: dashboards },
        secrets: {
          [grafanaAdminPasswordFile]: this.adminPassword,
          [grafanaMetricsPasswordFile]: credentials.grafanaMetrics?.value,
          [prometheusPasswordFile]: credentials.prometheus?.value,
          [grafanaOauthSecretFile]: oauthSecret,
        },
      },
      this,
    );
    const iniFile = `${currentConfig}/${grafanaIni}`;
    const container = service(
      name,
      host,
      {
        image,
        user,
        environment: {
          // The image sets both, and the environment wins over the file.
          GF_PATHS_CONFIG: iniFile,
          GF_PATHS_PROVISIONING: `${currentConfig}/provisioning`,
        },
        memory: settings.memory,
        goMemoryShare: grafanaGoMemoryShare,
        networks: [
          { network: networks.front, aliases: [] },
          { network: networks.stores, aliases: [name] },
          ...networks.joinedBy(name),
        ],
        mounts: [delivery.mount, { volume: dataVolume(`${name}-data`, host, this), path: grafanaDataFolder }],
        publish: [{ address: settings.address, port: settings.port, target: grafanaPort }],
        healthcheck: ['wget', '-q', '-O', '/dev/null', `http://127.0.0.1:${String(grafanaPort)}/api/health`],
        startSeconds: grafanaStartSeconds,
        applied: true,
        stopGrace: 20,
        // Read at the start only; everything else is reloaded.
        revision: oauthSecret
          ? host.fingerprint(pulumi.jsonStringify([files[grafanaIni], oauthSecret]))
          : revisionOf({ [grafanaIni]: files[grafanaIni] ?? '' }),
        after: [delivery.done],
      },
      this,
    );
    this.ready = applyTo(
      host,
      {
        name: `${name}-reload`,
        title: 'Grafana',
        container,
        image,
        user,
        port: grafanaPort,
        logic: 'grafana/apply.ts',
        told: {
          stack: host.stack,
          adminUser: settings.adminUser,
          adminPassword: this.adminPassword,
          configFile: iniFile,
          expected: grafanaExpected(config),
          passwords: users,
        },
        note: `${grafanaDataFolder}/taffrail.json`,
        follows: delivery.done,
      },
      this,
    );
    this.registerOutputs({});
  }
}
