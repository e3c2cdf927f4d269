import * as pulumi from '@pulumi/pulumi';
import { postgresPort } from '../configs/databases/address.ts';
import { postgresDataFolder, postgresEnvironment, postgresFlags } from '../configs/databases/postgres.ts';
import { passwordLine } from '../configs/databases/roles.ts';
import type { PostgresSettings } from '../configs/databases/settings.ts';
import { script } from '../configs/tools/scripts.ts';
import { Credential } from './credential.ts';
import type { Host } from './host.ts';
import type { Networks } from './networks.ts';
import { Job, Service, volume } from './service.ts';

const user = '999:999';

/** A Postgres that Taffrail runs. */
export class Postgres extends pulumi.ComponentResource {
  /** The superuser. */
  readonly user: string;
  readonly password: pulumi.Output<string>;
  readonly ready: pulumi.Output<pulumi.Resource>;

  constructor(
    host: Host,
    networks: Networks,
    { settings, password }: { settings: PostgresSettings; password: pulumi.Output<string> | undefined },
  ) {
    const name = 'postgres';
    super('taffrail:index:Postgres', name, {});
    this.user = settings.user;
    this.password = new Credential(`${name}-credential`, password, { parent: this }).value;
    const service = new Service(
      name,
      host,
      {
        image: 'postgres',
        imageOverride: settings.image,
        user,
        command: ['postgres', ...postgresFlags(settings.memory)],
        environment: postgresEnvironment(settings.user, settings.database),
        memory: settings.memory,
        networks: [
          { network: networks.databases, aliases: [name] },
          { network: networks.apps, aliases: [name] },
        ],
        mounts: [{ volume: volume(`${name}-data`, host, this, true), path: postgresDataFolder }],
        tmpfs: { '/run/postgresql': 2 ** 20 },
        // By TCP: the first start's own server, which is not ready for anyone else, has a socket only.
        healthcheck: ['pg_isready', '-q', '-h', '127.0.0.1', '-p', String(postgresPort), '-U', settings.user],
        // The image's stop signal is SIGINT: it ends connections, writes a checkpoint and goes.
        stopGrace: 60,
      },
      { parent: this },
    );
    this.ready = new Job(
      `${name}-password`,
      host,
      {
        image: service.imageId,
        user: { root: 'it removes the staged secrets, which are root’s' },
        command: ['sh', '/taffrail/password.sh', settings.user, settings.database],
        files: {
          '/taffrail/password.sh': script('databases/password.sh'),
          '/staging/password': pulumi.secret(pulumi.interpolate`${this.password}\n`),
          '/staging/pgpass': pulumi.secret(this.password.apply(passwordLine)),
        },
        inNetworkOf: service.containerId,
        after: [service.container],
      },
      { parent: this },
    ).done;
    this.registerOutputs({});
  }
}
