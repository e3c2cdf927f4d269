import { type Files, goDuration, revisionOf, yamlFile } from '../files.ts';
import { promtailPort } from './listen.ts';
import type { CollectorSettings } from './settings.ts';

/** Where Promtail keeps how far it has read. */
export const positionsFolder = '/var/lib/promtail';

export interface PromtailConfig {
  host: string;
  /** The stack's own compose project, always collected. */
  project: string;
  collector: CollectorSettings;
  /** Seconds between two looks for new containers. */
  refresh: number;
  /** The filtering proxy of the Docker socket: `tcp://host:port`. */
  docker: string;
  /** Loki's address, without path. */
  loki: string;
}

export function renderPromtail(config: PromtailConfig): Files {
  const revision = revisionOf({ 'promtail.yml': yamlFile(promtailYaml(config, '')) });
  return { 'promtail.yml': yamlFile(promtailYaml(config, revision)) };
}

/** The revision that the running configuration must name. */
export const promtailRevision = (files: Files): string =>
  /X-Taffrail-Revision: "?([0-9a-f]+)/.exec(files['promtail.yml'] ?? '')?.[1] ?? '';

function promtailYaml(config: PromtailConfig, revision: string) {
  const { labels, metadata } = config.collector;
  const fields = [...new Set([...labels, ...metadata, 'service'])].sort();
  return {
    server: {
      http_listen_port: promtailPort,
      grpc_listen_address: '127.0.0.1',
      grpc_listen_port: 0,
      log_level: 'warn',
      // POST /reload, so that a change of the pipeline needs no restart.
      enable_runtime_reload: true,
    },
    positions: { filename: `${positionsFolder}/positions.yml`, sync_period: '2s' },
    clients: [
      {
        url: `${config.loki}/loki/api/v1/push`,
        // Loki ignores it: it carries the revision that promtail-reload reads back.
        headers: { 'X-Taffrail-Revision': revision },
        batchwait: '1s',
        timeout: '10s',
        // 0: until Loki takes it. The default of 10 loses lines after about 8 minutes.
        backoff_config: { min_period: '500ms', max_period: '30s', max_retries: 0 },
      },
    ],
    scrape_configs: sources(config).map((source, index, all) => ({
      job_name: source.name,
      docker_sd_configs: [
        { host: config.docker, refresh_interval: goDuration(config.refresh), ...source.filter },
      ],
      relabel_configs: [
        // Promtail's `keep` and `drop` empty the labels of a line but send it; so lines are marked here and dropped below.
        {
          source_labels: [containerLabel('dev.taffrail.job')],
          regex: '.+',
          target_label: dropLabel,
          replacement: 'yes',
        },
        ...all.slice(0, index).map((earlier) => ({
          source_labels: [earlier.label],
          regex: exactly(earlier.value),
          target_label: dropLabel,
          replacement: 'yes',
        })),
        ...streamLabels(config.host),
      ],
      pipeline_stages: [
        { match: { selector: `{${dropLabel}="yes"}`, action: 'drop', drop_counter_reason: 'not_selected' } },
        { json: { expressions: Object.fromEntries(fields.map((field) => [field, field])) } },
        // The line's own service, where it names one, wins over compose's.
        { labels: Object.fromEntries([...labels, 'service'].sort().map((label) => [label, null])) },
        { structured_metadata: Object.fromEntries([...metadata].sort().map((field) => [field, null])) },
      ],
    })),
    limits_config: { readline_rate_enabled: false },
  };
}

const compose = (label: string): string => `__meta_docker_container_label_com_docker_compose_${label}`;
const containerLabel = (label: string): string =>
  `__meta_docker_container_label_${label.replace(/[^a-zA-Z0-9_]/g, '_')}`;
const exactly = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');

const dropLabel = 'taffrail_drop';

/**
 * S2: whose lines are collected. Each source is filtered by the engine, so that nobody else's lines are read; a container
 * that an earlier source has is left to that one.
 */
function sources({ project, collector }: PromtailConfig) {
  if (collector.keep === 'all') return [{ name: 'all', filter: {}, label: '', value: '' }];
  const listed = collector.keep === 'own' ? [] : collector.keep;
  const selectors = [{ project }, ...listed].map((entry) =>
    'project' in entry ? { label: 'com.docker.compose.project', value: entry.project } : entry,
  );
  return selectors.map(({ label, value }) => ({
    name: `${label}=${value}`,
    filter: { filters: [{ name: 'label', values: [`${label}=${value}`] }] },
    label: containerLabel(label),
    value,
  }));
}

/** S5: the labels of every stream. */
function streamLabels(host: string) {
  return [
    { source_labels: ['__meta_docker_container_name'], regex: '/(.+)', target_label: 'container' },
    { source_labels: [compose('project')], target_label: 'project' },
    // A container that compose did not start is its own service.
    { source_labels: ['__meta_docker_container_name'], regex: '/(.+)', target_label: 'service' },
    { source_labels: [compose('service')], regex: '(.+)', target_label: 'service' },
    { target_label: 'job', replacement: 'docker' },
    { target_label: 'host', replacement: host },
  ];
}
