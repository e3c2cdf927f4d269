import * as docker from '@pulumi/docker';
import * as pulumi from '@pulumi/pulumi';
import { revisionOf } from '../configs/files.ts';
import { type ImageKey, imageRef } from '../configs/images.ts';
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

// Every deviation from the safe defaults takes a reason, for the reader; it reaches no container.

/** Who runs: `uid:gid`, or root, with the reason. Root has no capability either. */
export type RunsAs = string | { root: string };
/** In exec form, with a program that the image contains; or the reason why there is none. */
export type Healthcheck = string[] | { none: string };

export const uidOf = (user: RunsAs): string => (typeof user === 'string' ? user : '0:0');

export interface ServiceArgs {
  image: Image;
  user: RunsAs;
  command?: string[];
  entrypoint?: string[];
  /** Plain environment. Never a secret. */
  environment?: Record<string, string>;
  /** Memory limit in bytes. */
  memory: number;
  /** For a program in Go that does not look at its limit by itself: the part of it that its heap may take. */
  goMemoryShare?: number;
  networks: Attachment[];
  mounts?: Mount[];
  /** Folders in memory: path and size in bytes. `/tmp` is always there. */
  tmpfs?: Record<string, number>;
  publish?: Publication[];
  healthcheck: Healthcheck;
  /** How long it may take to start, in seconds; default 60. */
  startSeconds?: number;
  /** Whether a job finds out that it is ready: then nobody waits for the health check. */
  applied?: boolean;
  /** Of the processor, where it is short; 1024 is the default of every container. */
  cpuShares?: number;
  /** Seconds between SIGTERM and SIGKILL: long enough to flush. */
  stopGrace?: number;
  /** The revision of what the program reads at its start only: another one replaces the container. */
  revision?: pulumi.Input<string> | undefined;
  /** What must be ready first. */
  after?: pulumi.Input<pulumi.Resource>[];
  /** Why the program must write to its root file system. */
  writableRoot?: string | undefined;
}

/** A container that runs until it is told to stop. */
export function service(
  name: string,
  host: Host,
  args: ServiceArgs,
  parent: pulumi.Resource,
): docker.Container {
  const stop = args.stopGrace ?? 10;
  return new docker.Container(
    name,
    {
      name: `${host.project}-${name}`,
      image: args.image.id,
      labels: serviceLabels(host, name, args.revision),
      user: uidOf(args.user),
      ...(args.command && { command: args.command }),
      ...(args.entrypoint && { entrypoints: args.entrypoint }),
      envs: environment(args),
      ...limits(args),
      networkMode: 'bridge',
      networksAdvanced: args.networks.map(({ network, aliases }) => ({ name: network, aliases })),
      ...mounted(args.mounts ?? []),
      ...hardened(args),
      ports: (args.publish ?? []).map(({ address, port, target }) => ({
        ip: address,
        external: port,
        internal: target,
      })),
      restart: 'unless-stopped',
      mustRun: true,
      stopTimeout: stop,
      destroyGraceSeconds: stop,
      ...healthOf(args),
    },
    {
      ...childOf(parent, host),
      dependsOn: args.after ?? [],
      deleteBeforeReplace: true,
      // A create that takes longer than its wait is broken, not slow.
      customTimeouts: { create: '5m' },
    },
  );
}

function healthOf(args: ServiceArgs) {
  const { healthcheck, applied = false } = args;
  if (!Array.isArray(healthcheck)) return {};
  return {
    // Fast while it starts, rare afterwards: a check a second costs over 1 % of a core.
    healthcheck: {
      tests: ['CMD', ...healthcheck],
      interval: '30s',
      timeout: '5s',
      retries: 3,
      startPeriod: engineDuration(args.startSeconds ?? 60),
      startInterval: '500ms',
    },
    ...(!applied && { wait: true, waitTimeout: 120 }),
  };
}

/** A volume for data. Where the stack is production, Pulumi refuses to delete it. */
export const dataVolume = (name: string, host: Host, parent: pulumi.Resource): docker.Volume =>
  new docker.Volume(
    name,
    { name: `${host.project}-${name}`, labels: volumeLabels(host, name) },
    { ...childOf(parent, host), protect: host.production },
  );

/**
 * A volume for what the next `up` writes again. Pulumi names it: one that somebody removed comes back under another name,
 * and what was in it is delivered again.
 */
export const volume = (name: string, host: Host, parent: pulumi.Resource): docker.Volume =>
  new docker.Volume(name, { labels: volumeLabels(host, name) }, childOf(parent, host));

