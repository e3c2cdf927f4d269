import * as pulumi from '@pulumi/pulumi';
import {
  adminPasswordHole,
  type CloudBeaverConfig,
  cloudBeaverPaths,
  cloudBeaverUid,
  fillSecretFile,
  renderCloudBeaver,
} from '../configs/cloudbeaver/render.ts';
import type { CloudbeaverSettings } from '../configs/cloudbeaver/settings.ts';
import type { Files } from '../configs/files.ts';
import { applyFiles, ConfigFiles } from './configFiles.ts';
import { Credential, SecretFiles } from './credential.ts';
import type { Host } from './host.ts';
import type { Networks } from './networks.ts';
import { Job, pinnedImage, Service, volume } from './service.ts';

const user = `${String(cloudBeaverUid)}:${String(cloudBeaverUid)}`;

export interface CloudBeaverArgs {
  settings: CloudbeaverSettings;
  config: CloudBeaverConfig;
  adminPassword: pulumi.Output<string> | undefined;
  /** The passwords of connections, by hole. */
  passwords: Record<string, pulumi.Output<string>>;
  after: pulumi.Input<pulumi.Resource>[];
}

/** Database admin in the browser. */
export class CloudBeaver extends pulumi.ComponentResource {
  readonly adminPassword: pulumi.Output<string>;
  readonly ready: pulumi.Output<pulumi.Resource>;

  constructor(host: Host, networks: Networks, { settings, config, adminPassword, passwords, after }: CloudBeaverArgs) {
    const name = 'cloudbeaver';
    super('taffrail:index:CloudBeaver', name, {});
    this.adminPassword = new Credential(`${name}-admin`, adminPassword, { parent: this }).value;
    const rendered = renderCloudBeaver(config);
    const known = pulumi.all({ ...passwords, [adminPasswordHole]: this.adminPassword });
    const secretFiles = new SecretFiles(
      `${name}-secrets`,
      host,
      {
        owner: user,
        files: Object.fromEntries(
          rendered.secretFiles.map((file) => [file.name, known.apply((values) => fillSecretFile(file, values))]),
        ),
      },
      { parent: this },
    );
    // It has no checker: the renderer builds objects, and the program's own start judges them.
    const configFiles = new ConfigFiles(
      `${name}-config`,
      host,
      { files: below('conf/', rendered.files), path: cloudBeaverPaths.conf },
      { parent: this },
    );
    const workspace = volume(`${name}-workspace`, host, this, true);
    const owned = new Job(
      `${name}-workspace-owner`,
      host,
      {
        image: pinnedImage(host, 'tools'),
        user: '0:0',
        // Not empty, or the engine would lay the image's folder and its owner over it at the first mount.
        command: ['sh', '-c', `touch /workspace/.taffrail && chown ${user} /workspace`],
        mounts: [{ volume: workspace, path: '/workspace' }],
        capabilities: { add: ['CAP_CHOWN'], reason: 'the image leaves the folder to root, who may not run it here' },
      },
      { parent: this },
    );
    const health = `http://127.0.0.1:${String(config.port)}${rendered.healthPath}`;
    const service = new Service(
      name,
      host,
      {
        image: 'cloudbeaver',
        imageOverride: settings.image,
        user,
        environment: { ...rendered.environment },
        memory: settings.memory,
        networks: [
          { network: networks.front, aliases: [] },
          { network: networks.databases, aliases: [name] },
        ],
        mounts: [configFiles.mount, secretFiles.mount, { volume: workspace, path: cloudBeaverPaths.workspace }],
        tmpfs: { [cloudBeaverPaths.userHome]: 64 * 2 ** 20 },
        publish: [{ address: settings.address, port: settings.port, target: config.port }],
        healthcheck: ['curl', '-fsS', '-o', '/dev/null', health],
        stopGrace: 20,
        // Its files are read at the start only.
        revision: configFiles.revision,
        after: [configFiles.delivered, secretFiles.delivered, owned.done, ...after],
      },
      { parent: this },
    );
    this.ready = applyFiles(service, host, {
      name: `${name}-restart`,
      script: 'cloudbeaver/apply.sh',
      arguments: [String(config.port), rendered.healthPath, config.serverName],
      user,
      after: [service.container],
      parent: this,
    });
    this.registerOutputs({});
  }
}

const below = (folder: string, files: Files): Files =>
  Object.fromEntries(Object.entries(files).map(([path, content]) => [path.slice(folder.length), content]));
