import { resolve } from 'node:path';
import * as pulumi from '@pulumi/pulumi';
import { contextHash } from '../configs/apps/context.ts';
import { appScrape } from '../configs/apps/scrape.ts';
import type { AppSettings } from '../configs/apps/settings.ts';
import type { ScrapeJob } from '../configs/prometheus/render.ts';
import { SecretFiles } from './credential.ts';
import type { Host } from './host.ts';
import type { Networks } from './networks.ts';
import { builtImage, givenImage, Service } from './service.ts';

export interface AppArgs {
  name: string;
  settings: AppSettings;
  /** Its secrets, by file name below /run/secrets. */
  secrets: Record<string, pulumi.Output<string> | undefined>;
  /** Ready when what it needs is. */
  after: pulumi.Input<pulumi.Resource>[];
}

/** A workload that Taffrail runs itself. */
export class App extends pulumi.ComponentResource {
  /** What Prometheus scrapes; known at once. */
  readonly scrape: ScrapeJob[];
  readonly ready: pulumi.Output<pulumi.Resource>;

  constructor(host: Host, networks: Networks, { name, settings, secrets, after }: AppArgs) {
    super('taffrail:index:App', name, {});
    this.scrape = appScrape(name, settings);
    const secretFiles =
      Object.keys(secrets).length > 0
        ? new SecretFiles(`${name}-secrets`, host, { owner: settings.user, files: secrets }, { parent: this })
        : undefined;
    const service = new Service(
      name,
      host,
      {
        image: this.#image(name, host, settings),
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
          ...(secretFiles ? [secretFiles.mount] : []),
        ],
        healthcheck: settings.healthcheck ?? { none: 'the App names none' },
        // Most programs read their secrets when they start.
        ...(secretFiles && { revision: secretFiles.delivered.id }),
        after: [...(secretFiles ? [secretFiles.delivered] : []), ...after],
        writableRoot: settings.writableRoot ? 'the App asks for it' : undefined,
      },
      { parent: this },
    );
    this.ready = pulumi.output(service.container);
    this.registerOutputs({});
  }

  #image(name: string, host: Host, { image, build }: AppSettings): pulumi.Output<string> {
    if (build === undefined) return givenImage(name, host, image ?? '', this);
    const context = resolve(build);
    return builtImage(name, host, { context, hash: contextHash(context) }, this);
  }
}
