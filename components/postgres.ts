import type * as command from '@pulumi/command';
import * as pulumi from '@pulumi/pulumi';
import { postgresPort } from '../configs/databases/address.ts';
import { postgresDataFolder, postgresEnvironment, postgresFlags } from '../configs/databases/postgres.ts';
import type { PostgresSettings } from '../configs/databases/settings.ts';
import { Credential } from './credential.ts';
import { databaseJob } from './databaseRole.ts';
import type { Host } from './host.ts';
import type { Networks } from './networks.ts';
import { dataVolume, pinnedImage, service } from './service.ts';

const user = '999:999';

/** A Postgres that Taffrail runs. */
export class Postgres extends pulumi.ComponentResource {
  /** The superuser. */
  readonly user: string;
  readonly password: pulumi.Output<string>;
  readonly ready: command.local.Command;

  constructor(
    host: Host,
    networks: Networks,
    { settings, password }: { settings: PostgresSettings; password: pulumi.Output<string> | undefined },
  ) {
    const name = 'postgres';
    super('taffrail:index:Postgres', name, {});
    this.user = settings.user;
    this.password = new Credential(`${name}-credential`, password, { parent: this }).value;
    const image = pinnedImage(host, 'postgres', settings.image);
    const container = service(
      name,
      host,
      {
        image,
        user,
        command: ['postgres', ...postgresFlags(settings.memory)],
        environment: postgresEnvironment(settings.user, settings.database),
        memory: settings.memory,
        networks: [
          { network: networks.databases, aliases: [name] },
          { network: networks.apps, aliases: [name] },
        ],
        mounts: [{ volume: dataVolume(`${name}-data`, host, this), path: postgresDataFolder }],
        tmpfs: { '/run/postgresql': 2 ** 20 },
        // By TCP: the first start's own server, which is not ready for anyone else, has a socket only.
        healthcheck: ['pg_isready', '-q', '-h', '127.0.0.1', '-p', String(postgresPort), '-U', settings.user],
        applied: true,
        // The image's stop signal is SIGINT: it ends connections, writes a checkpoint and goes.
        stopGrace: 60,
      },
      this,
    );
    this.ready = databaseJob(
      `${name}-password`,
      host,
      {
        image,
        network: pulumi.interpolate`container:${container.id}`,
        task: 'postgresPassword',
        told: { user: settings.user, password: this.password, database: settings.database },
        after: [container],
      },
      this,
    );
    this.registerOutputs({});
  }
}
