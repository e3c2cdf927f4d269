import * as pulumi from '@pulumi/pulumi';
import { redisConf, redisDataFolder, redisHealthcheck } from '../configs/databases/redis.ts';
import { sha256 } from '../configs/databases/roles.ts';
import type { RedisSettings } from '../configs/databases/settings.ts';
import { secretPath } from '../configs/paths.ts';
import { Credential, filled, SecretFiles } from './credential.ts';
import type { Host } from './host.ts';
import type { Networks } from './networks.ts';
import { Service, volume } from './service.ts';

const user = '999:999';

/** A Redis that Taffrail runs. */
export class Redis extends pulumi.ComponentResource {
  readonly password: pulumi.Output<string>;
  /** That of the exporter's own account, which may ask INFO and the length of keys. */
  readonly exporterPassword: pulumi.Output<string> | undefined;
  readonly ready: pulumi.Output<pulumi.Resource>;

  constructor(
    host: Host,
    networks: Networks,
    {
      settings,
      password,
      watched,
    }: { settings: RedisSettings; password: pulumi.Output<string> | undefined; watched: boolean },
  ) {
    const name = 'redis';
    super('taffrail:index:Redis', name, {});
    this.password = new Credential(`${name}-credential`, password, { parent: this }).value;
    this.exporterPassword = watched
      ? new Credential(`${name}-exporter-credential`, undefined, { parent: this }).value
      : undefined;
    const conf = redisConf(settings.memory, watched);
    const secrets = new SecretFiles(
      `${name}-secrets`,
      host,
      {
        owner: user,
        files: {
          [conf.name]: filled(conf.template, {
            passwordHash: this.password.apply(sha256),
            ...(this.exporterPassword && { exporterPasswordHash: this.exporterPassword.apply(sha256) }),
          }),
        },
      },
      { parent: this },
    );
    const service = new Service(
      name,
      host,
      {
        image: 'redis',
        imageOverride: settings.image,
        user,
        command: ['redis-server', secretPath(conf.name)],
        memory: settings.memory,
        networks: [
          { network: networks.databases, aliases: [name] },
          { network: networks.apps, aliases: [name] },
        ],
        mounts: [secrets.mount, { volume: volume(`${name}-data`, host, this, true), path: redisDataFolder }],
        healthcheck: redisHealthcheck,
        stopGrace: 30,
        // It reads its configuration at the start only.
        revision: secrets.delivered.id,
        after: [secrets.delivered],
      },
      { parent: this },
    );
    this.ready = pulumi.output(service.container);
    this.registerOutputs({});
  }
}
