import * as pulumi from '@pulumi/pulumi';
import { lokiUrl } from '../configs/loki/listen.ts';
import { promtailPort, promtailService } from '../configs/promtail/listen.ts';
import { positionsFolder, promtailRevision, renderPromtail } from '../configs/promtail/render.ts';
import type { Settings } from '../configs/settings.ts';
import { socketProxyUrl } from '../configs/socketProxy/render.ts';
import { currentConfig } from '../configs/paths.ts';
import { applyFiles, ConfigFiles } from './configFiles.ts';
import type { Host } from './host.ts';
import type { Networks } from './networks.ts';
import { pinnedImage, Service, volume } from './service.ts';

/** Reads the lines of containers through the socket proxy and sends them to Loki. */
export class Promtail extends pulumi.ComponentResource {
  readonly ready: pulumi.Output<pulumi.Resource>;

  constructor(host: Host, networks: Networks, stack: Settings, after: pulumi.Input<pulumi.Resource>[]) {
    const name = promtailService;
    const settings = stack.promtail;
    super('taffrail:index:Promtail', name, {});
    const user = { root: 'the image makes no folder that another user could write its positions to' };
    const files = renderPromtail({
      host: stack.host,
      project: stack.project,
      collector: stack.collector,
      refresh: settings.refresh,
      docker: socketProxyUrl,
      loki: lokiUrl,
    });
    const configFiles = new ConfigFiles(
      `${name}-config`,
      host,
      {
        files,
        check: {
          command: ['/usr/bin/promtail', '-check-syntax', `-config.file=${currentConfig}/promtail.yml`],
          imageId: pinnedImage(host, 'promtail', settings.image),
          user,
        },
      },
      { parent: this },
    );
    const service = new Service(
      name,
      host,
      {
        image: 'promtail',
        imageOverride: settings.image,
        user,
        command: [`-config.file=${currentConfig}/promtail.yml`],
        memory: settings.memory,
        goMemoryLimit: true,
        networks: [
          { network: networks.socket, aliases: [name] },
          { network: networks.stores, aliases: [name] },
        ],
        mounts: [
          configFiles.mount,
          { volume: volume(`${name}-positions`, host, this, true), path: positionsFolder },
        ],
        stopGrace: 15,
        after: [configFiles.delivered, ...after],
        healthcheck: { none: 'no HTTP client in the image; promtail-reload shows that it answers' },
      },
      { parent: this },
    );
    this.ready = applyFiles(service, host, {
      name: `${name}-reload`,
      script: 'promtail/apply.sh',
      arguments: [String(promtailPort), promtailRevision(files)],
      user,
      after: [service.container, configFiles.delivered],
      parent: this,
    });
    this.registerOutputs({});
  }
}
