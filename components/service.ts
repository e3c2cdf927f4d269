import * as docker from '@pulumi/docker';
import * as pulumi from '@pulumi/pulumi';
import { revisionOf } from '../configs/files.ts';
import { type ImageKey, imageRef } from '../configs/images.ts';
import { npmRun } from '../configs/whatToType.ts';
import { childOf, type Host } from './host.ts';

// The only maker of containers, images and volumes. What is safe is the default here.

/** A named volume, a folder of the host, or a folder in memory, at a path of the container. */
export type Mount =
  | { volume: docker.Volume; path: string; readOnly?: boolean }
  | { hostPath: string; path: string; readOnly?: boolean; propagation?: 'rslave' };

export interface Attachment {
  network: pulumi.Input<string>;
  aliases: string[];
}

export interface Publication {
  address: string;
  /** The port of the host. */
  port: number;
  /** The port in the container. */
  target: number;
}

// An exception from what is safe is an argument that carries its reason: it is for the reader, and reaches no container.

/** Who runs: `uid:gid`, or root, with the reason. Root has no capability either, unless a job is given one. */
export type RunsAs = string | { root: string };
/** In exec form, with a program that the image contains; or the reason why there is none. */
export type Healthcheck = string[] | { none: string };

const uidOf = (user: RunsAs): string => (typeof user === 'string' ? user : '0:0');

export interface ServiceArgs {
  /** A pinned image, or the id of one (`givenImage`, `builtImage`). */
  image: ImageKey | pulumi.Output<string>;
  /** An image to run instead of the pinned one. */
  imageOverride?: string | undefined;
  user: RunsAs;
  command?: string[];
  entrypoint?: string[];
  /** Plain environment. Never a secret. */
  environment?: Record<string, string>;
  /** Memory limit in bytes. */
  memory: number;
  /** Whether the program is written in Go and does not look at its limit by itself. */
  goMemoryLimit?: boolean;
  networks: Attachment[];
  mounts?: Mount[];
  /** Folders in memory: path and size in bytes. `/tmp` is always there. */
  tmpfs?: Record<string, number>;
  publish?: Publication[];
  healthcheck: Healthcheck;
  /** Seconds between SIGTERM and SIGKILL: long enough to flush. */
  stopGrace?: number;
  /** The revision of what the program reads at its start only: another one replaces the container. */
  revision?: pulumi.Input<string> | undefined;
  /** What must be ready first. */
  after?: pulumi.Input<pulumi.Resource>[];
  /** Why the program must write to its root file system. */
  writableRoot?: string | undefined;
}

/** A program that runs until it is told to stop. */
export class Service extends pulumi.ComponentResource {
  readonly container: docker.Container;
  readonly containerId: pulumi.Output<string>;
  readonly imageId: pulumi.Output<string>;

  constructor(name: string, host: Host, args: ServiceArgs, opts: pulumi.ComponentResourceOptions) {
    super('taffrail:index:Service', name, {}, opts);
    this.imageId =
      typeof args.image === 'string' ? pinnedImage(host, args.image, args.imageOverride) : args.image;
    this.container = new docker.Container(
      name,
      {
        ...common(host, name, args.memory),
        image: this.imageId,
        labels: labels(
          host,
          name,
          args.revision === undefined ? {} : { 'dev.taffrail.revision': args.revision },
        ),
        user: uidOf(args.user),
        ...(args.command && { command: args.command }),
        ...(args.entrypoint && { entrypoints: args.entrypoint }),
        envs: environment(args),
        networkMode: 'bridge',
        networksAdvanced: args.networks.map(({ network, aliases }) => ({ name: network, aliases })),
        ...mounted(args.mounts ?? []),
        readOnly: args.writableRoot === undefined,
        tmpfs: Object.fromEntries(
          Object.entries({ '/tmp': 64 * 2 ** 20, ...args.tmpfs }).map(([path, bytes]) => [
            path,
            `rw,nosuid,nodev,noexec,size=${String(bytes)},mode=1777`,
          ]),
        ),
        capabilities: { drops: ['ALL'], adds: [] },
        ports: (args.publish ?? []).map(({ address, port, target }) => ({
          ip: address,
          external: port,
          internal: target,
        })),
        restart: 'unless-stopped',
        mustRun: true,
        stopTimeout: args.stopGrace ?? 10,
        destroyGraceSeconds: args.stopGrace ?? 10,
        ...(Array.isArray(args.healthcheck) && {
          // Fast while it starts, rare afterwards: a check a second costs over 1 % of a core.
          healthcheck: {
            tests: ['CMD', ...args.healthcheck],
            interval: '30s',
            timeout: '5s',
            retries: 3,
            startPeriod: '1m0s',
            startInterval: '500ms',
          },
          wait: true,
          waitTimeout: 120,
        }),
      },
      {
        ...childOf(this, host),
        dependsOn: args.after ?? [],
        deleteBeforeReplace: true,
        // A create that takes longer than its wait is broken, not slow.
        customTimeouts: { create: '5m' },
      },
    );
    this.containerId = this.container.id;
    this.registerOutputs({});
  }
}

