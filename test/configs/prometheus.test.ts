import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import {
  type PrometheusConfig,
  prometheusFlags,
  prometheusRevision,
  prometheusWebConfig,
  renderPrometheus,
} from '../../configs/prometheus/render.ts';
import { rendersAlike, revisionFollows } from './rendering.ts';

const config: PrometheusConfig = {
  host: 'vps-1',
  scrapeInterval: 15,
  jobs: [{ name: 'loki', targets: ['loki:3100'] }],
  rules: {},
  secretsFolder: '/run/secrets',
};
const full: PrometheusConfig = {
  ...config,
  scrapeInterval: 5,
  jobs: [
    {
      name: 'web',
      targets: ['web:8080', '[fd00::1]:80'],
      path: '/m',
      interval: 60,
      scheme: 'https',
      params: { module: ['site'] },
      basicAuth: { username: 'u', passwordFile: '/run/secrets/scrape-web-password' },
      relabel: [{ target_label: 'job', replacement: 'other' }],
      metricRelabel: [{ source_labels: ['__name__'], regex: 'x', action: 'drop' }],
    },
    { name: 'often', targets: ['a:1'], interval: 2 },
  ],
  rules: { 'own.yml': 'groups: []\n', 'a.yml': 'groups: []\n' },
};
interface Main {
  global: { scrape_interval: string; scrape_timeout: string; external_labels: object };
  rule_files: string[];
  scrape_configs: {
    job_name: string;
    scrape_interval?: string;
    scrape_timeout?: string;
    basic_auth?: object;
  }[];
}
const main = (given: PrometheusConfig) => parse(renderPrometheus(given)['prometheus.yml'] ?? '') as Main;

describe('Prometheus', () => {
  // A target's own relabelling is written as it is given: an order there is meant.
  rendersAlike('prometheus', { default: config }, renderPrometheus);
  test('3.20, 3.21: golden files, all that a job can have', async () => {
    for (const [path, content] of Object.entries(renderPrometheus(full)))
      await expect(content).toMatchFileSnapshot(`golden/prometheus/full/${path}`);
    expect(renderPrometheus(structuredClone(full))).toEqual(renderPrometheus(full));
  });
  revisionFollows(
    config,
    [
      full,
      { ...config, host: 'x' },
      { ...config, rules: { 'a.yml': 'groups: []\n' } },
      { ...config, rules: { 'a.yml': 'groups: [ ]\n' } },
      { ...config, secretsFolder: '/s' },
    ],
    (given) => prometheusRevision(renderPrometheus(given)),
  );

  test('A1: it scrapes itself, with credentials, and every job that is offered', () => {
    const { scrape_configs: jobs } = main(full);
    expect(jobs.map(({ job_name: name }) => name)).toEqual(['prometheus', 'web', 'often']);
    expect(jobs[0]?.basic_auth).toEqual({
      username: 'taffrail',
      password_file: '/run/secrets/prometheus-password',
    });
  });

  test('a scrape never takes longer than its interval', () => {
    const { global, scrape_configs: jobs } = main(full);
    expect([global.scrape_interval, global.scrape_timeout]).toEqual(['5s', '5s']);
    expect(jobs.map((job) => [job.scrape_interval, job.scrape_timeout])).toEqual([
      [undefined, undefined],
      ['1m', '10s'],
      ['2s', '2s'],
    ]);
  });

  test('3.14: the revision is named where it matches no file', () => {
    const files = renderPrometheus(full);
    const [, pattern = ''] = main(full).rule_files;
    expect(pattern).toBe(`revision/${prometheusRevision(files)}*`);
    expect(Object.keys(files).filter((path) => path.startsWith('revision/'))).toEqual([]);
  });

  test('3.15, 3.17: it asks for credentials, and no rendered file holds them', () => {
    const flags = prometheusFlags('/etc/taffrail/current', '/run/secrets', 30 * 86_400, 10e9);
    expect(flags).toContain('--web.config.file=/run/secrets/prometheus-web.yml');
    expect(parse(prometheusWebConfig.template.replace('{{hash}}', '$2y$10$x'))).toEqual({
      basic_auth_users: { taffrail: '$2y$10$x' },
    });
    expect(Object.values(renderPrometheus(full)).join('')).not.toMatch(/\bpassword: /);
  });

  test('S4: metrics are kept by time and by size', () => {
    expect(prometheusFlags('/c', '/s', 48 * 3600, 1e9)).toEqual(
      expect.arrayContaining([
        '--storage.tsdb.retention.time=48h',
        '--storage.tsdb.retention.size=1000000000B',
      ]),
    );
  });
});
