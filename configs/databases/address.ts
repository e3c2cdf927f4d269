import type { ExternalDatabase, PostgresSettings } from './settings.ts';

/** Where a database answers, and as whom an exporter asks it. */
export interface DatabaseAddress {
  /** `postgres` or `redis` for what Taffrail runs, else the name in `databases`. */
  name: string;
  /** Whether Taffrail runs it. */
  own: boolean;
  host: string;
  port: number;
  /** Postgres. */
  database: string;
  /** The exporter's role (Postgres), or ACL user (Redis; `default` is the one of `requirepass`). */
  user: string;
  /** The external network on which it answers. */
  network?: string | undefined;
  tls: boolean;
}

export const postgresPort = 5432;
export const redisPort = 6379;
/** The role of our exporters where we make it. */
export const exporterRole = 'taffrail_exporter';
/** Redis' user of `requirepass`; one older than 6 has no other. */
export const everybody = 'default';

export const ownPostgres = (settings: PostgresSettings): DatabaseAddress => ({
  name: 'postgres',
  own: true,
  host: 'postgres',
  port: postgresPort,
  database: settings.database,
  user: exporterRole,
  tls: false,
});

export const ownRedis: DatabaseAddress = {
  name: 'redis',
  own: true,
  host: 'redis',
  port: redisPort,
  database: '',
  user: exporterRole,
  tls: false,
};

export const teamDatabase = (name: string, settings: ExternalDatabase): DatabaseAddress => ({
  name,
  own: false,
  host: settings.host,
  port: settings.port ?? (settings.kind === 'postgres' ? postgresPort : redisPort),
  database: settings.database,
  user: settings.user ?? exporterRole,
  network: settings.network,
  tls: settings.tls,
});

/** Who makes the role. */
export const adminOf = ({ kind, adminUser }: Pick<ExternalDatabase, 'kind' | 'adminUser'>): string =>
  adminUser ?? (kind === 'postgres' ? 'postgres' : everybody);