export interface JobArgs {
  image: pulumi.Input<string>;
  /** Nobody, where none is named. */
  user?: RunsAs;
  command: string[];
  /** Files put into the job's own file system before it starts: path and content. */
  files?: Record<string, pulumi.Input<string>>;
  mounts?: Mount[];
  /** The job stands in this container's network: its loopback is the service's. */
  inNetworkOf?: pulumi.Input<string>;
  networks?: Attachment[];
  environment?: Record<string, string>;
  memory?: number;
  capabilities?: { add: string[]; reason: string };
  /** Anything whose change must run the job again. */
  triggers?: Record<string, pulumi.Input<string>>;
  after?: pulumi.Input<pulumi.Resource>[];
}

/**
 * A container that runs once. `done` is the job when it has ended well; otherwise it fails the program with
 * the words the job printed and the line that repeats it.
 */
export class Job extends pulumi.ComponentResource {
  readonly done: pulumi.Output<docker.Container>;

  constructor(name: string, host: Host, args: JobArgs, opts: pulumi.ComponentResourceOptions) {
    super('taffrail:index:Job', name, {}, opts);
    const network =
      args.inNetworkOf !== undefined
        ? { networkMode: pulumi.interpolate`container:${args.inNetworkOf}` }
        : args.networks !== undefined
          ? {
              networkMode: 'bridge',
              networksAdvanced: args.networks.map(({ network, aliases }) => ({ name: network, aliases })),
            }
          : { networkMode: 'none' };
    const container = new docker.Container(
      name,
      {
        ...common(host, name, args.memory ?? 256 * 2 ** 20),
        image: args.image,
        labels: labels(host, name, { 'dev.taffrail.job': name, ...args.triggers }, true),
        user: uidOf(args.user ?? '65534:65534'),
        entrypoints: args.command.slice(0, 1),
        command: args.command.slice(1),
        envs: Object.entries(args.environment ?? {}).map(([key, value]) => `${key}=${value}`),
        uploads: Object.entries(args.files ?? {}).map(([file, content]) => ({ file, content })),
        ...mounted(args.mounts ?? []),
        ...network,
        capabilities: { drops: ['ALL'], adds: args.capabilities?.add ?? [] },
        attach: true,
        logs: true,
        mustRun: false,
        restart: 'no',
      },
      {
        ...childOf(this, host),
        dependsOn: args.after ?? [],
        deleteBeforeReplace: true,
        customTimeouts: { create: '5m' },
      },
    );
    this.done = pulumi
      .all([container.exitCode, container.containerLogs, container.urn])
      .apply(([exitCode, logs, urn]) => {
        // None at all, whatever the type says: its create failed before it started.
        if (exitCode !== 0) throw failure(host.stack, name, logs, urn);
        return container;
      });
    this.registerOutputs({});
  }
}

function failure(stack: string, name: string, logs: string | null | undefined, urn: string): Error {
  // What comes after the service may have changed it.
  const untouched = /-(check|files)$/.test(name) ? ', and what runs was left as it is' : '';
  const error = new pulumi.RunError(
    [
      `${name} failed${untouched}. Its words:`,
      '',
      ...(logs ?? 'It could not be started.')
        .trim()
        .split('\n')
        .map((line) => `  ${line}`),
      '',
      `Correct the cause, then type: ${npmRun('up', stack)}`,
      `or, without npm run up:       pulumi up -s ${stack} --replace '${urn}'`,
    ].join('\n'),
  );
  // The SDK prints the stack of an error that another resource waited for, whatever its class.
  delete error.stack;
  return error;
}

/** A volume. Where the stack is production, Pulumi refuses to delete it. */
export function volume(name: string, host: Host, parent: pulumi.Resource, keepsData = false): docker.Volume {
  return new docker.Volume(
    name,
    { name: `${host.project}-${name}`, labels: composeLabels(host, { 'com.docker.compose.volume': name }) },
    { ...childOf(parent, host), protect: keepsData && host.production },
  );
}

