import type * as command from '@pulumi/command';
import * as pulumi from '@pulumi/pulumi';
import { extraRules } from '../configs/extra.ts';
import { grafanaMetricsPasswordFile } from '../configs/grafana/listen.ts';
import { givenJobs, jobPasswordFile, stackJobs } from '../configs/prometheus/jobs.ts';
import {
  prometheusPasswordFile,
  prometheusPort,
  prometheusService,
  prometheusUser,
} from '../configs/prometheus/listen.ts';
import {
  prometheusFlags,
  prometheusRevision,
  prometheusWebConfig,
  renderPrometheus,
  type ScrapeJob,
} from '../configs/prometheus/render.ts';
import type { Settings } from '../configs/settings.ts';
import { currentConfig, secretsFolder } from '../configs/paths.ts';
import { type Credential, filled } from './credential.ts';
import { applyTo, deliverProgram } from './delivery.ts';
import type { Host } from './host.ts';
import type { Networks } from './networks.ts';
import { dataVolume, pinnedImage, service } from './service.ts';

const user = '65534:65534';

export interface PrometheusArgs {
  /** What exporters, apps and databases offer. */
  scrape: ScrapeJob[];
  /** What Prometheus asks for. */
  credential: Credential;
  /** What it shows Grafana, where Grafana runs. */
  grafanaMetrics: Credential | undefined;
  given: (secret: string | undefined) => pulumi.Output<string> | undefined;
}

/** The store of metrics. */
export class Prometheus extends pulumi.ComponentResource {
  readonly ready: command.local.Command;
  constructor(
    host: Host,
    networks: Networks,
    stack: Settings,
    { scrape, credential, grafanaMetrics, given }: PrometheusArgs,
  ) {
    const name = prometheusService;
    super('taffrail:index:Prometheus', name, {});
    const settings = stack.prometheus;
    const files = renderPrometheus({
      host: stack.host,
      scrapeInterval: settings.scrapeInterval,
      jobs: [...stackJobs(stack, secretsFolder), ...scrape, ...givenJobs(settings.scrapeJobs, secretsFolder)],
      rules: extraRules(stack.extraFiles),
      secretsFolder,
    });
    const image = pinnedImage(host, 'prometheus', settings.image);
    const delivery = deliverProgram(
      name,
      host,
      {
        image,
        user,
        files,
        secrets: {
          [prometheusPasswordFile]: credential.value,
          [prometheusWebConfig.name]: filled(prometheusWebConfig.template, {
            hash: credential.bcryptHash ?? '',
          }),
          [grafanaMetricsPasswordFile]: grafanaMetrics?.value,
          ...Object.fromEntries(
            settings.scrapeJobs.map((job) => [jobPasswordFile(job.name), given(job.password)]),
          ),
        },
        check: ['promtool', 'check', 'config', `${currentConfig}/prometheus.yml`],
      },
      this,
    );
    const address = `http://127.0.0.1:${String(prometheusPort)}`;
    const container = service(
      name,
      host,
      {
        image,
        user,
        command: prometheusFlags(currentConfig, secretsFolder, settings.retention, settings.retentionSize),
        memory: settings.memory,
        networks: [
          { network: networks.stores, aliases: [name] },
          { network: networks.apps, aliases: [name] },
          ...(settings.publish ? [{ network: networks.front, aliases: [] }] : []),
          ...networks.joinedBy(name),
        ],
        mounts: [delivery.mount, { volume: dataVolume(`${name}-data`, host, this), path: '/prometheus' }],
        ...(settings.publish && { publish: [{ ...settings.publish, target: prometheusPort }] }),
        healthcheck: [
          'promtool',
          'check',
          'ready',
          `--url=${address}`,
          `--http.config.file=${currentConfig}/client.yml`,
        ],
        applied: true,
        stopGrace: 30,
        after: [delivery.done],
      },
      this,
    );
    this.ready = applyTo(
      host,
      {
        name: `${name}-reload`,
        title: 'Prometheus',
        container,
        image,
        user,
        port: prometheusPort,
        logic: 'prometheus/apply.ts',
        told: {
          user: prometheusUser,
          password: credential.value,
          revision: prometheusRevision(files),
        },
        follows: delivery.done,
      },
      this,
    );
    this.registerOutputs({});
  }
}
