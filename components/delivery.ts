import type * as docker from '@pulumi/docker';
import { local } from '@pulumi/command';
import * as pulumi from '@pulumi/pulumi';
import { digestOf, type Files } from '../configs/files.ts';
import { configFolder, currentConfig, secretsIn } from '../configs/paths.ts';
import type { Host } from './host.ts';
import { type Image, type Mount, pinnedImage, type RunsAs, uidOf, volume } from './service.ts';

// Files and secrets reach a host, and programs are made to follow them, by Node scripts (components/jobs) that run where
// Pulumi runs and talk to Docker's API. Nothing stays on the host. `Command` is only what starts them.

/** By path; where there is no secret there is no file. */
export type Secrets = Readonly<Record<string, pulumi.Output<string> | undefined>>;

/** What reaches one volume: see the job's own `Target`. */
export interface DeliveryTarget {
  volume: docker.Volume;
  layout: 'revisions' | 'in-place' | 'add';
  files?: Files;
  secrets?: Secrets;
  steady?: { folder: string; files: Files };
}

export interface DeliveryArgs {
  /** The program's image. */
  image: Image;
  /** Who owns the files. */
  user: RunsAs;
  targets: DeliveryTarget[];
  /** The program's own checker, in exec form. It judges the files of the first target. */
  check?: string[];
}

/** Files that are in place once `done` is there. */
export interface Delivery {
  done: local.Command;
  /** Changes when one of the secrets does: for the label of a container that reads them at its start. */
  fingerprint: pulumi.Output<string>;
}

/** Raised when jobs of a new version must write again what those of an old one wrote. */
export const format = 1;

/** First of the two steps in which files reach a program: judged by its own checker, then put in place. */
export function deliver(
  name: string,
  host: Host,
  { image, user, targets, check }: DeliveryArgs,
  parent: pulumi.Resource,
): Delivery {
  const owner = uidOf(user);
  const [first] = targets;
  const secrets = Object.assign({}, ...targets.map((target) => present(target.secrets))) as Record<
    string,
    pulumi.Output<string>
  >;
  const files = targets.flatMap(({ files = {}, steady }) => [
    files,
    ...(steady ? [below(steady.folder, steady.files)] : []),
  ]);
  const done = job(`${name}-files`, host, {
    script: 'files',
    told: {
      tools: told(pinnedImage(host, 'tools')),
      owner,
      ...(check && {
        check: {
          image: told(image),
          command: check,
          user: owner,
          folder: currentConfig,
          files: first?.files ?? {},
          secrets: Object.keys(present(first?.secrets)),
        },
      }),
      targets: targets.map(({ volume, layout, files = {}, secrets, steady }) => ({
        volume: volume.name,
        layout,
        files,
        secrets: present(secrets),
        ...(steady && { steady }),
      })),
    },
    triggers: {
      owner,
      volumes: targets.map(({ volume }) => volume.name),
      // By path, so that a preview names the files that change.
      files: Object.assign({}, ...files.map(digests)) as Record<string, string>,
      secrets: Object.fromEntries(
        Object.entries(secrets).map(([path, secret]) => [path, host.fingerprint(secret)]),
      ),
    },
    parent,
  });
  return { done, fingerprint: host.fingerprint(pulumi.jsonStringify(secrets)) };
}

/** The files of a program that can be told where they are: one volume, with its secrets. */
export function deliverProgram(
  name: string,
  host: Host,
  {
    files,
    secrets = {},
    steady,
    ...rest
  }: Omit<DeliveryArgs, 'targets'> & {
    files: Files;
    /** By file name. */
    secrets?: Secrets;
    steady?: DeliveryTarget['steady'];
  },
  parent: pulumi.Resource,
): Delivery & { mount: Mount } {
  const own = volume(`${name}-config`, host, parent);
  const target: DeliveryTarget = {
    volume: own,
    layout: 'revisions',
    files,
    secrets: Object.fromEntries(
      Object.entries(secrets).map(([file, secret]) => [`${secretsIn}/${file}`, secret]),
    ),
    ...(steady && { steady }),
  };
  return {
    ...deliver(name, host, { ...rest, targets: [target] }, parent),
    mount: { volume: own, path: configFolder, readOnly: true },
  };
}

