import * as pulumi from '@pulumi/pulumi';
import {
  adminOf,
  type DatabaseAddress,
  ownPostgres,
  ownRedis,
  teamDatabase,
} from '../configs/databases/address.ts';
import { jsonText } from '../configs/databases/roles.ts';
import { postgresExporter } from '../configs/exporters/postgres.ts';
import { redisExporter } from '../configs/exporters/redis.ts';
import type { ScrapeJob } from '../configs/prometheus/render.ts';
import type { Settings } from '../configs/settings.ts';
import { DatabaseRole, type DatabaseRoleArgs } from './databaseRole.ts';
import { Exporter } from './exporter.ts';
import type { Host } from './host.ts';
import type { Networks } from './networks.ts';
import { Postgres } from './postgres.ts';
import { Redis } from './redis.ts';

type Secret = (name: string | undefined) => pulumi.Output<string> | undefined;
type Kind = DatabaseRoleArgs['kind'];

/** Databases that Taffrail runs or finds, each with a least-privilege role and an exporter. */
export class Databases {
  readonly postgres: Postgres | undefined;
  readonly redis: Redis | undefined;
  /** What Prometheus scrapes; known at once. */
  readonly scrape: ScrapeJob[] = [];
  readonly #host: Host;
  readonly #networks: Networks;
  readonly #settings: Settings;

  constructor(host: Host, networks: Networks, settings: Settings, given: Secret) {
    [this.#host, this.#networks, this.#settings] = [host, networks, settings];
    const { postgres, redis } = settings;
    if (postgres.enabled) {
      this.postgres = new Postgres(host, networks, {
        settings: postgres,
        password: given(postgres.password),
      });
      const { user, password, ready } = this.postgres;
      this.#watch('postgres', ownPostgres(postgres), {
        admin: { user, password },
        password: undefined,
        after: [ready],
      });
    }
    if (redis.enabled) {
      this.redis = new Redis(host, networks, {
        settings: redis,
        password: given(redis.password),
        watched: settings.redisExporter.enabled,
      });
      this.#watch('redis', ownRedis, { password: this.redis.exporterPassword, after: [this.redis.ready] });
    }
    for (const [name, database] of Object.entries(settings.databases)) {
      const admin = given(database.adminPassword);
      this.#watch(database.kind, teamDatabase(name, database), {
        ...(admin && { admin: { user: adminOf(database), password: admin } }),
        password: given(database.password),
        after: [],
      });
    }
  }

  /** Secrets that an app names, by file: given ones, or the stack's own. A credential may have several consumers (A2). */
  shared(
    names: Readonly<Record<string, string>>,
    given: Secret,
  ): Record<string, pulumi.Output<string> | undefined> {
    const own: Record<string, pulumi.Output<string> | undefined> = {
      'postgres.password': this.postgres?.password,
      'redis.password': this.redis?.password,
    };
    return Object.fromEntries(
      Object.entries(names).map(([file, name]) => [file, name in own ? own[name] : given(name)]),
    );
  }

  #watch(
    kind: Kind,
    address: DatabaseAddress,
    how: Pick<DatabaseRoleArgs, 'admin' | 'password' | 'after'>,
  ): void {
    const { postgres, postgresExporter: forPostgres, redis, redisExporter: forRedis } = this.#settings;
    const exporter = kind === 'postgres' ? forPostgres : forRedis;
    if (!exporter.enabled) return;
    const image = (kind === 'postgres' ? postgres : redis).image;
    const role = new DatabaseRole(this.#host, this.#networks, { address, kind, image, ...how });
    const data =
      kind === 'postgres' ? postgresExporter(forPostgres, address) : redisExporter(forRedis, address);
    const placeholders = { password: role.password, passwordJson: role.password.apply(jsonText) };
    this.scrape.push(
      ...new Exporter(this.#host, this.#networks, { data, placeholders, after: [role.ready] }).scrape,
    );
  }
}
