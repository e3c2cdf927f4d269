import { parse } from 'yaml';
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
  uploads?: { file: string; content: string | { secret: string } }[];
  labels: { label: string; value: string }[];
  capabilities: { drops: string[]; adds: string[] };
  securityOpts: string[];
  groupAdds?: string[];
  ulimits: { name: string; soft: number; hard: number }[];
  memory: number;
  memorySwap: number;
  init: boolean;
  readOnly?: boolean;
  tmpfs?: Record<string, string>;
  logDriver: string;
  logOpts: Record<string, string>;
  restart: string;
  mustRun: boolean;
  attach?: boolean;
  wait?: boolean;
  stopTimeout?: number;
  healthcheck?: { tests: string[] };
  networkMode: string;
  networksAdvanced?: { name: string; aliases: string[] }[];
  ports?: { ip: string; external: number; internal: number }[];
  volumes?: { volumeName?: string; hostPath?: string; containerPath: string; readOnly: boolean }[];
  mounts?: { type: string; source: string; target: string; readOnly: boolean }[];
}

export interface Container extends Omit<Recorded, 'inputs'> {
  inputs: ContainerInputs;
}

const isContainer = (resource: Recorded): boolean => resource.type === types.container;

export const containers = ({ resources }: Ran): Container[] =>
  resources.filter(isContainer) as unknown as Container[];
export const isJob = ({ inputs }: Container): boolean =>
  inputs.labels.some(({ label }) => label === 'dev.taffrail.job');
export const jobs = (ran: Ran): Container[] => containers(ran).filter(isJob);
export const services = (ran: Ran): Container[] => containers(ran).filter((one) => !isJob(one));

/** The container of that name. Throws when there is none. */
export function container(ran: Ran, name: string): Container {
  const found = containers(ran).find((one) => one.name === name);
  if (found === undefined)
    throw new Error(
      `no container ${name} among ${containers(ran)
        .map((one) => one.name)
        .join(', ')}`,
    );
  return found;
}

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

/** Files that a job brings along, with what is in them. */
export const uploads = ({ inputs }: Container): Record<string, string> =>
  Object.fromEntries(
    (inputs.uploads ?? []).map(({ file, content }) => [
      file,
      typeof content === 'string' ? content : content.secret,
    ]),
  );

/** A file that a job brings along. Throws when it does not. */
export function upload(ran: Ran, job: string, file: string): string {
  const content = uploads(container(ran, job))[file];
  if (content === undefined)
    throw new Error(`${job} has no ${file}: ${Object.keys(uploads(container(ran, job))).join(', ')}`);
  return content;
}

/** The pinned image that a container runs; undefined for somebody's own. */
export function imageKeyOf({ inputs }: Container): ImageKey | undefined {
  const name = /^id-of-image-(\w+)$/.exec(inputs.image)?.[1];
  return imageKeys.find((key) => key === name);
}

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
  containers(ran).some(({ name }) => name === 'prometheus')
    ? (
        parse(upload(ran, 'prometheus-config-files', '/staging/prometheus.yml')) as {
          scrape_configs: { job_name: string }[];
        }
      ).scrape_configs.map(({ job_name }) => job_name)
    : [];
