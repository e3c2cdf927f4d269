import { resolve } from 'node:path';
import type * as docker from '@pulumi/docker';
import * as pulumi from '@pulumi/pulumi';
import { contextHash } from '../configs/apps/context.ts';
import { appScrape } from '../configs/apps/scrape.ts';
import type { AppSettings } from '../configs/apps/settings.ts';
import { secretsMount } from '../configs/paths.ts';
import type { ScrapeJob } from '../configs/prometheus/render.ts';
import { deliver } from './delivery.ts';
import type { Host } from './host.ts';
import type { Networks } from './networks.ts';
import { builtImage, givenImage, type Image, service, volume } from './service.ts';

export interface AppArgs {
  name: string;
  settings: AppSettings;
  /** Its secrets, by file name below /run/secrets. */
  secrets: Record<string, pulumi.Output<string> | undefined>;
  /** Ready when what it needs is. */
  after: pulumi.Resource[];
}

/** A workload that Taffrail runs itself. */
export class App extends pulumi.ComponentResource {
  /** What Prometheus scrapes; known at once. */
  readonly scrape: ScrapeJob[];
  readonly ready: docker.Container;

  constructor(host: Host, networks: Networks, { name, settings, secrets, after }: AppArgs) {
    super('taffrail:index:App', name, {});
    this.scrape = appScrape(name, settings);
    const image = this.#image(name, host, settings);
    const mine = Object.keys(secrets).length > 0 ? volume(`${name}-secrets`, host, this) : undefined;
    const delivery =
      mine &&
      deliver(
        name,
        host,
        {
          image,
          user: settings.user,
          targets: [{ volume: mine, layout: 'in-place', secrets }],
        },
        this,
      );
    this.ready = service(
      name,
      host,
      {
        image,
        user: settings.user,
        ...(settings.command.length > 0 && { command: settings.command }),
        environment: settings.environment,
        memory: settings.memory,
        networks: [{ network: networks.apps, aliases: [name] }],
        mounts: [
          ...settings.mounts.map(({ source, target, readOnly }) => ({
            hostPath: source,
            path: target,
            readOnly,
          })),
          ...(mine ? [{ volume: mine, path: secretsMount, readOnly: true }] : []),
        ],
        healthcheck: settings.healthcheck ?? { none: 'the App names none' },
        // Most programs read their secrets when they start.
        ...(delivery && { revision: delivery.fingerprint }),
        after: [...(delivery ? [delivery.done] : []), ...after],
        writableRoot: settings.writableRoot ? 'the App asks for it' : undefined,
        // The engine's default: what the stack watches goes before what watches.
        cpuShares: 1024,
      },
      this,
    );
    this.registerOutputs({});
  }

  #image(name: string, host: Host, { image, build }: AppSettings): Image {
    if (build === undefined) return givenImage(name, host, image ?? '', this);
    const context = resolve(build);
    return builtImage(name, host, { context, hash: contextHash(context) }, this);
  }
}
