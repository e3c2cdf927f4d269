import * as pulumi from '@pulumi/pulumi';
import { type ExporterData, storesName } from '../configs/exporters/data.ts';
import type { ScrapeJob } from '../configs/prometheus/render.ts';
import { applyFiles, ConfigFiles } from './configFiles.ts';
import { filled, SecretFiles } from './credential.ts';
import type { Host } from './host.ts';
import type { Networks } from './networks.ts';
import { pinnedImage, Service } from './service.ts';
import type { SocketProxy } from './socketProxy.ts';

export interface ExporterArgs {
  data: ExporterData;
  /** What fills the holes of its secret files. */
  holes?: Record<string, pulumi.Input<string>>;
  /** The filters of the engine's sockets, for an exporter on the network of that name. */
  socketProxy?: SocketProxy | undefined;
  /** What must be ready first. */
  after?: pulumi.Input<pulumi.Resource>[];
}

/** Any exporter: what makes one different from another is data (configs/exporters). */
export class Exporter extends pulumi.ComponentResource {
  /** What Prometheus scrapes; known at once. */
  readonly scrape: ScrapeJob[];
  readonly ready: pulumi.Output<pulumi.Resource>;

  constructor(host: Host, networks: Networks, { data, holes = {}, socketProxy, after = [] }: ExporterArgs) {
    const { name, user, secrets = [], config } = data;
    super('taffrail:index:Exporter', name, {});
    this.scrape = data.scrape;
    const proxy = data.networks.includes('socket') ? socketProxy : undefined;
    const secretFiles =
      secrets.length > 0
        ? new SecretFiles(
            `${name}-secrets`,
            host,
            {
              owner: user,
              files: Object.fromEntries(secrets.map((file) => [file.name, filled(file.template, holes)])),
            },
            { parent: this },
          )
        : undefined;
    const configFiles =
      config &&
      new ConfigFiles(
        `${name}-config`,
        host,
        {
          files: config.files,
          check: {
            command: config.check,
            imageId: pinnedImage(host, data.image, data.imageOverride),
            user,
          },
        },
        { parent: this },
      );
    const service = new Service(
      name,
      host,
      {
        image: data.image,
        imageOverride: data.imageOverride,
        user,
        ...(data.entrypoint && { entrypoint: data.entrypoint }),
        command: data.args,
        ...(data.environment && { environment: data.environment }),
        memory: data.memory,
        goMemoryLimit: true,
        networks: [
          { network: networks.stores, aliases: [storesName(name)] },
          ...data.networks.map((network) => ({ network: networks[network], aliases: [] })),
          ...(data.external ?? []).map((network) => ({ network, aliases: [] })),
        ],
        mounts: [
          ...(data.mounts ?? []),
          ...(proxy ? [proxy.filtered] : []),
          ...(secretFiles ? [secretFiles.mount] : []),
          ...(configFiles ? [configFiles.mount] : []),
        ],
        healthcheck: data.healthcheck,
        // Exporters read their password when they start.
        ...(secretFiles && { revision: secretFiles.delivered.id }),
        after: [
          ...(secretFiles ? [secretFiles.delivered] : []),
          ...(configFiles ? [configFiles.delivered] : []),
          ...(proxy ? [proxy.ready] : []),
          ...after,
        ],
      },
      { parent: this },
    );
    const proof = data.proof && {
      script: data.proof.script,
      arguments: [...data.proof.arguments, host.stack],
      as: 'proof',
    };
    const shown = config ? { ...config.apply, as: 'reload' } : proof;
    this.ready = shown
      ? applyFiles(service, host, {
          name: `${name}-${shown.as}`,
          script: shown.script,
          arguments: shown.arguments,
          user,
          after: [service.container, ...(configFiles ? [configFiles.delivered] : [])],
          parent: this,
        })
      : pulumi.output(service.container);
    this.registerOutputs({});
  }
}
