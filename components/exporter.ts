import * as pulumi from '@pulumi/pulumi';
import { type ExporterData, storesName } from '../configs/exporters/data.ts';
import type { ScrapeJob } from '../configs/prometheus/render.ts';
import { filled } from './credential.ts';
import { applyTo, deliverProgram } from './delivery.ts';
import type { Host } from './host.ts';
import type { Networks } from './networks.ts';
import { pinnedImage, service } from './service.ts';
import type { SocketProxy } from './socketProxy.ts';

export interface ExporterArgs {
  data: ExporterData;
  /** The values of the placeholders in its secret files. */
  placeholders?: Record<string, pulumi.Input<string>>;
  /** The filters of the engine's sockets, for an exporter on the network of that name. */
  socketProxy?: SocketProxy | undefined;
  /** What must be ready first. */
  after?: pulumi.Resource[];
}

/** Any exporter: what makes one different from another is data (configs/exporters). */
export class Exporter extends pulumi.ComponentResource {
  /** What Prometheus scrapes; known at once. */
  readonly scrape: ScrapeJob[];
  readonly ready: pulumi.Resource;

  constructor(
    host: Host,
    networks: Networks,
    { data, placeholders = {}, socketProxy, after = [] }: ExporterArgs,
  ) {
    const { name, user, secrets = [], config, proof } = data;
    super('taffrail:index:Exporter', name, {});
    this.scrape = data.scrape;
    const proxy = data.networks.includes('socket') ? socketProxy : undefined;
    const image = pinnedImage(host, data.image, data.imageOverride);
    const delivery =
      secrets.length > 0 || config
        ? deliverProgram(
            name,
            host,
            {
              image,
              user,
              files: config?.files ?? {},
              secrets: Object.fromEntries(
                secrets.map((file) => [file.name, filled(file.template, placeholders)]),
              ),
              ...(config && { check: config.check }),
            },
            this,
          )
        : undefined;
    const shown = config ? { ...config.apply, as: 'reload' } : proof && { ...proof, as: 'proof' };
    const container = service(
      name,
      host,
      {
        image,
        user,
        ...(data.entrypoint && { entrypoint: data.entrypoint }),
        command: data.args,
        ...(data.environment && { environment: data.environment }),
        memory: data.memory,
        goMemoryShare: 0.9,
        networks: [
          { network: networks.stores, aliases: [storesName(name)] },
          ...data.networks.map((network) => ({ network: networks[network], aliases: [] })),
          ...(data.external ?? []).map((network) => ({ network, aliases: [] })),
        ],
        mounts: [
          ...(data.mounts ?? []),
          ...(proxy ? [proxy.filtered] : []),
          ...(delivery ? [delivery.mount] : []),
        ],
        healthcheck: data.healthcheck,
        applied: shown !== undefined,
        // Exporters read their password when they start.
        ...(secrets.length > 0 && { revision: delivery?.fingerprint }),
        after: [...(delivery ? [delivery.done] : []), ...(proxy ? [proxy.container] : []), ...after],
      },
      this,
    );
    this.ready = shown
      ? applyTo(
          host,
          {
            name: `${name}-${shown.as}`,
            title: data.title,
            container,
            image,
            user,
            port: data.port,
            logic: shown.logic,
            told: { ...shown.told, stack: host.stack },
            follows: delivery?.done,
          },
          this,
        )
      : container;
    this.registerOutputs({});
  }
}
