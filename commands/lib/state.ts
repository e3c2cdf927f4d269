import { defaultAddress } from './engine.ts';

/** What this room reads of a state: `pulumi stack export`. */
export interface Deployment {
  version: number;
  deployment: {
    resources?: StateResource[];
    pending_operations?: { resource: StateResource; type: string }[];
  };
}

export interface StateResource {
  urn: string;
  type: string;
  id?: string;
  custom?: boolean;
  protect?: boolean;
  /** It is deleted, and its successor is not there yet: the next `up` makes that one. */
  pendingReplacement?: boolean;
  inputs?: Record<string, unknown>;
  outputs?: Record<string, unknown>;
}

export const containerType = 'docker:index/container:Container';
export const imageType = 'docker:index/remoteImage:RemoteImage';
/** A job: a script that @pulumi/command runs. */
export const jobType = 'command:local:Command';

export const resources = (state: Deployment): StateResource[] => state.deployment.resources ?? [];
const ofType = (state: Deployment, type: string) =>
  resources(state).filter((resource) => resource.type === type);

/** `urn:…::loki-files` -> `loki-files`. */
export const nameOfUrn = (urn: string): string => urn.slice(urn.lastIndexOf('::') + 2);

const listOf = (value: unknown): Record<string, unknown>[] =>
  Array.isArray(value) ? (value as Record<string, unknown>[]) : [];

/** Names of operations that a killed run left. */
export const pendingOperations = (state: Deployment): string[] =>
  (state.deployment.pending_operations ?? []).map(
    ({ resource, type }) => `${type} ${nameOfUrn(resource.urn)}`,
  );

/** The URNs of jobs that a killed run left in the middle. */
export const interruptedJobs = (state: Deployment): string[] =>
  (state.deployment.pending_operations ?? []).flatMap(({ resource }) =>
    resource.type === jobType ? [resource.urn] : [],
  );

/** What the stack writes on all it makes, in hex; undefined before its first `up`. */
export function ownerOf(state: Deployment): string | undefined {
  const found = ofType(state, 'random:index/randomId:RandomId').find(({ urn }) => nameOfUrn(urn) === 'owner');
  const hex = found?.outputs?.['hex'];
  return typeof hex === 'string' ? hex : undefined;
}

/** The engine that the state's provider was given; undefined when it never had a resource on one. */
export function hostOf(state: Deployment): string | undefined {
  if (known(state).containers.length + known(state).networks.length + known(state).volumes.length === 0)
    return undefined;
  const provider = ofType(state, 'pulumi:providers:docker').find(({ urn }) => nameOfUrn(urn) === 'host');
  const host = provider?.inputs?.['host'];
  return typeof host === 'string' && host !== '' ? host : defaultAddress;
}

/** Everything in the state that deletion is refused for. */
export const protectedResources = (state: Deployment): string[] =>
  resources(state)
    .filter(({ protect }) => protect)
    .map(({ urn }) => nameOfUrn(urn));

/** Engine identifiers of what the state knows. */
export function known(state: Deployment) {
  const ids = (type: string) =>
    ofType(state, type).flatMap(({ id, pendingReplacement }) => (id && !pendingReplacement ? [id] : []));
  const pending = (state.deployment.pending_operations ?? []).flatMap(({ resource }) =>
    resource.id ? [resource.id] : [],
  );
  return {
    containers: [...ids(containerType), ...pending],
    networks: [...ids('docker:index/network:Network'), ...pending],
    volumes: ids('docker:index/volume:Volume'),
  };
}

/** The networks that each container must be on: names by its identifier. */
export const wantedNetworks = (state: Deployment): Map<string, string[]> =>
  new Map(
    ofType(state, containerType).flatMap(({ id, inputs }) => {
      const names = listOf(inputs?.['networksAdvanced']).flatMap(({ name }) =>
        typeof name === 'string' ? [name] : [],
      );
      return id === undefined ? [] : [[id, names]];
    }),
  );

/** Names of the images that the stack pulled or built. */
export const imageNames = (state: Deployment): string[] => [
  ...new Set(
    ofType(state, imageType).flatMap(({ outputs, inputs }) => {
      const name = outputs?.['name'] ?? inputs?.['name'];
      return typeof name === 'string' ? [name] : [];
    }),
  ),
];
