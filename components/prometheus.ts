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
import { currentConfig, secretPath, secretsFolder } from '../configs/paths.ts';
import { applyFiles, ConfigFiles } from './configFiles.ts';
import { filled, type Credential, SecretFiles } from './credential.ts';
import type { Host } from './host.ts';
import type { Networks } from './networks.ts';
import { pinnedImage, Service, volume } from './service.ts';

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
  readonly ready: pulumi.Output<pulumi.Resource>;
  constructor(
    host: Host,
    networks: Networks,
    stack: Settings,
    { scrape, credential, grafanaMetrics, given }: PrometheusArgs,
  ) {
    const name = prometheusService;
    super('taffrail:index:Prometheus', name, {});
    const settings = stack.prometheus;
    const secretFiles = new SecretFiles(
      `${name}-secrets`,
      host,
      {
        owner: user,
        files: {
          [prometheusPasswordFile]: credential.value,
          [prometheusWebConfig.name]: filled(prometheusWebConfig.template, {
            hash: credential.bcryptHash ?? '',
          }),
          [grafanaMetricsPasswordFile]: grafanaMetrics?.value,
          ...Object.fromEntries(
            settings.scrapeJobs.map((job) => [jobPasswordFile(job.name), given(job.password)]),
          ),
        },
      },
      { parent: this },
    );
    const files = renderPrometheus({
      host: stack.host,
      scrapeInterval: settings.scrapeInterval,
      jobs: [...stackJobs(stack, secretsFolder), ...scrape, ...givenJobs(settings.scrapeJobs, secretsFolder)],
      rules: extraRules(stack.extraFiles),
      secretsFolder,
    });
    const configFiles = new ConfigFiles(
      `${name}-config`,
      host,
      {
        files,
        check: {
          command: ['promtool', 'check', 'config', `${currentConfig}/prometheus.yml`],
          imageId: pinnedImage(host, 'prometheus', settings.image),
          user,
          // promtool wants every password file that the configuration names to be there.
          mounts: [secretFiles.mount],
          after: [secretFiles.delivered],
        },
      },
      { parent: this },
    );
    const address = `http://127.0.0.1:${String(prometheusPort)}`;
    const service = new Service(
      name,
      host,
      {
        image: 'prometheus',
        imageOverride: settings.image,
        user,
        command: prometheusFlags(currentConfig, secretsFolder, settings.retention, settings.retentionSize),
        memory: settings.memory,
        networks: [
          { network: networks.stores, aliases: [name] },
          { network: networks.apps, aliases: [name] },
          ...(settings.publish ? [{ network: networks.front, aliases: [] }] : []),
          ...networks.joinedBy(name),
        ],
        mounts: [
          configFiles.mount,
          secretFiles.mount,
          { volume: volume(`${name}-data`, host, this, true), path: '/prometheus' },
        ],
        ...(settings.publish && { publish: [{ ...settings.publish, target: prometheusPort }] }),
        healthcheck: [
          'promtool',
          'check',
          'ready',
          `--url=${address}`,
          `--http.config.file=${currentConfig}/client.yml`,
        ],
        stopGrace: 30,
        after: [configFiles.delivered, secretFiles.delivered],
      },
      { parent: this },
    );
    this.ready = applyFiles(service, host, {
      name: `${name}-reload`,
      script: 'prometheus/apply.sh',
      arguments: [
        String(prometheusPort),
        prometheusUser,
        secretPath(prometheusPasswordFile),
        prometheusRevision(files),
      ],
      user,
      mounts: [secretFiles.mount],
      after: [service.container, configFiles.delivered],
      parent: this,
    });
    this.registerOutputs({});
  }
}
