import * as pulumi from '@pulumi/pulumi';
import { type DatabaseAddress, exporterRole } from '../configs/databases/address.ts';
import {
  passwordLine,
  redisLogin,
  redisOwner,
  redisUser,
  redisUserByHand,
  roleConnections,
  roleSql,
} from '../configs/databases/roles.ts';
import { script } from '../configs/tools/scripts.ts';
import { Credential } from './credential.ts';
import type { Host } from './host.ts';
import type { Networks } from './networks.ts';
import { type Attachment, Job, pinnedImage } from './service.ts';

export interface DatabaseRoleArgs {
  address: DatabaseAddress;
  kind: 'postgres' | 'redis';
  /** Who makes the role. Without it the role is there already, and is only asked what it may do. */
  admin?: { user: string; password: pulumi.Output<string> } | undefined;
  /** The exporter's password; generated when an admin makes the role and none is given. */
  password: pulumi.Output<string> | undefined;
  image?: string | undefined;
  after?: pulumi.Input<pulumi.Resource>[];
}

/** The least-privilege role of an exporter (S10): made where an admin's secret is given, and always verified. */
export class DatabaseRole extends pulumi.ComponentResource {
  readonly password: pulumi.Output<string>;
  readonly ready: pulumi.Output<pulumi.Resource>;

  constructor(host: Host, networks: Networks, args: DatabaseRoleArgs) {
    const { address, kind, admin, after = [] } = args;
    const name = `${address.own ? kind : `${kind}-${address.name}`}-role`;
    super('taffrail:index:DatabaseRole', name, {});
    this.password = new Credential(`${name}-credential`, args.password, { parent: this }).value;
    const common = {
      image: pinnedImage(host, kind, args.image),
      user: { root: 'it removes the staged secrets, which are root’s' },
      networks: attachments(networks, address),
      after,
    };
    const { done } = new Job(
      name,
      host,
      kind === 'postgres'
        ? { ...common, ...this.#postgres(host, address, admin) }
        : { ...common, ...this.#redis(host, address, admin) },
      { parent: this },
    );
    // Words of a job that ended well are not shown, and these a person has to know.
    this.ready = done.apply((job) =>
      pulumi.all([job.containerLogs, job.urn]).apply(([logs, urn]) => {
        const forgets = /^.* forgets the user .*$/m.exec(logs)?.[0];
        if (forgets !== undefined)
          void pulumi.log.warn(
            `The Redis ${address.name}: ${forgets}. Then type: pulumi up -s ${host.stack} --replace '${urn}'`,
            this,
          );
        return job;
      }),
    );
    this.registerOutputs({});
  }

  #postgres(host: Host, address: DatabaseAddress, admin: DatabaseRoleArgs['admin']) {
    const { database, user } = address;
    return {
      command: [
        'sh',
        '/taffrail/role.sh',
        address.host,
        String(address.port),
        database,
        user,
        admin?.user ?? '-',
        `made by ${host.project}`,
        String(roleConnections),
      ],
      environment: { PGSSLMODE: address.tls ? 'require' : 'disable' },
      files: {
        '/taffrail/role.sh': script('databases/role.sh'),
        '/staging/role.sql': script('databases/role.sql'),
        '/staging/verify.sql': script('databases/verify.sql'),
        '/staging/role-by-hand.sql': `${roleSql(address)}\n`,
        '/staging/role-pgpass': pulumi.secret(this.password.apply(passwordLine)),
        ...(admin && {
          '/staging/password': pulumi.secret(pulumi.interpolate`${this.password}\n`),
          '/staging/admin-pgpass': pulumi.secret(admin.password.apply(passwordLine)),
        }),
      },
    };
  }

  #redis(host: Host, address: DatabaseAddress, admin: DatabaseRoleArgs['admin']) {
    const { user } = address;
    return {
      command: [
        'sh',
        '/taffrail/redis.sh',
        address.host,
        String(address.port),
        user,
        admin ? redisOwner(host.project) : '-',
        exporterRole,
        ...(address.tls ? ['--tls', '--insecure'] : []),
      ],
      files: {
        '/taffrail/redis.sh': script('databases/redis.sh'),
        '/staging/by-hand': redisUserByHand(user),
        '/staging/another-by-hand': redisUserByHand(exporterRole),
        '/staging/login': pulumi.secret(this.password.apply((password) => redisLogin(user, password))),
        ...(admin && {
          '/staging/admin-login': pulumi.secret(
            admin.password.apply((password) => redisLogin(admin.user, password)),
          ),
          '/staging/user': pulumi.secret(
            this.password.apply((password) => redisUser(user, password, host.project)),
          ),
        }),
      },
    };
  }
}

function attachments(networks: Networks, address: DatabaseAddress): Attachment[] {
  if (address.own) return [{ network: networks.databases, aliases: [] }];
  // By its address, or through another network of the host: `apps` reaches outside.
  return [{ network: address.network ?? networks.apps, aliases: [] }];
}
