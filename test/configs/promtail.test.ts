import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { type PromtailConfig, promtailRevision, renderPromtail } from '../../configs/promtail/render.ts';
import { rendersAlike, revisionFollows } from './rendering.ts';

const config: PromtailConfig = {
  host: 'vps-1',
  project: 'taffrail-prod',
  collector: {
    keep: 'own',
    labels: ['level', 'logger', 'handler'],
    metadata: ['user_id', 'chat_id', 'event'],
  },
  refresh: 5,
  docker: 'tcp://socket-proxy:2375',
  loki: 'http://loki:3100',
};
const keeping = (keep: PromtailConfig['collector']['keep']): PromtailConfig => ({
  ...config,
  collector: { ...config.collector, keep },
});
const others = keeping([{ project: 'shop' }, { label: 'com.example.logs', value: 'a+b' }]);

interface Scrape {
  job_name: string;
  docker_sd_configs: {
    host: string;
    refresh_interval: string;
    filters?: { name: string; values: string[] }[];
  }[];
  relabel_configs: { target_label: string; replacement?: string; source_labels?: string[]; regex?: string }[];
  pipeline_stages: Record<string, unknown>[];
}
const rendered = (given: PromtailConfig) =>
  parse(renderPromtail(given)['promtail.yml'] ?? '') as { scrape_configs: Scrape[]; clients: unknown[] };

describe('Promtail', () => {
  rendersAlike('promtail', { own: config, all: keeping('all'), others }, renderPromtail);
  revisionFollows(
    config,
    [others, keeping('all'), { ...config, refresh: 6 }, { ...config, host: 'x' }],
    (given) => promtailRevision(renderPromtail(given)),
  );

  test('S2: the engine is asked for what is kept, and for nothing else', () => {
    const asked = (given: PromtailConfig) =>
      rendered(given).scrape_configs.map(({ docker_sd_configs: [first] }) => first?.filters?.[0]?.values[0]);
    expect(asked(config)).toEqual(['com.docker.compose.project=taffrail-prod']);
    expect(asked(others)).toEqual([
      'com.docker.compose.project=taffrail-prod',
      'com.docker.compose.project=shop',
      'com.example.logs=a+b',
    ]);
    expect(asked(keeping('all'))).toEqual([undefined]);
  });

  test('S2: a line that two selectors would keep is kept once', () => {
    const drops = rendered(others).scrape_configs.map(({ relabel_configs: rules }) =>
      rules.filter(({ target_label: label }) => label === 'taffrail_drop').map(({ regex }) => regex),
    );
    expect(drops).toEqual([['.+'], ['.+', 'taffrail-prod'], ['.+', 'taffrail-prod', 'shop']]);
  });

  test('S5: the labels of every stream', () => {
    for (const { relabel_configs: rules } of rendered(others).scrape_configs) {
      const labels = new Set(rules.map(({ target_label: label }) => label));
      expect([...labels].sort()).toEqual(['container', 'host', 'job', 'project', 'service', 'taffrail_drop']);
      expect(rules).toContainEqual({ target_label: 'job', replacement: 'docker' });
      expect(rules).toContainEqual({ target_label: 'host', replacement: 'vps-1' });
    }
  });

  test('A3: few values become labels, many become structured metadata', () => {
    const stages = Object.assign({}, ...(rendered(config).scrape_configs[0]?.pipeline_stages ?? [])) as {
      labels: object;
      structured_metadata: object;
    };
    expect(Object.keys(stages.labels)).toEqual(['handler', 'level', 'logger', 'service']);
    expect(Object.keys(stages.structured_metadata)).toEqual(['chat_id', 'event', 'user_id']);
  });

  test('3.20: it sends until Loki takes it', () => {
    expect(rendered(config).clients).toMatchObject([{ backoff_config: { max_retries: 0 } }]);
  });
});
