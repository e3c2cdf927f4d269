import type * as docker from '@pulumi/docker';
import * as pulumi from '@pulumi/pulumi';
import { containerdFolder, filteredFolder } from '../configs/exporters/containerd.ts';
import {
  renderSocketProxy,
  socketMountPath,
  socketProxyPort,
  socketProxyService,
} from '../configs/socketProxy/render.ts';
import { revisionOf } from '../configs/files.ts';
import { currentConfig } from '../configs/paths.ts';
import type { Settings } from '../configs/settings.ts';
import { applyTo, deliverProgram } from './delivery.ts';
import type { Host } from './host.ts';
import type { Networks } from './networks.ts';
import { type Mount, pinnedImage, service, volume } from './service.ts';

/** The only container that has the Docker socket: a filter that lets exact paths through, to read. */
export class SocketProxy extends pulumi.ComponentResource {
  /** Its clients connect again until it answers. */
  readonly container: docker.Container;
  /** Mounts into cAdvisor the folder with what the filter lets through of containerd. */
  readonly filtered: Mount;

  constructor(host: Host, networks: Networks, { socketProxy: settings, cadvisor }: Settings) {
    const name = socketProxyService;
    super('taffrail:index:SocketProxy', name, {});
    // The folder of the host with containerd's socket; undefined where nobody asks.
    const containerd = cadvisor.enabled ? cadvisor.containerd : undefined;
    const image = pinnedImage(host, 'socketProxy', settings.image);
    const files = renderSocketProxy(containerd !== undefined);
    const delivery = deliverProgram(
      name,
      host,
      {
        image,
        user: '99:99',
        files,
        check: ['haproxy', '-c', '-f', `${currentConfig}/haproxy.cfg`],
      },
      this,
    );
    const shared = volume(`${name}-filtered`, host, this);
    this.filtered = { volume: shared, path: filteredFolder, readOnly: true };
    this.container = service(
      name,
      host,
      {
        image,
        user: { root: 'the Docker socket is root’s; without capabilities it may open that and little else' },
        entrypoint: ['haproxy'],
        command: ['-W', '-db', '-f', `${currentConfig}/haproxy.cfg`],
        memory: settings.memory,
        networks: [{ network: networks.socket, aliases: [name] }],
        mounts: [
          delivery.mount,
          { hostPath: host.dockerSocket, path: socketMountPath },
          { volume: shared, path: filteredFolder },
          ...(containerd === undefined ? [] : [{ hostPath: containerd, path: containerdFolder }]),
        ],
        healthcheck: ['wget', '-q', '-O', '/dev/null', `http://127.0.0.1:${String(socketProxyPort)}/_ping`],
        applied: true,
        // haproxy reads its file at the start only; the filter changes with Taffrail's version, not with settings.
        revision: revisionOf(files),
        after: [delivery.done],
      },
      this,
    );
    applyTo(
      host,
      {
        name: `${name}-restart`,
        title: 'The socket proxy',
        container: this.container,
        image,
        user: '99:99',
        port: socketProxyPort,
        logic: 'socketProxy/apply.ts',
        told: {},
        follows: delivery.done,
      },
      this,
    );
    this.registerOutputs({});
  }
}
