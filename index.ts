import { App } from './components/app.ts';
import { CloudBeaver } from './components/cloudbeaver.ts';
import { storeCredentials } from './components/credential.ts';
import { Databases } from './components/databases.ts';
import { Exporter } from './components/exporter.ts';
import { Grafana } from './components/grafana.ts';
import { dockerHost } from './components/host.ts';
import { Loki } from './components/loki.ts';
import { Networks } from './components/networks.ts';
import { Prometheus } from './components/prometheus.ts';
import { Promtail } from './components/promtail.ts';
import { SocketProxy } from './components/socketProxy.ts';
import { cloudBeaverAddress } from './configs/cloudbeaver/listen.ts';
import { hostExporters } from './configs/exporters/all.ts';
import { grafanaAddress } from './configs/grafana/listen.ts';
import { readSettings } from './configs/settings.ts';

// The table of contents of a stack, top to bottom. Data goes one way: settings -> components -> outputs.

const { settings, given } = readSettings();
const host = dockerHost(settings);
const networks = new Networks(host, settings.networks);
const socketProxy =
  settings.promtail.enabled || settings.cadvisor.enabled
    ? new SocketProxy(host, networks, settings)
    : undefined;
const withSocket = socketProxy ? [socketProxy.container] : [];

// What is watched.
const databases = new Databases(host, networks, settings, given);
const apps = Object.entries(settings.apps).map(
  ([name, app]) =>
    new App(host, networks, {
      name,
      settings: app,
      secrets: databases.shared(app.secrets, given),
      after: app.needs.flatMap((need) => databases[need]?.ready ?? []),
    }),
);
const exporters = hostExporters(settings).map((data) => new Exporter(host, networks, { data, socketProxy }));

// Logs.
const loki = settings.loki.enabled ? new Loki(host, networks, settings.loki) : undefined;
// It sends again until Loki answers.
if (loki && settings.promtail.enabled) new Promtail(host, networks, settings, withSocket);

// Metrics.
const credentials = storeCredentials({
  prometheus: settings.prometheus.enabled,
  grafana: settings.grafana.enabled,
});
const scrape = [databases, ...apps, ...exporters].flatMap((component) => component.scrape);
const { prometheus: credential, grafanaMetrics } = credentials;
if (credential) new Prometheus(host, networks, settings, { scrape, credential, grafanaMetrics, given });

// What people look at.
const grafana = settings.grafana.enabled
  ? new Grafana(host, networks, settings, { credentials, given })
  : undefined;
const cloudbeaver = settings.cloudbeaver.enabled
  ? new CloudBeaver(host, networks, settings, { postgres: databases.postgres, given })
  : undefined;

/** The compose project of everything that runs. */
export const project = settings.project;
/** Where people find it. */
export const addresses = {
  ...(grafana && { grafana: grafanaAddress(settings.grafana) }),
  ...(cloudbeaver && { cloudbeaver: cloudBeaverAddress(settings.cloudbeaver) }),
};
/** The administrators' passwords: `pulumi stack output passwords --show-secrets`. */
export const passwords = {
  ...(grafana && { grafana: grafana.adminPassword }),
  ...(cloudbeaver && { cloudbeaver: cloudbeaver.adminPassword }),
  ...(databases.postgres && { postgres: databases.postgres.password }),
  ...(databases.redis && { redis: databases.redis.password }),
};
