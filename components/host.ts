import { createHmac } from 'node:crypto';
import * as docker from '@pulumi/docker';
import * as pulumi from '@pulumi/pulumi';
import { RandomId, RandomPassword } from '@pulumi/random';
import type { Mirror } from '../configs/images.ts';
import type { Image } from './service.ts';

/** Where a stack runs, and under which name: what every maker of containers needs to know. */
export interface Host {
  /** The compose project and the first part of every name: `taffrail-<stack>`. */
  readonly project: string;
  readonly stack: string;
  /** Volumes are protected from deletion. */
  readonly production: boolean;
  /** Where images come from instead. */
  readonly registryMirror: Mirror | undefined;
  /** The socket of the engine on its own host. */
  readonly dockerSocket: string;
  readonly provider: docker.Provider;
  /** Which state made it: two checkouts with a stack of one name do not take each other's things for their own. */
  readonly owner: pulumi.Output<string>;
  /** Images in use, by resource name: one resource each. */
  readonly images: Map<string, Image>;
  /** `ssh://…` or `unix://…` where the settings name it: jobs and provider then go there whatever DOCKER_HOST says. */
  readonly dockerHost: string | undefined;
  /**
   * Tells one secret from another without telling it: its hash under a key that only the state has. So a preview shows
   * that a secret changes, and a label says which one a container was started with.
   */
  readonly fingerprint: (secret: pulumi.Input<string>) => pulumi.Output<string>;
}

export interface HostArgs extends Omit<
  Host,
  'provider' | 'registryMirror' | 'images' | 'owner' | 'fingerprint' | 'dockerHost'
> {
  registryMirror?: Mirror | undefined;
  /** `ssh://…` or `unix://…`; default: DOCKER_HOST, or this machine's engine. */
  dockerHost?: string | undefined;
}

export function dockerHost(args: HostArgs): Host {
  const { dockerHost: address, project, stack, production, registryMirror, dockerSocket } = args;
  const key = new RandomPassword('fingerprint-key', { length: 32, special: false }).result;
  return {
    project,
    dockerHost: address,
    fingerprint: (secret) => pulumi.unsecret(pulumi.all([key, secret]).apply(keyedHash)),
    stack,
    production,
    registryMirror,
    dockerSocket,
    images: new Map(),
    owner: new RandomId('owner', { byteLength: 8 }).hex,
    provider: new docker.Provider('host', address === undefined ? {} : { host: address }),
  };
}

const keyedHash = ([key, text]: [string, string]): string =>
  createHmac('sha256', key).update(text).digest('hex').slice(0, 12);

/** Options for a child of a component. */
export const childOf = (parent: pulumi.Resource, host: Host): pulumi.CustomResourceOptions => ({
  parent,
  provider: host.provider,
});