export interface ApplyArgs {
  /** `<program>-reload`, `<program>-restart` where a changed file has replaced the container, `<program>-proof`. */
  name: string;
  /** The program as people call it. */
  title: string;
  container: docker.Container;
  image: Image;
  user: RunsAs;
  port: number;
  /** The module below configs/ that applies, and what it is told. */
  logic: string;
  told: Readonly<Record<string, pulumi.Input<unknown>>>;
  /** Where on the data volume its note is kept. */
  note?: string;
  /** The files that the program follows. */
  follows?: local.Command | undefined;
}

/** Second step, after the service: the program follows its files, and is asked what it runs. */
export const applyTo = (host: Host, args: ApplyArgs, parent: pulumi.Resource): local.Command =>
  job(args.name, host, {
    script: 'apply',
    told: {
      tools: told(pinnedImage(host, 'tools')),
      service: {
        title: args.title,
        container: args.container.id,
        image: told(args.image),
        user: uidOf(args.user),
        port: args.port,
      },
      logic: args.logic,
      told: args.told,
      ...(args.note !== undefined && { note: args.note }),
    },
    triggers: {
      container: args.container.id,
      ...(args.follows && { files: args.follows.id }),
    },
    after: [args.container, ...(args.follows ? [args.follows] : [])],
    parent,
  });

export interface JobArgs {
  /** Below components/jobs. */
  script: 'files' | 'apply' | 'database';
  /** What it is told on standard input, which counts as a secret as a whole. */
  told: Readonly<Record<string, unknown>>;
  /** Plain values whose change runs it again; a preview shows them. */
  triggers: Readonly<Record<string, unknown>>;
  after?: pulumi.Resource[];
  parent: pulumi.Resource;
}

/**
 * A script that runs once for each set of triggers.
 *
 * It is replaced and never updated, and the old one goes first: one that has failed is not in the state as done, so the
 * next `up` runs it again whatever the settings are by then. Its id is a new one each time.
 */
export function job(name: string, host: Host, args: JobArgs): local.Command {
  const { script, told, triggers, after = [], parent } = args;
  const { project, stack, owner } = host;
  const stdin = pulumi.jsonStringify({ job: { project, stack, owner, name }, ...told });
  return new local.Command(
    name,
    {
      // No shell and no path of this machine: two checkouts see no change.
      interpreter: ['node', '--require', './commands/preload.cjs'],
      create: `components/jobs/${script}.ts`,
      stdin: pulumi.secret(stdin),
      // Whatever a job is told is a trigger: nothing is left that would only update it.
      triggers: [{ format, ...triggers, told: host.fingerprint(stdin) }],
      ...(host.dockerHost !== undefined && { environment: { DOCKER_HOST: host.dockerHost } }),
      logging: 'none',
      addPreviousOutputInEnv: false,
    },
    {
      parent,
      dependsOn: after,
      deleteBeforeReplace: true,
      // A secret standard input does not make them secret.
      additionalSecretOutputs: ['stdout', 'stderr'],
      customTimeouts: { create: '15m', update: '15m' },
    },
  );
}

export const told = ({ id, reference }: Image) => ({ id, reference });

const present = (secrets: Secrets = {}): Record<string, pulumi.Output<string>> =>
  Object.fromEntries(
    Object.entries(secrets).flatMap(([path, secret]) => (secret === undefined ? [] : [[path, secret]])),
  );

const below = (folder: string, files: Files): Files =>
  Object.fromEntries(Object.entries(files).map(([path, content]) => [`${folder}/${path}`, content]));

const digests = (files: Files): Record<string, string> =>
  Object.fromEntries(Object.entries(files).map(([path, content]) => [path, digestOf(content)]));
