import type { Stack } from '@pulumi/pulumi/automation/index.js';
import { type Engine, isHelper, label, labelled, nameOf, projectContainers } from './engine.ts';
import { apart, strays, takenWords, thingsOf, without } from './owner.ts';
import { npmRun } from '../../configs/whatToType.ts';
import { Sentence } from './sentence.ts';
import {
  type Deployment,
  hostOf,
  interruptedJobs,
  known,
  nameOfUrn,
  ownerOf,
  pendingOperations,
  resources,
  wantedNetworks,
} from './state.ts';

/** What the engine has of a stack, by identifier and name. */
export interface Present {
  containers: {
    id: string;
    name: string;
    running: boolean;
    /** A container of a job. */
    helper?: boolean;
    networks: string[];
    owner?: string | undefined;
  }[];
  networks: { id: string; name: string; used: boolean; owner?: string | undefined }[];
  volumes: string[];
  /** Every network and container of the engine, by identifier: also those that lost their labels. */
  allNetworks: ReadonlySet<string>;
  allContainers: ReadonlySet<string>;
}

/** What is to be done before `up`. */
export interface Repair {
  /** Made by this state, as their label says, and no longer in it. */
  orphanContainers: { id: string; name: string }[];
  orphanNetworks: { id: string; name: string }[];
  /** Containers of interrupted jobs. */
  helpers: { id: string; name: string }[];
  /** Services that run without a network of theirs: the plugin does not see that, so they are made anew. */
  cutOff: { id: string; name: string }[];
  /** Why the state must be compared with the engine; empty when it need not. */
  refresh: string[];
}

/** Compares a state with an engine. Pure. Volumes are never orphans. */
export function planRepair(state: Deployment, present: Present): Repair {
  const { containers, networks, volumes } = known(state);
  const owner = ownerOf(state);
  const own = (by: string | undefined) => owner !== undefined && by === owner;
  const orphans = present.containers.filter((one) => own(one.owner) && !containers.includes(one.id));
  const orphanNetworks = present.networks.filter((one) => own(one.owner) && !networks.includes(one.id));
  const running = new Set(present.containers.filter((container) => container.running).map(({ id }) => id));
  const nameOfId = new Map(resources(state).flatMap(({ id, urn }) => (id ? [[id, nameOfUrn(urn)]] : [])));
  const words = (ids: string[], what: string) => ids.map((id) => `${nameOfId.get(id) ?? id} ${what}`);
  const pendingIds = new Set((state.deployment.pending_operations ?? []).map(({ resource }) => resource.id));
  const gone = [
    ...containers.filter((id) => !present.allContainers.has(id)),
    ...networks.filter((id) => !present.allNetworks.has(id)),
    ...volumes.filter((id) => !present.volumes.includes(id)),
  ].filter((id) => !pendingIds.has(id));
  const wanted = wantedNetworks(state);
  const cutOff = present.containers.filter(
    ({ id, running: runs, networks: has }) => runs && wanted.get(id)?.some((name) => !has.includes(name)),
  );
  const stopped = containers.filter((id) => present.allContainers.has(id) && !running.has(id));
  return {
    orphanContainers: orphans.filter(({ helper }) => helper !== true),
    orphanNetworks,
    helpers: orphans.filter(({ helper }) => helper === true),
    cutOff,
    refresh: [
      ...pendingOperations(state),
      ...words(gone, 'is gone'),
      ...words(stopped, 'does not run'),
      ...cutOff.map(({ name }) => `${name} has lost a network`),
    ],
  };
}

/** What the engine has of a stack. */
export async function look(engine: Engine, stack: string): Promise<Present> {
  const [{ containers, networks }, allNetworks, allContainers, volumes] = await Promise.all([
    labelled(engine, stack),
    engine.docker.listNetworks(),
    engine.docker.listContainers({ all: true }),
    engine.docker.listVolumes(),
  ]);
  const inspected = await Promise.all(
    networks.map(async ({ Id, Name, Labels }) => {
      const detail = (await engine.docker.getNetwork(Id).inspect()) as {
        Containers?: Record<string, unknown>;
      };
      const used = Object.keys(detail.Containers ?? {}).length > 0;
      return { id: Id, name: Name, used, owner: (Labels as Record<string, string> | null)?.[label.owner] };
    }),
  );
  return {
    containers: containers.map((container) => ({
      id: container.Id,
      name: nameOf(container),
      running: container.State === 'running' || container.State === 'restarting',
      helper: isHelper(container),
      networks: Object.keys(container.NetworkSettings.Networks),
      owner: container.Labels[label.owner],
    })),
    networks: inspected,
    volumes: ((volumes.Volumes as typeof volumes.Volumes | null) ?? []).map(({ Name }) => Name),
    allNetworks: new Set(allNetworks.map(({ Id }) => Id)),
    allContainers: new Set(allContainers.map(({ Id }) => Id)),
  };
}

/** Stops when somebody else's containers have this stack's compose project. */
export async function refuseForeign(engine: Engine, stack: string): Promise<void> {
  const foreign = (await projectContainers(engine, stack)).filter(
    ({ Labels }) => Labels[label.stack] === undefined,
  );
  if (foreign.length === 0) return;
  throw new Sentence(
    `The compose project taffrail-${stack} on this engine is not Taffrail's: ${foreign.map(nameOf).join(', ')}.\n` +
      `Remove it (docker compose -p taffrail-${stack} down), or give this stack another name.`,
  );
}

