import type { DatabaseAddress } from '../databases/address.ts';
import { secretPath } from '../paths.ts';
import { type ExporterData, fixed, listenFlags, storesAddress, wget } from './data.ts';
import type { PostgresExporterSettings } from './settings.ts';

const port = 9187;
const passwordFile = 'postgres-exporter-password';

/** Figures of one Postgres, read as a role that may do nothing else. Hole: `password`. */
export function postgresExporter(
  settings: PostgresExporterSettings,
  database: DatabaseAddress,
): ExporterData {
  const name = database.own ? 'postgres-exporter' : `postgres-exporter-${database.name}`;
  return {
    name,
    title: 'postgres_exporter',
    image: 'postgresExporter',
    imageOverride: settings.image,
    user: '65534:65534',
    args: [
      // Its default collectors; of the others these two have a use here.
      '--collector.long_running_transactions',
      '--collector.database_wraparound',
      ...listenFlags(name, port),
    ],
    environment: {
      DATA_SOURCE_URI: `${database.host}:${String(database.port)}/${encodeURIComponent(database.database)}?sslmode=${database.tls ? 'require' : 'disable'}&application_name=${name}`,
      DATA_SOURCE_USER: database.user,
      DATA_SOURCE_PASS_FILE: secretPath(passwordFile),
    },
    secrets: [{ name: passwordFile, template: '{{password}}' }],
    port,
    memory: settings.memory,
    networks: database.own ? ['databases'] : database.network === undefined ? ['apps'] : [],
    ...(database.network !== undefined && { external: [database.network] }),
    healthcheck: wget(port, '/'),
    scrape: [
      {
        name: database.own ? 'postgres' : `postgres-${database.name}`,
        targets: [storesAddress(name, port)],
        // One job for rules and dashboards; each database is an instance.
        relabel: [fixed('job', 'postgres'), fixed('instance', database.name)],
      },
    ],
  };
}
