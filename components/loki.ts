import type * as command from '@pulumi/command';
import * as pulumi from '@pulumi/pulumi';
import { lokiPort, lokiService } from '../configs/loki/listen.ts';
import { lokiDataFolder, lokiRevision, renderLoki } from '../configs/loki/render.ts';
import type { LokiSettings } from '../configs/loki/settings.ts';
import { currentConfig } from '../configs/paths.ts';
import { revisionOf } from '../configs/files.ts';
import { applyTo, deliverProgram } from './delivery.ts';
import type { Host } from './host.ts';
import type { Networks } from './networks.ts';
import { dataVolume, pinnedImage, service } from './service.ts';

const user = '10001:10001';

/** The store of log lines. */
export class Loki extends pulumi.ComponentResource {
  readonly ready: command.local.Command;

  constructor(host: Host, networks: Networks, settings: LokiSettings) {
    const name = lokiService;
    super('taffrail:index:Loki', name, {});
    const image = pinnedImage(host, 'loki', settings.image);
    const files = renderLoki(settings);
    const delivery = deliverProgram(
      name,
      host,
      {
        image,
        user,
        files,
        check: ['/usr/bin/loki', '-verify-config', `-config.file=${currentConfig}/loki.yml`],
      },
      this,
    );
    const container = service(
      name,
      host,
      {
        image,
        user,
        command: [`-config.file=${currentConfig}/loki.yml`],
        memory: settings.memory,
        goMemoryShare: 0.9,
        networks: [
          { network: networks.stores, aliases: [name] },
          ...(settings.publish ? [{ network: networks.front, aliases: [] }] : []),
          ...networks.joinedBy(name),
        ],
        ...(settings.publish && { publish: [{ ...settings.publish, target: lokiPort }] }),
        mounts: [delivery.mount, { volume: dataVolume(`${name}-data`, host, this), path: lokiDataFolder }],
        healthcheck: ['/usr/bin/loki', '-health', `-health.url=http://127.0.0.1:${String(lokiPort)}/ready`],
        applied: true,
        // It writes what it holds in memory to disk before it ends.
        stopGrace: 30,
        // Its file is read at the start only.
        revision: revisionOf(files),
        after: [delivery.done],
      },
      this,
    );
    this.ready = applyTo(
      host,
      {
        name: `${name}-restart`,
        title: 'Loki',
        container,
        image,
        user,
        port: lokiPort,
        logic: 'loki/apply.ts',
        told: { revision: lokiRevision(files) },
        follows: delivery.done,
      },
      this,
    );
    this.registerOutputs({});
  }
}
