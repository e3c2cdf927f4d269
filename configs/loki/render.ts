import { type Files, goDuration, mebibytes, revisionOf, yamlFile } from '../files.ts';
import { lokiPort } from './listen.ts';
import type { LokiSettings } from './settings.ts';

/** Where Loki keeps its data in its container. */
export const lokiDataFolder = '/loki';

export type LokiConfig = Pick<
  LokiSettings,
  'memory' | 'retention' | 'ingestionRate' | 'schemaFrom' | 'earlierSchemas'
>;

export function renderLoki(config: LokiConfig): Files {
  const revision = revisionOf({ 'loki.yml': yamlFile(lokiYaml(config, '')) });
  return { 'loki.yml': yamlFile(lokiYaml(config, revision)) };
}

/** The revision that the running configuration must name. */
export const lokiRevision = (files: Files): string =>
  /cluster_label: "?([0-9a-f]+)/.exec(files['loki.yml'] ?? '')?.[1] ?? '';

function lokiYaml(config: LokiConfig, revision: string) {
  const rate = mebibytes(config.ingestionRate);
  return {
    auth_enabled: false,
    analytics: { reporting_enabled: false },
    server: {
      http_listen_port: lokiPort,
      // Only Loki itself speaks gRPC to itself.
      grpc_listen_address: '127.0.0.1',
      grpc_listen_port: 9095,
      log_level: 'warn',
    },
    common: {
      instance_addr: '127.0.0.1',
      path_prefix: lokiDataFolder,
      replication_factor: 1,
      ring: { kvstore: { store: 'inmemory' } },
      storage: {
        filesystem: {
          chunks_directory: `${lokiDataFolder}/chunks`,
          rules_directory: `${lokiDataFolder}/rules`,
        },
      },
    },
    // There is no cluster: the label carries the revision that loki-restart reads back.
    memberlist: { cluster_label: revision },
    schema_config: {
      configs: [
        ...config.earlierSchemas.map(({ from, store, schema, prefix }) =>
          period(from, store, schema, prefix),
        ),
        period(config.schemaFrom, 'tsdb', 'v13', 'index_'),
      ],
    },
    ingester: {
      // A single ingester has nobody to wait for: the default is 15 s at every start.
      lifecycler: { min_ready_duration: '0s', final_sleep: '0s' },
      wal: {
        dir: `${lokiDataFolder}/wal`,
        // The default is 4 GB: a replay after a crash would be killed at the container's limit, for ever.
        replay_memory_ceiling: `${String(mebibytes(config.memory / 4))}MB`,
        flush_on_shutdown: true,
      },
      chunk_encoding: 'snappy',
      // Few, quiet streams: half an hour of idling would keep every one of them in memory.
      chunk_idle_period: '15m',
      max_chunk_age: '2h',
    },
    compactor: {
      working_directory: `${lokiDataFolder}/compactor`,
      // Without these two nothing is ever deleted.
      retention_enabled: true,
      delete_request_store: 'filesystem',
      compaction_interval: '10m',
      // Long enough for a running query to finish, short enough that disk is really freed.
      retention_delete_delay: '15m',
    },
    limits_config: {
      retention_period: goDuration(config.retention),
      ingestion_rate_mb: rate,
      ingestion_burst_size_mb: rate * 2,
      per_stream_rate_limit: `${String(rate)}MB`,
      per_stream_rate_limit_burst: `${String(rate * 2)}MB`,
      // Lines older than what is kept would be deleted at once.
      reject_old_samples: true,
      reject_old_samples_max_age: goDuration(config.retention),
      allow_structured_metadata: true,
      // The collector sets the labels; Loki guesses none.
      discover_service_name: [],
      discover_log_levels: false,
      // One user's wide query must not take the memory that ingestion needs.
      max_query_parallelism: 4,
      max_query_series: 1000,
      split_queries_by_interval: '1h',
      volume_enabled: true,
    },
    querier: { max_concurrent: 4 },
    // Its own parts find each other within this time: 10 s by default, which every start would wait for.
    frontend: { scheduler_dns_lookup_period: '500ms' },
    frontend_worker: { dns_lookup_duration: '500ms' },
    query_range: {
      cache_results: true,
      results_cache: {
        cache: { embedded_cache: { enabled: true, max_size_mb: Math.max(8, mebibytes(config.memory / 16)) } },
      },
    },
    chunk_store_config: {
      chunk_cache_config: {
        embedded_cache: { enabled: true, max_size_mb: Math.max(8, mebibytes(config.memory / 8)) },
      },
    },
  };
}

function period(from: string, store: string, schema: string, prefix: string) {
  return { from, store, object_store: 'filesystem', schema, index: { prefix, period: '24h' } };
}
