import * as pulumi from '@pulumi/pulumi';
import { lokiPort, lokiService } from '../configs/loki/listen.ts';
import { lokiDataFolder, lokiRevision, renderLoki } from '../configs/loki/render.ts';
import type { LokiSettings } from '../configs/loki/settings.ts';
import { currentConfig } from '../configs/paths.ts';
import { applyFiles, ConfigFiles } from './configFiles.ts';
import type { Host } from './host.ts';
import type { Networks } from './networks.ts';
import { pinnedImage, Service, volume } from './service.ts';

const user = '10001:10001';

/** The store of log lines. */
export class Loki extends pulumi.ComponentResource {
  readonly ready: pulumi.Output<pulumi.Resource>;

  constructor(host: Host, networks: Networks, settings: LokiSettings) {
    const name = lokiService;
    super('taffrail:index:Loki', name, {});
    const files = renderLoki(settings);
    const config = new ConfigFiles(
      `${name}-config`,
      host,
      {
        files,
        check: {
          command: ['/usr/bin/loki', '-verify-config', `-config.file=${currentConfig}/loki.yml`],
          imageId: pinnedImage(host, 'loki', settings.image),
          user,
        },
      },
      { parent: this },
    );
    const data = volume(`${name}-data`, host, this, true);
    const service = new Service(
      name,
      host,
      {
        image: 'loki',
        imageOverride: settings.image,
        user,
        command: [`-config.file=${currentConfig}/loki.yml`],
        memory: settings.memory,
        goMemoryLimit: true,
        networks: [
          { network: networks.stores, aliases: [name] },
          ...(settings.publish ? [{ network: networks.front, aliases: [] }] : []),
          ...networks.joinedBy(name),
        ],
        ...(settings.publish && { publish: [{ ...settings.publish, target: lokiPort }] }),
        mounts: [config.mount, { volume: data, path: lokiDataFolder }],
        healthcheck: ['/usr/bin/loki', '-health', `-health.url=http://127.0.0.1:${String(lokiPort)}/ready`],
        // It writes what it holds in memory to disk before it ends.
        stopGrace: 30,
        revision: config.revision,
        after: [config.delivered],
      },
      { parent: this },
    );
    this.ready = applyFiles(service, host, {
      name: `${name}-restart`,
      script: 'loki/apply.sh',
      arguments: [String(lokiPort), lokiRevision(files)],
      user,
      after: [service.container],
      parent: this,
    });
    this.registerOutputs({});
  }
}
