import type * as command from '@pulumi/command';
import * as pulumi from '@pulumi/pulumi';
import { shownConnections } from '../configs/cloudbeaver/connections.ts';
import {
  cloudBeaverAddress,
  cloudBeaverHealthcheck,
  cloudBeaverPort,
  cloudBeaverStartSeconds,
} from '../configs/cloudbeaver/listen.ts';
import {
  adminPasswordHole,
  cloudBeaverHomeSize,
  cloudBeaverPaths,
  cloudBeaverUid,
  connectionUrl,
  fillSecretFile,
  loginDigest,
  renderCloudBeaver,
} from '../configs/cloudbeaver/render.ts';
import type { Settings } from '../configs/settings.ts';
import { type Files, revisionOf } from '../configs/files.ts';
import { Credential } from './credential.ts';
import { applyTo, deliver } from './delivery.ts';
import type { Host } from './host.ts';
import type { Networks } from './networks.ts';
import { dataVolume, pinnedImage, service, volume } from './service.ts';

const user = `${String(cloudBeaverUid)}:${String(cloudBeaverUid)}`;

export interface CloudBeaverArgs {
  /** Taffrail's own Postgres. */
  postgres: { password: pulumi.Output<string>; ready: pulumi.Resource } | undefined;
  given: (secret: string | undefined) => pulumi.Output<string> | undefined;
}

/** Database admin in the browser. */
export class CloudBeaver extends pulumi.ComponentResource {
  readonly adminPassword: pulumi.Output<string>;
  readonly ready: command.local.Command;

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
    const secrets = Object.fromEntries(
      rendered.secretFiles.map((file) => [file.name, known.apply((values) => fillSecretFile(file, values))]),
    );
    const image = pinnedImage(host, 'cloudbeaver', settings.image);
    // It reads one fixed folder, and connections from its workspace, where those that people made are too.
    const conf = volume(`${name}-conf`, host, this);
    const secretFiles = volume(`${name}-secrets`, host, this);
    const workspace = dataVolume(`${name}-workspace`, host, this);
    // It has no checker: the renderer builds objects, and the program's own start judges them.
    const delivery = deliver(
      name,
      host,
      {
        image,
        user,
        targets: [
          { volume: conf, layout: 'in-place', files: below('conf/', rendered.files) },
          { volume: secretFiles, layout: 'in-place', secrets },
          // Before a start, and harmless while it runs: it reads these files at its start only.
          { volume: workspace, layout: 'add', files: rendered.workspaceFiles },
        ],
      },
      this,
    );
    const revision = revisionOf({ ...rendered.files, ...rendered.workspaceFiles });
    const container = service(
      name,
      host,
      {
        image,
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
          { volume: conf, path: cloudBeaverPaths.conf, readOnly: true },
          { volume: secretFiles, path: cloudBeaverPaths.secrets, readOnly: true },
          { volume: workspace, path: cloudBeaverPaths.workspace },
        ],
        tmpfs: { [cloudBeaverPaths.userHome]: cloudBeaverHomeSize },
        publish: [{ address: settings.address, port: settings.port, target: cloudBeaverPort }],
        healthcheck: cloudBeaverHealthcheck(rendered.healthPath),
        startSeconds: cloudBeaverStartSeconds,
        applied: true,
        stopGrace: 20,
        // Its files are read at the start only.
        revision,
        after: [delivery.done, ...(postgres ? [postgres.ready] : [])],
      },
      this,
    );
    this.ready = applyTo(
      host,
      {
        name: `${name}-restart`,
        title: 'CloudBeaver',
        container,
        image,
        user,
        port: cloudBeaverPort,
        logic: 'cloudbeaver/apply.ts',
        told: {
          stack: host.stack,
          healthPath: rendered.healthPath,
          apiPath: rendered.apiPath,
          serverName: settings.serverName,
          adminName: settings.adminName,
          digest: this.adminPassword.apply(loginDigest),
          passwordKey: settings.adminPassword ?? 'cloudbeaverAdminPassword',
          connections: shown.map((connection) => ({ id: connection.id, url: connectionUrl(connection) })),
        },
        note: `${cloudBeaverPaths.workspace}/.taffrail.json`,
        follows: delivery.done,
      },
      this,
    );
    this.registerOutputs({});
  }
}

const below = (folder: string, files: Files): Files =>
  Object.fromEntries(Object.entries(files).map(([path, content]) => [path.slice(folder.length), content]));
