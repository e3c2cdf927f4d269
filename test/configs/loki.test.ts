import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { type LokiConfig, lokiRevision, renderLoki } from '../../configs/loki/render.ts';
import { rendersAlike, revisionFollows } from './rendering.ts';

const config: LokiConfig = {
  memory: 512 * 2 ** 20,
  retention: 30 * 86_400,
  ingestionRate: 8 * 2 ** 20,
  schemaFrom: '2024-01-01',
  earlierSchemas: [],
};
const old: LokiConfig = {
  ...config,
  memory: 256 * 2 ** 20,
  retention: 48 * 3600,
  schemaFrom: '2026-12-01',
  earlierSchemas: [{ from: '2020-10-24', store: 'boltdb-shipper', schema: 'v11', prefix: 'index_' }],
};
const rendered = (given: LokiConfig) => parse(renderLoki(given)['loki.yml'] ?? '') as Record<string, unknown>;

describe('Loki', () => {
  rendersAlike('loki', { default: config, old }, renderLoki);
  revisionFollows(
    config,
    [old, { ...config, retention: 1 }, { ...config, memory: 2 ** 30 }, { ...config, ingestionRate: 2 ** 20 }],
    (given) => lokiRevision(renderLoki(given)),
  );

  test('S4: what is older than the retention is deleted, by the compactor', () => {
    expect(rendered(old)).toMatchObject({
      compactor: { retention_enabled: true, delete_request_store: 'filesystem' },
      limits_config: { retention_period: '48h', reject_old_samples_max_age: '48h' },
    });
  });

  test('B1: earlier schema periods come first, and the current one is tsdb v13', () => {
    const { configs } = rendered(old)['schema_config'] as { configs: { from: string; schema: string }[] };
    expect(configs.map(({ from, schema }) => [from, schema])).toEqual([
      ['2020-10-24', 'v11'],
      ['2026-12-01', 'v13'],
    ]);
  });

  test('3.20: what it holds in memory by its own limits is well below its container’s', () => {
    const found = rendered(config) as {
      ingester: { wal: { replay_memory_ceiling: string } };
      query_range: { results_cache: { cache: { embedded_cache: { max_size_mb: number } } } };
      chunk_store_config: { chunk_cache_config: { embedded_cache: { max_size_mb: number } } };
    };
    const sum =
      Number.parseInt(found.ingester.wal.replay_memory_ceiling, 10) +
      found.query_range.results_cache.cache.embedded_cache.max_size_mb +
      found.chunk_store_config.chunk_cache_config.embedded_cache.max_size_mb;
    expect(sum).toBeLessThan((config.memory / 2 ** 20) * 0.6);
  });

  test('S8: it reports no usage', () => {
    expect(rendered(config)).toMatchObject({ analytics: { reporting_enabled: false } });
  });
});
