import type { Stack } from '@pulumi/pulumi/automation/index.js';
import { describe, expect, it } from 'vitest';
import type { Engine } from '../../commands/lib/engine.ts';
import {
  movedWords,
  planRepair,
  type Present,
  refuseMoved,
  repair,
  sameHost,
} from '../../commands/lib/repair.ts';
import {
  type Deployment,
  hostOf,
  imageNames,
  protectedResources,
  type StateResource,
} from '../../commands/lib/state.ts';

const urn = (type: string, name: string) =>
  `urn:pulumi:local::taffrail::taffrail:index:Loki$${type}::${name}`;
const container = (name: string, id: string, more: Partial<StateResource> = {}): StateResource => {
  const type = 'docker:index/container:Container';
  return { urn: urn(type, name), type, id, custom: true, inputs: {}, outputs: {}, ...more };
};
const job = (name: string): StateResource => other('command:local:Command', name, `${name}-1`);
const other = (type: string, name: string, id: string): StateResource => ({
  urn: urn(type, name),
  type,
  id,
  custom: true,
});

const network = other('docker:index/network:Network', 'stores', 'n1');
const volume: StateResource = {
  ...other('docker:index/volume:Volume', 'loki-data', 'taffrail-local-loki-data'),
  protect: true,
};
const owner: StateResource = {
  ...other('random:index/randomId:RandomId', 'owner', 'x'),
  outputs: { hex: 'aa11' },
};
const stateOf = (...resources: StateResource[]): Deployment => ({
  version: 3,
  deployment: { resources: [owner, ...resources] },
});
const state = stateOf(network, volume, container('loki', 'c1'), job('loki-files'));
const present: Present = {
  containers: [{ id: 'c1', name: 'taffrail-local-loki', running: true, networks: ['stores'], owner: 'aa11' }],
  networks: [{ id: 'n1', name: 'taffrail-local-stores', used: true, owner: 'aa11' }],
  volumes: ['taffrail-local-loki-data', 'somebody-elses'],
  allNetworks: new Set(['n1', 'bridge']),
  allContainers: new Set(['c1', 'x']),
};
const helper = {
  id: 'h1',
  name: 'taffrail-local-loki-files',
  running: true,
  helper: true,
  networks: [],
  owner: 'aa11',
};
const nothing = { orphanContainers: [], orphanNetworks: [], helpers: [], cutOff: [], refresh: [] };

