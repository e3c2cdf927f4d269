import * as docker from '@pulumi/docker';
import * as pulumi from '@pulumi/pulumi';
import { childOf, type Host } from './host.ts';
import { type Attachment, composeLabels } from './service.ts';

/** An external network that exists already, who joins it, and under which name. */
export interface JoinedNetwork {
  name: string;
  alias?: string | undefined;
  attach: readonly string[];
}

/**
 * The networks of a stack, apart by who may talk to whom.
 * `stores` (Loki, Prometheus and who asks or feeds them) and `socket` (the filtering proxy of the Docker socket and
 * its two clients) reach nothing outside. Applications are on `apps`; Prometheus asks for credentials there. Databases
 * are on `apps` and on `databases`, where their exporters and CloudBeaver reach them: an application sees neither.
 * `front` is for what is published: a port cannot be published from an internal network.
 */
export class Networks extends pulumi.ComponentResource {
  readonly stores: pulumi.Output<string>;
  readonly socket: pulumi.Output<string>;
  readonly apps: pulumi.Output<string>;
  readonly databases: pulumi.Output<string>;
  readonly front: pulumi.Output<string>;
  readonly #joined: readonly JoinedNetwork[];

  constructor(host: Host, joined: readonly JoinedNetwork[]) {
    super('taffrail:index:Networks', 'networks', {});
    const network = (name: string, internal: boolean) =>
      new docker.Network(
        `networks-${name}`,
        {
          name: `${host.project}-${name}`,
          internal,
          labels: composeLabels(host, { 'com.docker.compose.network': name }),
        },
        childOf(this, host),
      ).name;
    this.stores = network('stores', true);
    this.socket = network('socket', true);
    this.apps = network('apps', false);
    this.databases = network('databases', true);
    this.front = network('front', false);
    this.#joined = joined;
    this.registerOutputs({});
  }

  /** The external networks that a program joins; its name there is its own unless an alias is given. */
  joinedBy(program: string): Attachment[] {
    const joined = this.#joined.filter(({ attach }) => attach.includes(program));
    return [...new Set(joined.map(({ name }) => name))].map((network) => ({
      network,
      aliases: joined.filter(({ name }) => name === network).map(({ alias }) => alias ?? program),
    }));
  }
}
