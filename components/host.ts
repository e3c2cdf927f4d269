import * as docker from '@pulumi/docker';
import type * as pulumi from '@pulumi/pulumi';
import { RandomId } from '@pulumi/random';
import type { Mirror } from '../configs/images.ts';

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
  readonly images: Map<string, pulumi.Output<string>>;
}

export interface HostArgs extends Omit<Host, 'provider' | 'registryMirror' | 'images' | 'owner'> {
  registryMirror?: Mirror | undefined;
  /** `ssh://…` or `unix://…`; default: DOCKER_HOST, or this machine's engine. */
  dockerHost?: string | undefined;
}

export function dockerHost(args: HostArgs): Host {
  const { dockerHost: address, project, stack, production, registryMirror, dockerSocket } = args;
  return {
    project,
    stack,
    production,
    registryMirror,
    dockerSocket,
    images: new Map(),
    owner: new RandomId('owner', { byteLength: 8 }).hex,
    provider: new docker.Provider('host', address === undefined ? {} : { host: address }),
  };
}

/** Options for a child of a component. */
export const childOf = (parent: pulumi.Resource, host: Host): pulumi.CustomResourceOptions => ({
  parent,
  provider: host.provider,
});
