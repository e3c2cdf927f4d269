import type * as docker from '@pulumi/docker';
import * as pulumi from '@pulumi/pulumi';
import { type Files, revisionOf } from '../configs/files.ts';
import { script } from '../configs/tools/scripts.ts';
import { configFolder, currentConfig } from '../configs/paths.ts';
import type { Host } from './host.ts';
import { Job, type Mount, pinnedImage, type RunsAs, type Service, volume } from './service.ts';

/** The program that judges files before they are delivered. */
export interface Checker {
  /** In exec form, with a program of the image; files stand where the service will read them. */
  command: string[];
  imageId: pulumi.Input<string>;
  user: RunsAs;
  mounts?: Mount[];
  after?: pulumi.Input<pulumi.Resource>[];
}

/**
 * First of the two steps in which files reach a program: judged by the program's own checker, then swapped.
 * A rejected file fails `up`, and what the service has stays.
 */
export class ConfigFiles extends pulumi.ComponentResource {
  readonly revision: string;
  readonly volume: docker.Volume;
  /** Mounts the files into the service. */
  readonly mount: Mount;
  /** Ready when the files are in place. */
  readonly delivered: pulumi.Output<docker.Container>;

  constructor(
    name: string,
    host: Host,
    args: {
      files: Files;
      check?: Checker;
      /** The one folder that the program reads at its start, where it cannot be told another. */
      path?: string;
      /** A folder of the files whose path never changes, for a program that knows its files by it. */
      steady?: string;
    },
    opts: pulumi.ComponentResourceOptions,
  ) {
    super('taffrail:index:ConfigFiles', name, {}, opts);
    this.revision = revisionOf(args.files);
    this.volume = volume(name, host, this);
    this.mount = { volume: this.volume, path: args.path ?? configFolder, readOnly: true };
    const checked =
      args.check &&
      new Job(
        `${name}-check`,
        host,
        {
          image: args.check.imageId,
          user: args.check.user,
          command: args.check.command,
          files: at(currentConfig, args.files),
          ...(args.check.mounts && { mounts: args.check.mounts }),
          ...(args.check.after && { after: args.check.after }),
        },
        { parent: this },
      );
    this.delivered = new Job(
      `${name}-files`,
      host,
      {
        image: pinnedImage(host, 'tools'),
        user: { root: 'it writes a volume, which the engine makes as root' },
        command: ['sh', '/taffrail/deliver.sh', this.revision, ...manner(args)],
        files: { '/taffrail/deliver.sh': script('tools/deliver.sh'), ...at('/staging', args.files) },
        mounts: [{ volume: this.volume, path: '/target' }],
        after: checked ? [checked.done] : [],
      },
      { parent: this },
    ).done;
    this.registerOutputs({});
  }
}

const manner = ({ path, steady }: { path?: string; steady?: string }): string[] =>
  path !== undefined ? ['flat'] : steady !== undefined ? ['steady', steady] : [];

/**
 * Second step: reload, then read the running configuration back and compare. Its name says which:
 * `<program>-reload`, or `<program>-restart` where the program cannot reload and its container was replaced.
 */
export function applyFiles(
  service: Service,
  host: Host,
  args: {
    name: string;
    /** Below configs/. */
    script: string;
    arguments: pulumi.Input<string>[];
    user: RunsAs;
    mounts?: Mount[];
    after: pulumi.Input<pulumi.Resource>[];
    parent: pulumi.Resource;
    /** What else must run it again; the script's arguments always do. */
    triggers?: Record<string, pulumi.Input<string>>;
  },
): pulumi.Output<docker.Container> {
  return new Job(
    args.name,
    host,
    {
      image: pinnedImage(host, 'tools'),
      user: args.user,
      command: ['sh', '/taffrail/apply.sh', ...(args.arguments as string[])],
      files: {
        '/taffrail/http.sh': script('tools/http.sh'),
        '/taffrail/apply.sh': script(args.script),
      },
      inNetworkOf: service.containerId,
      ...(args.mounts && { mounts: args.mounts }),
      ...(args.triggers && { triggers: args.triggers }),
      after: args.after,
    },
    { parent: args.parent },
  ).done;
}

function at(folder: string, files: Files): Record<string, string> {
  return Object.fromEntries(Object.entries(files).map(([path, content]) => [`${folder}/${path}`, content]));
}