describe('the repair before `up` (3.5)', () => {
  it('does nothing where engine and state agree', () => {
    expect(planRepair(state, present)).toEqual(nothing);
  });

  it('removes labelled containers and networks that are in no state, and never a volume', () => {
    const plan = planRepair(stateOf(volume), {
      ...present,
      volumes: [...present.volumes, 'taffrail-local-orphan'],
    });
    expect(plan.orphanContainers.map(({ id }) => id)).toEqual(['c1']);
    expect(plan.orphanNetworks.map(({ id }) => id)).toEqual(['n1']);
    expect(JSON.stringify(plan)).not.toContain('orphan"');
  });

  it('makes anew what runs without a network of its own, and leaves what has them all, more, or never had one', () => {
    const on = (...names: string[]) => ({ inputs: { networksAdvanced: names.map((name) => ({ name })) } });
    const plan = (wanted: Partial<StateResource>, networks: string[], running = true) =>
      planRepair(stateOf(network, volume, container('loki', 'c1', wanted)), {
        ...present,
        containers: [{ id: 'c1', name: 'taffrail-local-loki', running, networks, owner: 'aa11' }],
      });
    const cut = plan(on('stores', 'front'), ['stores']);
    expect(cut.cutOff.map(({ id }) => id)).toEqual(['c1']);
    expect(cut.refresh).toEqual(['taffrail-local-loki has lost a network']);
    expect(plan(on('stores'), ['stores', 'by-hand'])).toEqual(nothing);
    expect(plan({ inputs: { networkMode: 'container:x' } }, [])).toEqual(nothing);
    // One that is stopped is started anyway, and the engine says what it lacks.
    expect(plan(on('stores'), [], false).cutOff).toEqual([]);
  });

  it('never removes what another state made, or nobody knows who', () => {
    const others = (by: string | undefined): Present => ({
      ...present,
      containers: present.containers.map((one) => ({ ...one, owner: by })),
      networks: present.networks.map((one) => ({ ...one, owner: by })),
    });
    for (const by of ['bb22', undefined]) {
      const plan = planRepair(stateOf(volume), others(by));
      expect([plan.orphanContainers, plan.orphanNetworks]).toEqual([[], []]);
    }
    const noOwner: Deployment = { version: 3, deployment: { resources: [volume] } };
    expect(planRepair(noOwner, others(undefined)).orphanContainers).toEqual([]);
  });

  it('refreshes for pending operations, for what is gone, and for a service that does not run', () => {
    const pending: Deployment = {
      version: 3,
      deployment: {
        ...state.deployment,
        pending_operations: [{ resource: container('grafana', ''), type: 'creating' }],
      },
    };
    expect(planRepair(pending, present).refresh).toEqual(['creating grafana']);
    expect(planRepair(state, { ...present, allNetworks: new Set() }).refresh).toEqual(['stores is gone']);
    expect(planRepair(state, { ...present, volumes: [] }).refresh).toEqual(['loki-data is gone']);
    expect(planRepair(state, { ...present, containers: [], allContainers: new Set(['x']) }).refresh).toEqual([
      'loki is gone',
    ]);
    const stopped = present.containers.map((one) => ({ ...one, running: false }));
    expect(planRepair(state, { ...present, containers: stopped }).refresh).toEqual(['loki does not run']);
  });

  it('finds helpers of interrupted jobs, running or not; none is a service, and none of another state', () => {
    const plan = (one: Present['containers'][number]) =>
      planRepair(state, { ...present, containers: [...present.containers, one] });
    expect(plan(helper)).toEqual({ ...nothing, helpers: [helper] });
    expect(plan({ ...helper, running: false }).helpers).toHaveLength(1);
    expect(plan({ ...helper, owner: 'bb22' })).toEqual(nothing);
  });

  it('leaves to Pulumi what it has deleted and not made again yet', () => {
    const failed = stateOf(network, volume, container('loki', 'c0', { pendingReplacement: true }));
    expect(planRepair(failed, { ...present, containers: [] })).toEqual(nothing);
  });

  it('survives a state with nothing in it', () => {
    const empty: Deployment = { version: 3, deployment: {} };
    expect(planRepair(empty, { ...present, containers: [], networks: [] })).toEqual(nothing);
  });
});

it('tells where a stack lives, and when that is the same place by another name', () => {
  const provider = {
    ...other('pulumi:providers:docker', 'host', 'p'),
    inputs: { host: 'ssh://root@vps' },
  };
  expect(hostOf(stateOf(provider))).toBeUndefined(); // nothing is there yet
  expect(hostOf(stateOf(provider, network))).toBe('ssh://root@vps');
  expect(hostOf(stateOf({ ...provider, inputs: {} }, network))).toBe('unix:///var/run/docker.sock');
  expect(sameHost('unix:///var/run/docker.sock', 'unix:///run/docker.sock')).toBe(true);
  expect(sameHost('ssh://root@vps/', 'ssh://root@vps')).toBe(true);
  expect(sameHost('ssh://root@vps', 'ssh://root@other')).toBe(false);
  expect(movedWords('prod', 'ssh://a', 'ssh://b')).toMatch(
    /lives on ssh:\/\/a[^]*config set -s prod taffrail:dockerHost ssh:\/\/a[^]*npm run down -- -s prod/,
  );
});

it('stops when the state lives on another engine, unless that is the same one by a new name', async () => {
  const provider = { ...other('pulumi:providers:docker', 'host', 'p'), inputs: { host: 'ssh://old' } };
  const moved = stateOf(provider, network, container('loki', 'c1'));
  const engine = (address: string, containers: string[]) => {
    const docker = {
      listContainers: () => Promise.resolve(containers.map((Id) => ({ Id }))),
      listNetworks: () => Promise.resolve([{ Id: 'bridge' }]),
    };
    return { docker, address, socket: undefined, close: () => undefined } as unknown as Engine;
  };
  await expect(refuseMoved(engine('ssh://new', ['x']), 'local', moved)).rejects.toThrow(
    /lives on ssh:\/\/old/,
  );
  await refuseMoved(engine('ssh://new', ['c1']), 'local', moved);
  await refuseMoved(engine('ssh://old', []), 'local', moved);
  await refuseMoved(engine('ssh://new', []), 'local', stateOf(provider));
});

