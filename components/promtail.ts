import type * as command from '@pulumi/command';
import * as pulumi from '@pulumi/pulumi';
import { lokiUrl } from '../configs/loki/listen.ts';
import { promtailPort, promtailService } from '../configs/promtail/listen.ts';
import { positionsFolder, promtailRevision, renderPromtail } from '../configs/promtail/render.ts';
import type { Settings } from '../configs/settings.ts';
import { socketProxyUrl } from '../configs/socketProxy/render.ts';
import { currentConfig } from '../configs/paths.ts';
import { applyTo, deliverProgram } from './delivery.ts';
import type { Host } from './host.ts';
import type { Networks } from './networks.ts';
import { dataVolume, pinnedImage, service } from './service.ts';

/** Reads the lines of containers through the socket proxy and sends them to Loki. */
export class Promtail extends pulumi.ComponentResource {
  readonly ready: command.local.Command;

  constructor(host: Host, networks: Networks, stack: Settings, after: pulumi.Resource[]) {
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
    const image = pinnedImage(host, 'promtail', settings.image);
    const delivery = deliverProgram(
      name,
      host,
      {
        image,
        user,
        files,
        check: ['/usr/bin/promtail', '-check-syntax', `-config.file=${currentConfig}/promtail.yml`],
      },
      this,
    );
    const container = service(
      name,
      host,
      {
        image,
        user,
        command: [`-config.file=${currentConfig}/promtail.yml`],
        memory: settings.memory,
        goMemoryShare: 0.9,
        networks: [
          { network: networks.socket, aliases: [name] },
          { network: networks.stores, aliases: [name] },
        ],
        mounts: [
          delivery.mount,
          { volume: dataVolume(`${name}-positions`, host, this), path: positionsFolder },
        ],
        stopGrace: 15,
        after: [delivery.done, ...after],
        healthcheck: { none: 'no HTTP client in the image; promtail-reload shows that it answers' },
      },
      this,
    );
    this.ready = applyTo(
      host,
      {
        name: `${name}-reload`,
        title: 'Promtail',
        container,
        image,
        user,
        port: promtailPort,
        logic: 'promtail/apply.ts',
        told: { revision: promtailRevision(files) },
        follows: delivery.done,
      },
      this,
    );
    this.registerOutputs({});
  }
}
