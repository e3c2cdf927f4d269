import type * as docker from '@pulumi/docker';
import * as pulumi from '@pulumi/pulumi';
import { redisConf, redisDataFolder, redisHealthcheck } from '../configs/databases/redis.ts';
import { sha256 } from '../configs/databases/roles.ts';
import type { RedisSettings } from '../configs/databases/settings.ts';
import { secretPath } from '../configs/paths.ts';
import { Credential, filled } from './credential.ts';
import { deliverProgram } from './delivery.ts';
import type { Host } from './host.ts';
import type { Networks } from './networks.ts';
import { dataVolume, pinnedImage, service } from './service.ts';

const user = '999:999';

/** A Redis that Taffrail runs. */
export class Redis extends pulumi.ComponentResource {
  readonly password: pulumi.Output<string>;
  /** That of the exporter's own account, which may ask INFO and the length of keys. */
  readonly exporterPassword: pulumi.Output<string> | undefined;
  readonly ready: docker.Container;

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
    const image = pinnedImage(host, 'redis', settings.image);
    const delivery = deliverProgram(
      name,
      host,
      {
        image,
        user,
        files: {},
        secrets: {
          [conf.name]: filled(conf.template, {
            passwordHash: this.password.apply(sha256),
            ...(this.exporterPassword && { exporterPasswordHash: this.exporterPassword.apply(sha256) }),
          }),
        },
      },
      this,
    );
    this.ready = service(
      name,
      host,
      {
        image,
        user,
        command: ['redis-server', secretPath(conf.name)],
        memory: settings.memory,
        networks: [
          { network: networks.databases, aliases: [name] },
          { network: networks.apps, aliases: [name] },
        ],
        mounts: [delivery.mount, { volume: dataVolume(`${name}-data`, host, this), path: redisDataFolder }],
        healthcheck: redisHealthcheck,
        stopGrace: 30,
        // It reads its configuration at the start only.
        revision: delivery.fingerprint,
        after: [delivery.done],
      },
      this,
    );
    this.registerOutputs({});
  }
}