/** Stops when another checkout's state, or one that is lost, made what has this stack's label. */
export async function refuseTaken(engine: Engine, stack: string, state: Deployment): Promise<void> {
  const split = apart(await thingsOf(engine, stack), state);
  const foreign = without(split.foreign, strays(split.foreign));
  const words = takenWords(stack, engine.address, { ...split, foreign });
  if (words !== undefined) throw new Sentence(words);
}

/** Stops when the state's containers are on another engine than the settings name now. */
export async function refuseMoved(engine: Engine, stack: string, state: Deployment): Promise<void> {
  const from = hostOf(state);
  if (from === undefined || sameHost(from, engine.address)) return;
  const { containers, networks } = known(state);
  const [here, wired] = await Promise.all([
    engine.docker.listContainers({ all: true }),
    engine.docker.listNetworks(),
  ]);
  // An engine may have got a new name: what counts is where the things are.
  if ([...here, ...wired].some(({ Id }) => containers.includes(Id) || networks.includes(Id))) return;
  throw new Sentence(movedWords(stack, from, engine.address));
}

export function movedWords(stack: string, from: string, to: string): string {
  return (
    `Nothing was changed: the stack ${stack} lives on ${from}, and is now to go to ${to}.\n` +
    `Stay there:  pulumi config set -s ${stack} taffrail:dockerHost ${from}     (or set DOCKER_HOST back)\n` +
    `Move, and lose its logs and metrics:  ${npmRun('down', stack)}   # then ${npmRun('up', stack)}`
  );
}

/** Whether two addresses name one engine: `/var/run` is `/run`, and a slash at the end says nothing. */
export const sameHost = (one: string, other: string): boolean => plain(one) === plain(other);
const plain = (address: string): string =>
  address.replace(/\/+$/, '').replace(/^unix:\/+var\/run\//, 'unix:///run/');

/**
 * Puts right what a killed run left, and says each thing. Volumes are never touched.
 *
 * @param mayRemove whether what is in no state is certainly dead (own state folder and no other command at work)
 * @param refresh compares the state with the engine and drops pending creates
 * @returns the state as it is now, and the URNs of the jobs to repeat
 */
export async function repair(
  engine: Engine,
  stack: Stack,
  state: Deployment,
  options: { mayRemove: boolean; say: (words: string) => void; refresh: () => Promise<Deployment> },
): Promise<{ state: Deployment; replace: string[] }> {
  const { say, mayRemove } = options;
  // What a killed run was doing; the refresh forgets it.
  const interrupted = interruptedJobs(state);
  const plan = planRepair(state, await look(engine, stack.name));
  const orphans = [...plan.orphanContainers, ...plan.orphanNetworks];
  if (orphans.length > 0 && !mayRemove) {
    const line = (command: string, list: { name: string }[]) =>
      list.length === 0 ? [] : [`  ${command} ${list.map(({ name }) => name).join(' ')}`];
    throw new Sentence(
      [
        `On the engine, but not in the state of ${stack.name}: ${orphans.map(({ name }) => name).join(', ')}.`,
        'If no other command is working on this stack:',
        ...line('docker rm -f', plan.orphanContainers),
        ...line('docker network rm', plan.orphanNetworks),
      ].join('\n'),
    );
  }
  // With a shared backend they may be at work for somebody else. When its job runs again, that removes a helper.
  for (const { id, name } of mayRemove ? plan.helpers : []) {
    say(`repair: removing the helper ${name} of an interrupted run`);
    await engine.docker.getContainer(id).remove({ force: true, v: true }).catch(ignoreMissing);
  }
  for (const { id, name } of plan.orphanContainers) {
    say(`repair: removing the container ${name}, which is in no state`);
    await engine.docker.getContainer(id).remove({ force: true, v: true }).catch(ignoreMissing);
  }
  for (const { id, name } of plan.orphanNetworks) {
    say(`repair: removing the network ${name}, which is in no state`);
    await engine.docker.getNetwork(id).remove().catch(ignoreMissing);
  }
  for (const { id, name } of plan.cutOff) {
    say(`repair: removing the container ${name}, which has lost a network; its volumes stay`);
    await engine.docker.getContainer(id).remove({ force: true, v: true }).catch(ignoreMissing);
  }
  let current = state;
  if (plan.refresh.length > 0) {
    say(`repair: comparing the state with the engine, because ${shortened(plan.refresh)}`);
    current = await options.refresh();
  }
  // An interrupted job may have changed its volume or program while the state still has what was there before: with
  // settings that match the state again, nothing else would run it. Pulumi refuses URNs that are not in the state.
  const inState = new Set(resources(current).map(({ urn }) => urn));
  const replace = interrupted.filter((urn) => inState.has(urn));
  for (const urn of replace) say(`repair: ${nameOfUrn(urn)} was interrupted and runs again`);
  return { state: current, replace };
}

const shortened = (list: string[]): string =>
  list.length <= 3 ? list.join(', ') : `${list.slice(0, 3).join(', ')} and ${list.length - 3} more`;

function ignoreMissing(error: { statusCode?: number }): void {
  if (error.statusCode !== 404) throw error as Error;
}
