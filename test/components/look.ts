import { parse } from 'yaml';
import type { ApplyTold } from '../../components/jobs/apply.ts';
import type { DatabaseTold } from '../../components/jobs/database.ts';
import type { FilesTold } from '../../components/jobs/files.ts';
import type { Files } from '../../configs/files.ts';
import { imageKeys, type ImageKey } from '../../configs/images.ts';
import { type Ran, type Recorded, types } from './harness.ts';

// How tests look at what was recorded.

/** The inputs of a container, as far as tests read them; each was checked by the SDK's own types when it was written. */
export interface ContainerInputs {
  name: string;
  image: string;
  user?: string;
  command?: string[];
  entrypoints?: string[];
  envs?: string[];
  labels: { label: string; value: string }[];
  capabilities: { drops: string[]; adds: string[] };
  securityOpts: string[];
  groupAdds?: string[];
  ulimits: { name: string; soft: number; hard: number }[];
  memory: number;
  memorySwap: number;
  cpuShares: number;
  init: boolean;
  readOnly?: boolean;
  tmpfs?: Record<string, string>;
  logDriver: string;
  logOpts: Record<string, string>;
  restart: string;
  mustRun: boolean;
  wait?: boolean;
  waitTimeout?: number;
  stopTimeout?: number;
  healthcheck?: { tests: string[]; startPeriod: string };
  networkMode: string;
  networksAdvanced?: { name: string; aliases: string[] }[];
  ports?: { ip: string; external: number; internal: number }[];
  volumes?: { volumeName?: string; hostPath?: string; containerPath: string; readOnly: boolean }[];
  mounts?: { type: string; source: string; target: string; readOnly: boolean }[];
}

export interface Container extends Omit<Recorded, 'inputs'> {
  inputs: ContainerInputs;
}

/** Every container runs a program: what jobs make and remove again is no resource. */
export const services = ({ resources }: Ran): Container[] =>
  resources.filter(({ type }) => type === types.container) as unknown as Container[];

/** The container of that name. Throws when there is none. */
export const container = (ran: Ran, name: string): Container => named(services(ran), name, 'container');

function named<One extends { name: string }>(all: One[], name: string, kind: string): One {
  const found = all.find((one) => one.name === name);
  if (found === undefined)
    throw new Error(`no ${kind} ${name} among ${all.map((one) => one.name).join(', ')}`);
  return found;
}

/** The inputs of a Command. */
export interface CommandInputs {
  interpreter: string[];
  create: string;
  stdin: { secret: string };
  triggers: Triggers[];
  environment?: Record<string, string>;
  logging: string;
  addPreviousOutputInEnv: boolean;
}

/** The plain values whose change runs a job again. */
export interface Triggers {
  format: number;
  /** Of `files`: uid:gid. */
  owner?: string;
  /** Of `files`. */
  volumes?: string[];
  /** Of `files`: digests by path. Of `apply`: the id of the job that delivers the files. */
  files?: Record<string, string> | string;
  /** Of `files`: fingerprints by path. */
  secrets?: Record<string, string>;
  /** Of `apply`. */
  container?: string;
  /** Of `database`: ids. */
  after?: string[];
  /** Of `apply` and `database`: the fingerprint of what it is told. */
  told?: string;
}

/** A Command, with what its script is told on standard input. */
export type Job = Omit<Recorded, 'inputs'> & { inputs: CommandInputs; triggers: Triggers } & (
    | { script: 'files'; told: FilesTold }
    | { script: 'apply'; told: ApplyTold }
    | { script: 'database'; told: DatabaseTold }
  );

/** Every job of a stack that is up: in a preview standard input is unknown. */
export const jobs = ({ resources }: Ran): Job[] =>
  resources
    .filter(({ type }) => type === types.command)
    .map((one) => {
      const inputs = one.inputs as unknown as CommandInputs;
      const [, script] = /^components\/jobs\/(\w+)\.ts$/.exec(inputs.create) ?? [];
      const [triggers] = inputs.triggers;
      return { ...one, inputs, script, told: JSON.parse(inputs.stdin.secret) as unknown, triggers } as Job;
    });

/** The job of that name. Throws when there is none. */
export const job = (ran: Ran, name: string): Job => named(jobs(ran), name, 'job');

/** The jobs that run one script. */
export const running = <Script extends Job['script']>(ran: Ran, script: Script) =>
  jobs(ran).filter((one): one is Extract<Job, { script: Script }> => one.script === script);

/** What delivers a program's files and secrets. Throws when nothing does. */
export const delivery = (ran: Ran, program: string) =>
  named(running(ran, 'files'), `${program}-files`, 'delivery');

/** The files that a program is told, by path. Throws when it is told none. */
export const delivered = (ran: Ran, program: string): Files =>
  Object.fromEntries(
    delivery(ran, program).told.targets.flatMap(({ files, steady }) => [
      ...Object.entries(files),
      ...Object.entries(steady?.files ?? {}).map(([path, text]) => [`${steady?.folder ?? ''}/${path}`, text]),
    ]),
  ) as Files;

/** The secrets that reach a program as files, by path. Throws when nothing does. */
export const secretsOf = (ran: Ran, program: string): Readonly<Record<string, string>> =>
  Object.assign({}, ...delivery(ran, program).told.targets.map(({ secrets }) => secrets)) as Record<
    string,
    string
  >;

export const labelsOf = ({ inputs }: Container): Record<string, string> =>
  Object.fromEntries(inputs.labels.map(({ label, value }) => [label, value]));

/** The networks of a container, without the stack's own prefix. */
export const networksOf = ({ inputs }: Container): string[] =>
  (inputs.networksAdvanced ?? []).map(({ name }) => name.replace(/^taffrail-[a-z0-9-]+?-(?=[a-z]+$)/, ''));

/** Folders of the host that a container sees. */
export const hostPaths = ({ inputs }: Container): { path: string; readOnly: boolean }[] => [
  ...(inputs.volumes ?? []).flatMap(({ hostPath, readOnly }) =>
    hostPath === undefined ? [] : [{ path: hostPath, readOnly }],
  ),
  ...(inputs.mounts ?? []).map(({ source, readOnly }) => ({ path: source, readOnly })),
];

/** The pinned image that a container runs; undefined for somebody's own. */
export const imageKeyOf = ({ inputs }: Container): ImageKey | undefined => imageKey(inputs.image);

/** A pinned image by its id. */
export function imageKey(id: string): ImageKey | undefined {
  const name = /^id-of-image-(\w+)$/.exec(id)?.[1];
  return imageKeys.find((key) => key === name);
}

/** The inputs of a container or a Command but for the secret standard input. */
export const openInputs = ({ inputs }: Container | Job): Record<string, unknown> =>
  Object.fromEntries(Object.entries(inputs).filter(([key]) => key !== 'stdin'));

/** Every text in a value, with the path at which it stands. */
export function texts(value: unknown, path = ''): [string, string][] {
  if (typeof value === 'string') return [[path, value]];
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) => [
    [`${path}:key`, key] as [string, string],
    ...texts(inner, Array.isArray(value) ? `${path}[]` : `${path}.${key}`),
  ]);
}

/** The names of Prometheus' scrape jobs; none where it does not run. */
export const jobNames = (ran: Ran): string[] =>
  services(ran).some(({ name }) => name === 'prometheus')
    ? (
        parse(delivered(ran, 'prometheus')['prometheus.yml'] ?? '') as {
          scrape_configs: { job_name: string }[];
        }
      ).scrape_configs.map(({ job_name }) => job_name)
    : [];