const volumeLabels = (host: Host, name: string) => composeLabels(host, { 'com.docker.compose.volume': name });

/** An image on the host by its id, and the reference under which it is pulled again when somebody has pruned it. */
export interface Image {
  id: pulumi.Output<string>;
  reference: string;
}

/** A pinned image; it is pulled when it is not there. Whoever uses one image shares one resource. */
export function pinnedImage(host: Host, key: ImageKey, override?: string): Image {
  const reference = imageRef(key, override, host.registryMirror);
  const resource = `image-${key}${override === undefined ? '' : `-${revisionOf({ override })}`}`;
  const known = host.images.get(resource);
  if (known !== undefined) return known;
  const { imageId: id } = new docker.RemoteImage(
    resource,
    {
      name: reference,
      // Another stack may use it; `npm run down` removes those of its state that nobody uses.
      keepLocally: true,
    },
    // The new one first: a tag that does not exist must not take down what runs.
    { provider: host.provider, deleteBeforeReplace: false },
  );
  const image = { id, reference };
  host.images.set(resource, image);
  return image;
}

/** Somebody's image, by its whole reference. */
export function givenImage(name: string, host: Host, reference: string, parent: pulumi.Resource): Image {
  const { imageId: id } = new docker.RemoteImage(
    `${name}-image`,
    { name: reference, keepLocally: true },
    childOf(parent, host),
  );
  return { id, reference };
}

/**
 * An image built from a folder; no other stack has it, so its predecessor goes. The tag carries the hash of
 * what is in it: a fixed one would go with its predecessor.
 */
export function builtImage(
  name: string,
  host: Host,
  { context, hash }: { context: string; hash: string },
  parent: pulumi.Resource,
): Image {
  const reference = `${host.project}-${name}:${hash}`;
  const { imageId: id } = new docker.RemoteImage(
    `${name}-image`,
    { name: reference, build: { context }, keepLocally: false },
    childOf(parent, host),
  );
  return { id, reference };
}

/** As the engine spells it, or each preview would show a change. */
const engineDuration = (seconds: number): string =>
  `${String(Math.floor(seconds / 60))}m${String(seconds % 60)}s`;

/** Taffrail's own programs yield to the team's where the processor is short. */
const yielding = 512;

const limits = ({ memory, cpuShares = yielding }: ServiceArgs) => ({
  memory: Math.floor(memory / 2 ** 20),
  // The same number: no swap, so that a limit is a limit.
  memorySwap: Math.floor(memory / 2 ** 20),
  cpuShares,
  ulimits: [
    { name: 'nofile', soft: 16_384, hard: 16_384 },
    { name: 'nproc', soft: 4096, hard: 4096 },
  ],
  logDriver: 'json-file',
  logOpts: { 'max-size': '10m', 'max-file': '3' },
});

const hardened = ({ writableRoot, tmpfs }: ServiceArgs) => ({
  init: true,
  readOnly: writableRoot === undefined,
  tmpfs: Object.fromEntries(
    Object.entries({ '/tmp': 64 * 2 ** 20, ...tmpfs }).map(([path, bytes]) => [
      path,
      `rw,nosuid,nodev,noexec,size=${String(bytes)},mode=1777`,
    ]),
  ),
  capabilities: { drops: ['ALL'], adds: [] },
  securityOpts: ['no-new-privileges=true'],
});

function environment({ environment: plain = {}, goMemoryShare, memory }: ServiceArgs): string[] {
  // Go's collector works against it instead of running into the limit.
  const limit =
    goMemoryShare === undefined
      ? {}
      : { GOMEMLIMIT: `${String(Math.floor((memory * goMemoryShare) / 2 ** 20))}MiB` };
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

const serviceLabels = (host: Host, name: string, revision: pulumi.Input<string> | undefined) =>
  composeLabels(host, {
    'com.docker.compose.service': name,
    'com.docker.compose.container-number': '1',
    'com.docker.compose.oneoff': 'False',
    // Without these two `docker compose ls` and `ps` do not see a container.
    'com.docker.compose.config-hash': 'made-by-taffrail',
    'com.docker.compose.project.config_files': `Pulumi.${host.stack}.yaml`,
    ...(revision !== undefined && { 'dev.taffrail.revision': revision }),
  });

/** Compose's own labels, by which Docker's tools group what belongs together. */
export function composeLabels(host: Host, more: Record<string, pulumi.Input<string>>) {
  return Object.entries({
    'com.docker.compose.project': host.project,
    'dev.taffrail.stack': host.stack,
    'dev.taffrail.owner': host.owner,
    ...more,
  }).map(([label, value]) => ({ label, value }));
}