/** The id of a pinned image; it is pulled when it is not there. Whoever uses one image shares one resource. */
export function pinnedImage(host: Host, key: ImageKey, override?: string): pulumi.Output<string> {
  const name = imageRef(key, override, host.registryMirror);
  const resource = `image-${key}${override === undefined ? '' : `-${revisionOf({ override })}`}`;
  const known = host.images.get(resource);
  if (known !== undefined) return known;
  const { imageId } = new docker.RemoteImage(
    resource,
    {
      name,
      // Another stack may use it; `npm run down` removes those of its state that nobody uses.
      keepLocally: true,
    },
    // The new one first: a tag that does not exist must not take down what runs.
    { provider: host.provider, deleteBeforeReplace: false },
  );
  host.images.set(resource, imageId);
  return imageId;
}

/** The id of somebody's image, by its whole reference. */
export function givenImage(
  name: string,
  host: Host,
  reference: string,
  parent: pulumi.Resource,
): pulumi.Output<string> {
  return new docker.RemoteImage(
    `${name}-image`,
    { name: reference, keepLocally: true },
    childOf(parent, host),
  ).imageId;
}

/**
 * The id of an image built from a folder; no other stack has it, so its predecessor goes. The tag carries the hash of
 * what is in it: a fixed one would go with its predecessor.
 */
export function builtImage(
  name: string,
  host: Host,
  { context, hash }: { context: string; hash: string },
  parent: pulumi.Resource,
): pulumi.Output<string> {
  return new docker.RemoteImage(
    `${name}-image`,
    { name: `${host.project}-${name}:${hash}`, build: { context }, keepLocally: false },
    childOf(parent, host),
  ).imageId;
}

function common(host: Host, name: string, memory: number) {
  return {
    name: `${host.project}-${name}`,
    memory: Math.floor(memory / 2 ** 20),
    // The same number: no swap, so that a limit is a limit.
    memorySwap: Math.floor(memory / 2 ** 20),
    init: true,
    securityOpts: ['no-new-privileges:true'],
    ulimits: [
      { name: 'nofile', soft: 16_384, hard: 16_384 },
      { name: 'nproc', soft: 4096, hard: 4096 },
    ],
    logDriver: 'json-file',
    logOpts: { 'max-size': '10m', 'max-file': '3' },
  };
}

function environment({ environment: plain = {}, goMemoryLimit, memory }: ServiceArgs): string[] {
  // Go's collector works against 90 % of the limit instead of running into it.
  const limit =
    goMemoryLimit === true ? { GOMEMLIMIT: `${String(Math.floor((memory * 0.9) / 2 ** 20))}MiB` } : {};
  return Object.entries({ ...limit, ...plain }).map(([key, value]) => `${key}=${value}`);
}

function mounted(mounts: Mount[]) {
  const volumes = mounts.flatMap((mount) => {
    if ('volume' in mount) {
      const { volume, path, readOnly = false } = mount;
      return { volumeName: volume.name, containerPath: path, readOnly };
    }
    const { hostPath, path, readOnly = true, propagation } = mount;
    return propagation === undefined ? { hostPath, containerPath: path, readOnly } : [];
  });
  const binds = mounts.flatMap((mount) =>
    'hostPath' in mount && mount.propagation !== undefined
      ? {
          type: 'bind',
          source: mount.hostPath,
          target: mount.path,
          readOnly: mount.readOnly ?? true,
          bindOptions: { propagation: mount.propagation },
        }
      : [],
  );
  return { volumes, ...(binds.length > 0 && { mounts: binds }) };
}

function labels(host: Host, service: string, more: Record<string, pulumi.Input<string>>, oneoff = false) {
  return composeLabels(host, {
    'com.docker.compose.service': service,
    'com.docker.compose.container-number': '1',
    'com.docker.compose.oneoff': oneoff ? 'True' : 'False',
    // Without these two `docker compose ls` and `ps` do not see a container. Jobs they need not see.
    ...(!oneoff && {
      'com.docker.compose.config-hash': 'made-by-taffrail',
      'com.docker.compose.project.config_files': `Pulumi.${host.stack}.yaml`,
    }),
    ...more,
  });
}

/** Compose's own labels, by which Docker's tools group what belongs together. */
export function composeLabels(host: Host, more: Record<string, pulumi.Input<string>>) {
  return Object.entries({
    'com.docker.compose.project': host.project,
    'dev.taffrail.stack': host.stack,
    'dev.taffrail.owner': host.owner,
    ...more,
  }).map(([label, value]) => ({ label, value }));
}
