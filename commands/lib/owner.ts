import { defaultAddress, type Engine, isHelper, label, labelled, nameOf } from './engine.ts';
import { type Deployment, known, ownerOf } from './state.ts';

/** One thing on the engine that carries a stack's label. A volume's identifier is its name. */
export interface Thing {
  id: string;
  name: string;
  /** Which state made it; undefined where that was never written down. */
  owner?: string | undefined;
  /** A container of a job, which goes when the job has ended. */
  helper?: boolean;
  running?: boolean;
}

export interface Things {
  containers: Thing[];
  networks: Thing[];
  volumes: Thing[];
}

/** Everything on the engine with the stack's label, whoever made it. */
export async function thingsOf(engine: Engine, stack: string): Promise<Things> {
  const { containers, networks, volumes } = await labelled(engine, stack);
  const owner = (labels: Record<string, string> | null | undefined) => labels?.[label.owner];
  return {
    containers: containers.map((one) => ({
      id: one.Id,
      name: nameOf(one),
      owner: owner(one.Labels),
      helper: isHelper(one),
      running: one.State === 'running',
    })),
    networks: networks.map(({ Id, Name, Labels }) => ({ id: Id, name: Name, owner: owner(Labels) })),
    volumes: volumes.map(({ Name, Labels }) => ({ id: Name, name: Name, owner: owner(Labels) })),
  };
}

/**
 * Tells what this state made from what another checkout's made, or one that is lost. Pure.
 *
 * A container or network in the state is its own whatever its label says; a volume's name proves nothing, because
 * each checkout gives the same one.
 */
export function apart(things: Things, state: Deployment | undefined): { own: Things; foreign: Things } {
  const owner = state && ownerOf(state);
  const ids = known(state ?? { version: 3, deployment: {} });
  const made = ({ owner: by }: Thing) => owner !== undefined && by === owner;
  const isOwn = {
    containers: (one: Thing) => made(one) || ids.containers.includes(one.id),
    networks: (one: Thing) => made(one) || ids.networks.includes(one.id),
    volumes: (one: Thing) => made(one) || (one.owner === undefined && ids.volumes.includes(one.id)),
  };
  const pick = (own: boolean): Things => ({
    containers: things.containers.filter((one) => isOwn.containers(one) === own),
    networks: things.networks.filter((one) => isOwn.networks(one) === own),
    volumes: things.volumes.filter((one) => isOwn.volumes(one) === own),
  });
  return { own: pick(true), foreign: pick(false) };
}

/**
 * Helpers of interrupted jobs whose stack is gone: they have ended, and nothing else has their owner. Pure.
 *
 * Whoever made them no longer has a state that could tell.
 */
export function strays({ containers, networks, volumes }: Things): Thing[] {
  const isOver = ({ helper, running }: Thing) => helper === true && running !== true;
  const owners = new Set(
    [...containers.filter((one) => !isOver(one)), ...networks, ...volumes].map(({ owner }) => owner),
  );
  return containers.filter((one) => isOver(one) && !owners.has(one.owner));
}

/** The same things without some containers. */
export const without = (things: Things, gone: readonly Thing[]): Things => ({
  ...things,
  containers: things.containers.filter(({ id }) => gone.every((one) => one.id !== id)),
});

export const isEmpty = ({ containers, networks, volumes }: Things): boolean =>
  containers.length + networks.length + volumes.length === 0;

/** What is another's, in words: `2 containers (a, b), 1 volume (c)`. */
export function listed({ containers, networks, volumes }: Things): string {
  const kinds = { container: containers, volume: volumes, network: networks };
  return Object.entries(kinds)
    .filter(([, some]) => some.length > 0)
    .map(([kind, some]) => {
      const names = some.slice(0, 3).map(({ name }) => name);
      const more = some.length > names.length ? ` and ${some.length - names.length} more` : '';
      return `${some.length} ${kind}${some.length === 1 ? '' : 's'} (${names.join(', ')}${more})`;
    })
    .join(', ');
}

/** The lines that delete what is another's, data and all, and nothing of our own. */
export function deletion(
  stack: string,
  address: string,
  { own, foreign }: { own: Things; foreign: Things },
): string[] {
  const docker = address === defaultAddress ? 'docker' : `docker -H ${address}`;
  const owners = new Set(
    Object.values(foreign as unknown as Record<string, Thing[]>)
      .flat()
      .map((one) => one.owner),
  );
  const [only] = owners;
  const filters =
    owners.size === 1 && only !== undefined
      ? `--filter label=${label.stack}=${stack} --filter label=${label.owner}=${only}`
      : isEmpty(own)
        ? `--filter label=${label.stack}=${stack}`
        : undefined;
  const line = (some: Thing[], remove: string, list: string) =>
    some.length === 0
      ? []
      : [
          filters === undefined
            ? `${docker} ${remove} ${some.map(({ name }) => name).join(' ')}`
            : `${docker} ${remove} $(${docker} ${list} ${filters})`,
        ];
  return [
    ...line(foreign.containers, 'rm -f', 'ps -aq'),
    ...line(foreign.volumes, 'volume rm', 'volume ls -q'),
    ...line(foreign.networks, 'network rm', 'network ls -q'),
  ];
}

/** Why `up` stops, or undefined when all with the stack's name is its own. */
export function takenWords(
  stack: string,
  address: string,
  split: { own: Things; foreign: Things },
): string | undefined {
  const { foreign } = split;
  if (isEmpty(foreign)) return undefined;
  return (
    `Nothing was changed: on ${address} there is a stack ${stack} which this checkout's state did not make:\n` +
    `  ${listed(foreign)}\n` +
    'Use the checkout (or log in to the backend) that made it, or give this stack another name.\n' +
    'If its state is lost and its data may go, this deletes both:\n' +
    deletion(stack, address, split)
      .map((line) => `  ${line}`)
      .join('\n')
  );
}

/** What `down` says of what it did not delete. */
export function leftWords(stack: string, address: string, split: { own: Things; foreign: Things }): string {
  const backend = process.env['PULUMI_BACKEND_URL'] ?? 'the one you are logged in to';
  return (
    `Left on ${address}, because the state of ${stack} in this backend (${backend}) did not make it:\n` +
    `  ${listed(split.foreign)}\n` +
    'The checkout that made it removes it, or the backend that has its state (pulumi login <backend>).\n' +
    'If that state is lost and the data may go:\n' +
    deletion(stack, address, split)
      .map((line) => `  ${line}`)
      .join('\n')
  );
}
