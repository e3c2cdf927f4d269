import { dirname } from 'node:path/posix';
import * as pulumi from '@pulumi/pulumi';
import { shownConnections } from '../configs/cloudbeaver/connections.ts';
import { cloudBeaverAddress, cloudBeaverPort } from '../configs/cloudbeaver/listen.ts';
import {
  adminDigestFile,
  adminPasswordHole,
  cloudBeaverPaths,
  cloudBeaverUid,
  connectionsFile,
  connectionUrl,
  fillSecretFile,
  loginDigest,
  renderCloudBeaver,
} from '../configs/cloudbeaver/render.ts';
import type { Settings } from '../configs/settings.ts';
import { type Files, revisionOf } from '../configs/files.ts';
import { applyFiles, ConfigFiles } from './configFiles.ts';
import { Credential, SecretFiles } from './credential.ts';
import type { Host } from './host.ts';
import type { Networks } from './networks.ts';
import { Job, pinnedImage, Service, volume } from './service.ts';

const user = `${String(cloudBeaverUid)}:${String(cloudBeaverUid)}`;

export interface CloudBeaverArgs {
  /** Taffrail's own Postgres. */
  postgres: { password: pulumi.Output<string>; ready: pulumi.Output<pulumi.Resource> } | undefined;
  given: (secret: string | undefined) => pulumi.Output<string> | undefined;
}

/** Database admin in the browser. */
export class CloudBeaver extends pulumi.ComponentResource {
  readonly adminPassword: pulumi.Output<string>;
  readonly ready: pulumi.Output<pulumi.Resource>;

  constructor(host: Host, networks: Networks, stack: Settings, { postgres, given }: CloudBeaverArgs) {
    const name = 'cloudbeaver';
    super('taffrail:index:CloudBeaver', name, {});
    const settings = stack.cloudbeaver;
    this.adminPassword = new Credential(`${name}-admin`, given(settings.adminPassword), {
      parent: this,
    }).value;
    const shown = shownConnections(stack);
    const rendered = renderCloudBeaver({
      serverName: settings.serverName,
      port: cloudBeaverPort,
      rootUrl: cloudBeaverAddress(settings),
      adminName: settings.adminName,
      sessionTimeout: 1800,
      connections: shown,
    });
    const known = pulumi.all({
      [adminPasswordHole]: this.adminPassword,
      ...Object.fromEntries(
        shown.map(({ passwordHole, secret }) => [passwordHole, given(secret) ?? postgres?.password ?? '']),
      ),
    });
    const secretFiles = new SecretFiles(
      `${name}-secrets`,
      host,
      {
        owner: user,
        files: {
          [adminDigestFile]: this.adminPassword.apply(loginDigest),
          ...Object.fromEntries(
            rendered.secretFiles.map((file) => [
              file.name,
              known.apply((values) => fillSecretFile(file, values)),
            ]),
          ),
        },
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
    // What lets the next password in: CloudBeaver asks for the one in force.
    const inForce = { volume: volume(`${name}-admin`, host, this), path: '/admin' };
    const owned = new Job(
      `${name}-workspace-owner`,
      host,
      {
        image: pinnedImage(host, 'tools'),
        user: { root: 'it hands a volume over, which the engine makes as root' },
        // Not empty, or the engine would lay the image's folder and its owner over it at the first mount.
        command: [
          'sh',
          '-c',
          // Back to root first: who may change an owner may not change another's mode.
          `touch /workspace/.taffrail && chown 0:0 /admin && chmod 0700 /admin && chown ${user} /workspace /admin`,
        ],
        mounts: [{ volume: workspace, path: '/workspace' }, inForce],
        capabilities: {
          add: ['CAP_CHOWN'],
          reason: 'the image leaves the folder to root, who may not run it here',
        },
      },
      { parent: this },
    );
    const connected = `/workspace/${connectionsFile}`;
    // Before a start, and harmless while it runs: it reads the file at its start only.
    const connections = new Job(
      `${name}-connections`,
      host,
      {
        image: pinnedImage(host, 'tools'),
        user,
        command: [
          'sh',
          '-c',
          `umask 027 && mkdir -p ${dirname(connected)} && cp /staging/connections ${connected}.new && mv -f ${connected}.new ${connected}`,
        ],
        files: { '/staging/connections': rendered.connections },
        mounts: [{ volume: workspace, path: '/workspace' }],
        after: [owned.done],
      },
      { parent: this },
    );
    const revision = revisionOf({ ...rendered.files, [connectionsFile]: rendered.connections });
    const health = `http://127.0.0.1:${String(cloudBeaverPort)}${rendered.healthPath}`;
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
          ...[...new Set(shown.flatMap(({ network }) => network ?? []))].map((network) => ({
            network,
            aliases: [],
          })),
        ],
        mounts: [
          configFiles.mount,
          secretFiles.mount,
          { volume: workspace, path: cloudBeaverPaths.workspace },
        ],
        tmpfs: { [cloudBeaverPaths.userHome]: 64 * 2 ** 20 },
        publish: [{ address: settings.address, port: settings.port, target: cloudBeaverPort }],
        healthcheck: ['curl', '-fsS', '-o', '/dev/null', health],
        stopGrace: 20,
        // Its files are read at the start only.
        revision,
        after: [
          configFiles.delivered,
          secretFiles.delivered,
          connections.done,
          ...(postgres ? [postgres.ready] : []),
        ],
      },
      { parent: this },
    );
    this.ready = applyFiles(service, host, {
      name: `${name}-restart`,
      script: 'cloudbeaver/apply.sh',
      arguments: [
        String(cloudBeaverPort),
        host.stack,
        rendered.healthPath,
        settings.serverName,
        settings.adminName,
        settings.adminPassword ?? 'cloudbeaverAdminPassword',
        ...shown.flatMap((connection) => [connection.id, connectionUrl(connection)]),
      ],
      user,
      mounts: [secretFiles.mount, inForce],
      triggers: {
        'dev.taffrail.secrets': secretFiles.delivered.id,
        'dev.taffrail.revision': revision,
      },
      after: [service.container, secretFiles.delivered],
      parent: this,
    });
    this.registerOutputs({});
  }
}

const below = (folder: string, files: Files): Files =>
  Object.fromEntries(Object.entries(files).map(([path, content]) => [path.slice(folder.length), content]));
