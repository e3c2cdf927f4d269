import { type Files, goDuration, revisionOf, type SecretFile, yamlFile } from '../files.ts';
import {
  prometheusPasswordFile,
  prometheusPort,
  prometheusService,
  prometheusUser,
  prometheusWebConfigFile,
} from './listen.ts';

/** What is scraped, by one who knows: an exporter, an app, a person. */
export interface ScrapeJob {
  name: string;
  /** host:port */
  targets: string[];
  path?: string | undefined;
  /** Seconds; default: the general interval. */
  interval?: number | undefined;
  scheme?: 'http' | 'https' | undefined;
  params?: Record<string, string[]> | undefined;
  basicAuth?: { username: string; passwordFile: string } | undefined;
  relabel?: Record<string, unknown>[] | undefined;
  metricRelabel?: Record<string, unknown>[] | undefined;
}

export interface PrometheusConfig {
  host: string;
  /** Seconds. */
  scrapeInterval: number;
  jobs: ScrapeJob[];
  /** Rules, by file name. */
  rules: Files;
  /** Where secret files are. */
  secretsFolder: string;
}

/** Prometheus scrapes itself like anybody else, with credentials. */
export const selfScrape = (secretsFolder: string): ScrapeJob => ({
  name: prometheusService,
  targets: [`127.0.0.1:${String(prometheusPort)}`],
  basicAuth: { username: prometheusUser, passwordFile: `${secretsFolder}/${prometheusPasswordFile}` },
});

export function renderPrometheus(config: PrometheusConfig): Files {
  const jobs = [selfScrape(config.secretsFolder), ...config.jobs];
  const rules = Object.fromEntries(
    Object.entries(config.rules).map(([file, content]) => [`rules/${file}`, content]),
  );
  const main = (revision: string) => ({
    global: {
      scrape_interval: goDuration(config.scrapeInterval),
      evaluation_interval: goDuration(config.scrapeInterval),
      // A scrape that takes longer than its interval would be dropped anyway.
      scrape_timeout: goDuration(Math.min(10, config.scrapeInterval)),
      external_labels: { host: config.host },
    },
    // The second matches nothing: it carries the revision that prometheus-reload reads back.
    rule_files: ['rules/*.yml', `revision/${revision}*`],
    scrape_configs: jobs.map(scrapeConfig),
  });
  const client = yamlFile({
    basic_auth: {
      username: prometheusUser,
      password_file: `${config.secretsFolder}/${prometheusPasswordFile}`,
    },
  });
  const revision = revisionOf({ ...rules, 'prometheus.yml': yamlFile(main('')), 'client.yml': client });
  return { 'prometheus.yml': yamlFile(main(revision)), 'client.yml': client, ...rules };
}

/** The revision that the running configuration must name. */
export function prometheusRevision(files: Files): string {
  return /revision\/([0-9a-f]+)/.exec(files['prometheus.yml'] ?? '')?.[1] ?? '';
}

/** Who may ask Prometheus: a hash, but still a secret. */
export const prometheusWebConfig: SecretFile = {
  name: prometheusWebConfigFile,
  template: `basic_auth_users:\n  ${prometheusUser}: "{{hash}}"\n`,
};

/** Start flags; a change of them replaces the container. Retention counts in seconds and bytes. */
export function prometheusFlags(
  folder: string,
  secretsFolder: string,
  retention: number,
  retentionSize: number,
): string[] {
  return [
    `--config.file=${folder}/prometheus.yml`,
    `--web.config.file=${secretsFolder}/${prometheusWebConfigFile}`,
    `--web.listen-address=0.0.0.0:${String(prometheusPort)}`,
    '--storage.tsdb.path=/prometheus',
    `--storage.tsdb.retention.time=${goDuration(retention)}`,
    // In bytes: its MB is 1024 * 1024.
    `--storage.tsdb.retention.size=${String(retentionSize)}B`,
    // POST /-/reload; behind the same credentials as everything else.
    '--web.enable-lifecycle',
    // A query that takes all memory would take the scrapes with it.
    '--query.max-concurrency=4',
    '--query.max-samples=10000000',
    '--log.level=info',
  ];
}

function scrapeConfig(job: ScrapeJob) {
  return {
    job_name: job.name,
    ...(job.interval !== undefined && {
      scrape_interval: goDuration(job.interval),
      scrape_timeout: goDuration(Math.min(10, job.interval)),
    }),
    ...(job.path !== undefined && { metrics_path: job.path }),
    ...(job.scheme !== undefined && { scheme: job.scheme }),
    ...(job.params !== undefined && { params: job.params }),
    ...(job.basicAuth && {
      basic_auth: { username: job.basicAuth.username, password_file: job.basicAuth.passwordFile },
    }),
    static_configs: [{ targets: job.targets }],
    ...(job.relabel && { relabel_configs: job.relabel }),
    ...(job.metricRelabel && { metric_relabel_configs: job.metricRelabel }),
  };
}
