import type * as command from '@pulumi/command';
import * as pulumi from '@pulumi/pulumi';
import type { DatabaseAddress } from '../configs/databases/address.ts';
import { Credential } from './credential.ts';
import { job, told } from './delivery.ts';
import type { Host } from './host.ts';
import { type DatabaseTask, warningMark } from './jobs/database.ts';
import type { Networks } from './networks.ts';
import { type Image, pinnedImage } from './service.ts';

export interface DatabaseRoleArgs {
  address: DatabaseAddress;
  kind: 'postgres' | 'redis';
  /** Who makes the role. Without it the role is there already, and is only asked what it may do. */
  admin?: { user: string; password: pulumi.Output<string> } | undefined;
  /** The exporter's password; generated when an admin makes the role and none is given. */
  password: pulumi.Output<string> | undefined;
  image?: string | undefined;
  after?: pulumi.CustomResource[];
}

/** The least-privilege role of an exporter (S10): made where an admin's secret is given, and always verified. */
export class DatabaseRole extends pulumi.ComponentResource {
  readonly password: pulumi.Output<string>;
  readonly ready: command.local.Command;

  constructor(host: Host, networks: Networks, args: DatabaseRoleArgs) {
    const { address, kind, admin, image, after = [] } = args;
    const name = `${address.own ? kind : `${kind}-${address.name}`}-role`;
    super('taffrail:index:DatabaseRole', name, {});
    this.password = new Credential(`${name}-credential`, args.password, { parent: this }).value;
    const { network, ...rest } = address;
    this.ready = databaseJob(
      name,
      host,
      {
        image: pinnedImage(host, kind, image),
        // A far one by its address: `apps` reaches outside.
        network: [address.own ? networks.databases : (network ?? networks.apps)],
        task: kind === 'postgres' ? 'postgresRole' : 'redisRole',
        told: { address: rest, project: host.project, password: this.password, ...(admin && { admin }) },
        after,
      },
      this,
    );
    // What a person has to know although nothing failed: the one use of what a job says, and no resource depends on it.
    pulumi.unsecret(this.ready.stdout).apply((text: string | undefined) => {
      const warning = text?.split('\n').find((line) => line.startsWith(warningMark));
      if (warning !== undefined)
        void pulumi.log.warn(
          `The Redis ${address.name}: ${warning.slice(warningMark.length)}. Then type: pulumi up -s ${host.stack} --replace '**${name}'`,
          this,
        );
    });
    this.registerOutputs({});
  }
}

export interface DatabaseJobArgs {
  image: Image;
  network: pulumi.Input<string> | pulumi.Input<string>[];
  task: DatabaseTask['name'];
  told: Readonly<Record<string, unknown>>;
  after: pulumi.CustomResource[];
}

/** A task in a database, which runs again when what it is told changes, or the database is a new one. */
export const databaseJob = (
  name: string,
  host: Host,
  { image, network, task, told: what, after }: DatabaseJobArgs,
  parent: pulumi.Resource,
): command.local.Command =>
  job(name, host, {
    script: 'database',
    told: {
      tools: told(pinnedImage(host, 'tools')),
      image: told(image),
      network,
      task: { name: task, told: what },
    },
    // A new database lacks what was done in the old one.
    triggers: { after: after.map(({ id }) => id) },
    after,
    parent,
  });
