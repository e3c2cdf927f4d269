import type { Stack } from '@pulumi/pulumi/automation/index.js';
import { type Engine, label, labelled, nameOf, projectContainers } from './engine.ts';
import { Sentence } from './sentence.ts';
import { type Deployment, failedJobs, known, nameOfUrn, pendingOperations, resources } from './state.ts';

/** What the engine has of a stack, by identifier and name. */
export interface Present {
  containers: { id: string; name: string; running: boolean }[];
  networks: { id: string; name: string; used: boolean }[];
  volumes: string[];
  /** Every network and container of the engine, by identifier: also those that lost their labels. */
  allNetworks: ReadonlySet<string>;
  allContainers: ReadonlySet<string>;
}

/** What is to be done before `up`. */
export interface Repair {
  /** Labelled as this stack's, and in no state. */
  orphanContainers: { id: string; name: string }[];
  orphanNetworks: { id: string; name: string }[];
  /** Why the state must be compared with the engine; empty when it need not. */
  refresh: string[];
  /** Jobs that must run again, by URN. */
  replace: string[];
}

/** Compares a state with an engine. Pure. Volumes are never orphans. */
export function planRepair(state: Deployment, present: Present): Repair {
  const { containers, networks, volumes, services } = known(state);
  const orphanContainers = present.containers.filter(({ id }) => !containers.includes(id));
  const orphanNetworks = present.networks.filter(({ id }) => !networks.includes(id));
  const running = new Set(present.containers.filter((container) => container.running).map(({ id }) => id));
  const nameOfId = new Map(resources(state).flatMap(({ id, urn }) => (id ? [[id, nameOfUrn(urn)]] : [])));
  const words = (ids: string[], what: string) => ids.map((id) => `${nameOfId.get(id) ?? id} ${what}`);
  const pendingIds = new Set((state.deployment.pending_operations ?? []).map(({ resource }) => resource.id));
  const gone = [
    ...containers.filter((id) => !present.allContainers.has(id)),
    ...networks.filter((id) => !present.allNetworks.has(id)),
    ...volumes.filter((id) => !present.volumes.includes(id)),
  ].filter((id) => !pendingIds.has(id));
  const stopped = services.filter((id) => present.allContainers.has(id) && !running.has(id));
  return {
    orphanContainers,
    orphanNetworks,
    refresh: [...pendingOperations(state), ...words(gone, 'is gone'), ...words(stopped, 'does not run')],
    replace: failedJobs(state),
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
    networks.map(async ({ Id, Name }) => {
      const detail = (await engine.docker.getNetwork(Id).inspect()) as {
        Containers?: Record<string, unknown>;
      };
      return { id: Id, name: Name, used: Object.keys(detail.Containers ?? {}).length > 0 };
    }),
  );
  return {
    containers: containers.map((container) => ({
      id: container.Id,
      name: nameOf(container),
      running: container.State === 'running' || container.State === 'restarting',
    })),
    networks: inspected,
    volumes: volumes.Volumes.map(({ Name }) => Name),
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

/**
 * Puts right what a killed run left, and says each thing. Volumes are never touched.
 *
 * @param mayRemove whether what is in no state is certainly dead (own state folder and no other command at work)
 * @param refresh compares the state with the engine and drops pending creates
 * @returns the URNs to replace
 */
export async function repair(
  engine: Engine,
  stack: Stack,
  state: Deployment,
  options: { mayRemove: boolean; say: (words: string) => void; refresh: () => Promise<Deployment> },
): Promise<{ state: Deployment; replace: string[] }> {
  const { say, mayRemove } = options;
  const plan = planRepair(state, await look(engine, stack.name));
  const orphans = [...plan.orphanContainers, ...plan.orphanNetworks];
  if (orphans.length > 0 && !mayRemove) {
    throw new Sentence(
      `On the engine, but not in the state of ${stack.name}: ${orphans.map(({ name }) => name).join(', ')}.\n` +
        `If no other command is at work on this stack:  docker rm -f ${plan.orphanContainers.map(({ name }) => name).join(' ')}`,
    );
  }
  for (const { id, name } of plan.orphanContainers) {
    say(`repair: removing the container ${name}, which is in no state`);
    await engine.docker.getContainer(id).remove({ force: true, v: true }).catch(ignoreMissing);
  }
  for (const { id, name } of plan.orphanNetworks) {
    say(`repair: removing the network ${name}, which is in no state`);
    await engine.docker.getNetwork(id).remove().catch(ignoreMissing);
  }
  let current = state;
  if (plan.refresh.length > 0) {
    say(`repair: comparing the state with the engine, because ${shortened(plan.refresh)}`);
    current = await options.refresh();
  }
  const replace = failedJobs(current);
  for (const urn of replace) say(`repair: ${nameOfUrn(urn)} failed last time and runs again`);
  return { state: current, replace };
}

const shortened = (list: string[]): string =>
  list.length <= 3 ? list.join(', ') : `${list.slice(0, 3).join(', ')} and ${list.length - 3} more`;

function ignoreMissing(error: { statusCode?: number }): void {
  if (error.statusCode !== 404) throw error as Error;
}