it('what is in no state of a shared backend is named, each kind with its line, and left alone', async () => {
  const labels = { 'dev.taffrail.stack': 'prod', 'dev.taffrail.owner': 'aa11' };
  const lists = {
    listContainers: () =>
      Promise.resolve([
        { Id: 'c9', Names: ['/p-old'], State: 'running', Labels: labels, NetworkSettings: { Networks: {} } },
      ]),
    listNetworks: () => Promise.resolve([{ Id: 'n9', Name: 'p-front', Labels: labels }]),
    listVolumes: () => Promise.resolve({ Volumes: null }),
    getNetwork: () => ({ inspect: () => Promise.resolve({ Containers: {} }) }),
  };
  const repaired = (docker: object) =>
    repair({ docker } as unknown as Engine, { name: 'prod' } as unknown as Stack, stateOf(), {
      mayRemove: false,
      say: () => undefined,
      refresh: () => Promise.reject(new Error('not asked for')),
    });
  await expect(repaired(lists)).rejects.toThrow(
    /p-old, p-front\.\n.*\n {2}docker rm -f p-old\n {2}docker network rm p-front$/,
  );
  const networksOnly = { ...lists, listContainers: () => Promise.resolve([]) };
  await expect(repaired(networksOnly)).rejects.toThrow(
    /working on this stack:\n {2}docker network rm p-front$/,
  );
});

describe('after a run that was killed while a job was at work', () => {
  const lists = (removed: string[]) => ({
    listContainers: () =>
      Promise.resolve([
        {
          Id: 'h1',
          Names: ['/taffrail-prod-loki-files'],
          State: 'running',
          Labels: {
            'dev.taffrail.stack': 'prod',
            'dev.taffrail.owner': 'aa11',
            'dev.taffrail.job': 'loki-files',
          },
          NetworkSettings: { Networks: {} },
        },
      ]),
    listNetworks: () => Promise.resolve([]),
    listVolumes: () => Promise.resolve({ Volumes: null }),
    getContainer: (id: string) => ({
      remove: () => {
        removed.push(id);
        return Promise.resolve();
      },
    }),
  });
  const pending = (...resources: StateResource[]): Deployment => ({
    version: 3,
    deployment: {
      resources: [owner, ...resources],
      pending_operations: [
        { type: 'updating', resource: job('loki-reload') },
        { type: 'creating', resource: job('grafana-files') },
        { type: 'creating', resource: container('grafana', '') },
      ],
    },
  });
  const run = async (mayRemove: boolean, before: Deployment, after: Deployment) => {
    const [removed, said]: [string[], string[]] = [[], []];
    const { replace } = await repair(
      { docker: lists(removed) } as unknown as Engine,
      { name: 'prod' } as unknown as Stack,
      before,
      { mayRemove, say: (words) => said.push(words), refresh: () => Promise.resolve(after) },
    );
    return { removed, said, replace };
  };

  it('removes its helper, and repeats it where the state still has it: Pulumi refuses URNs it does not know', async () => {
    const { removed, said, replace } = await run(
      true,
      pending(job('loki-reload')),
      stateOf(job('loki-reload')),
    );
    expect(removed).toEqual(['h1']);
    expect(said).toEqual([
      'repair: removing the helper taffrail-prod-loki-files of an interrupted run',
      'repair: comparing the state with the engine, because updating loki-reload, creating grafana-files, creating grafana',
      'repair: loki-reload was interrupted and runs again',
    ]);
    expect(replace).toEqual([urn('command:local:Command', 'loki-reload')]);
  });

  it('repeats no job without that', async () => {
    expect((await run(true, stateOf(job('loki-reload')), stateOf())).replace).toEqual([]);
  });

  it('leaves helpers alone where they may be somebody else’s work: their jobs remove them', async () => {
    const { removed, said } = await run(false, stateOf(), stateOf());
    expect([removed, said]).toEqual([[], []]);
  });
});

it('`down` knows what is protected and which images were pulled', () => {
  expect(protectedResources(state)).toEqual(['loki-data']);
  const image = {
    ...other('docker:index/remoteImage:RemoteImage', 'loki-image', 'i'),
    outputs: { name: 'grafana/loki:3.7.8' },
  };
  expect(imageNames(stateOf(image, image))).toEqual(['grafana/loki:3.7.8']);
});
