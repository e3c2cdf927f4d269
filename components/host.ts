import * as docker from '@pulumi/docker';
import type * as pulumi from '@pulumi/pulumi';
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
  /** Images in use, by resource name: one resource each. */
  readonly images: Map<string, pulumi.Output<string>>;
}

export interface HostArgs extends Omit<Host, 'provider' | 'registryMirror' | 'images'> {
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
    provider: new docker.Provider('host', address === undefined ? {} : { host: address }),
  };
}

/** Options for a child of a component. */
export const childOf = (parent: pulumi.Resource, host: Host): pulumi.CustomResourceOptions => ({
  parent,
  provider: host.provider,
});
