import { readFileSync } from 'node:fs';
import type Docker from 'dockerode';
import { beforeAll, describe, expect, it } from 'vitest';
import { imageTag } from '../../../configs/images.ts';
import { containersOf, docker, exec, inspect, nameOf } from '../lib/engine.ts';
import { a, b, ensureStacks, ports, record, stacks } from '../lib/stacks.ts';

beforeAll(async () => {
  await ensureStacks();
});

const apps = ['bot', 'hello'];

/** What every long-running container promises; each complaint names the container. */
async function complaints(container: string): Promise<string[]> {
  const { Config, HostConfig, State } = await inspect(container);
  const host: Partial<Docker.HostConfig> = HostConfig;
  const {
    CapDrop: dropped,
    SecurityOpt: security,
    Ulimits: limits,
  } = host as Record<string, string[] | null>;
  // What the stack watches goes before what watches.
  const isApp = apps.includes(Config.Labels['com.docker.compose.service'] ?? '');
  const checks: [string, boolean][] = [
    ['is not running', State.Running],
    ['is not healthy', State.Health === undefined || State.Health.Status === 'healthy'],
    ['may write to its root file system', host.ReadonlyRootfs === true],
    ['keeps capabilities', (dropped ?? []).includes('ALL')],
    ['may gain privileges', (security ?? []).includes('no-new-privileges=true')],
    ['does not yield the processor', host.CpuShares === (isApp ? 1024 : 512)],
    ['is privileged', !host.Privileged],
    ['has no memory limit', (host.Memory ?? 0) > 0],
    ['may swap', host.Memory === host.MemorySwap],
    ['does not rotate its log', /"max-size"/.test(JSON.stringify(host.LogConfig))],
    ['has no init', host.Init === true],
    ['has no restart policy', host.RestartPolicy?.Name === 'unless-stopped'],
    ['has no compose labels', Config.Labels['com.docker.compose.service'] !== undefined],
    ['has no user', /^\d+(:\d+)?$/.test(Config.User)],
    ['has no ulimits', (limits ?? []).length > 0],
  ];
  return checks.flatMap(([words, good]) => (good ? [] : [`${container} ${words}`]));
}

/** What of a stack is no service that runs. */
const leftovers = async (stack: string): Promise<string[]> =>
  (await containersOf(stack)).flatMap((container) => {
    const { State, Labels } = container;
    const job = Labels['dev.taffrail.job'];
    return State === 'running' && job === undefined
      ? []
      : [`${nameOf(container)} ${State}, of the job ${job ?? '(none)'}`];
  });

describe('two stacks side by side', () => {
  it('3.12 3.22: come up from nothing', () => {
    for (const { name } of stacks) {
      const up = record()?.up[name];
      expect(up?.code, up?.output).toBe(0);
      expect(up?.changes['create']).toBeGreaterThan(60);
    }
  });

  it('3.14: leaves running services only: no helper of a job, and nothing that has ended', async () => {
    for (const { name } of stacks) expect(await leftovers(name)).toEqual([]);
    // The control: it sees a helper, in whatever state.
    const helper = await docker.createContainer({
      Image: imageTag('tools'),
      Labels: {
        'dev.taffrail.e2e': '1',
        'dev.taffrail.stack': a.name,
        'dev.taffrail.job': 'loki-files',
      },
    });
    try {
      expect(await leftovers(a.name)).toEqual([expect.stringMatching(/ created, of the job loki-files$/)]);
    } finally {
      await helper.remove();
    }
  });

  it('3.13: every service is hardened, limited and labelled', async () => {
    for (const { name, project } of stacks) {
      const services = await containersOf(name);
      expect(services.length).toBeGreaterThan(6);
      const found = (await Promise.all(services.map((service) => complaints(nameOf(service))))).flat();
      expect(found).toEqual([]);
      expect(new Set(services.map(({ Labels }) => Labels['com.docker.compose.project']))).toEqual(
        new Set([project]),
      );
    }
  });

  it('3.13: the check for hardening sees a container that is not', async () => {
    const plain = await docker.createContainer({
      Image: imageTag('tools'),
      Labels: { 'dev.taffrail.e2e': '1' },
    });
    try {
      expect((await complaints(plain.id)).length).toBeGreaterThan(10);
    } finally {
      await plain.remove({ force: true, v: true });
    }
  });

  it('3.13: root only where the reason is documented, and then without capabilities', async () => {
    const allowed = ['promtail', 'socket-proxy'];
    for (const { name, project } of stacks) {
      const services = await containersOf(name);
      const details = await Promise.all(services.map((service) => inspect(nameOf(service))));
      const root = details
        .filter(({ Config }) => /^0(:|$)/.test(Config.User))
        .map(({ Name }) => Name.slice(project.length + 2));
      expect(root.filter((service) => !allowed.includes(service))).toEqual([]);
      const capable = details
        .filter(({ HostConfig }) => ((HostConfig.CapAdd as string[] | null) ?? []).length > 0)
        .map(({ Name }) => Name);
      expect(capable).toEqual([]);
    }
  });

  it('3.15: one container has the Docker socket, and nobody has the host', async () => {
    for (const { name, project } of stacks) {
      const details = await Promise.all(
        (await containersOf(name)).map((container) => inspect(nameOf(container))),
      );
      const holds = (path: RegExp) =>
        details
          .filter(({ Mounts }) => Mounts.some(({ Source }) => path.test(Source)))
          .map(({ Name }) => Name.slice(1));
      expect(holds(/docker\.sock$/)).toEqual([`${project}-socket-proxy`]);
      // node_exporter has to see the host's root to say how full it is, as a user who may not open the socket there.
      expect(holds(/^\/(var\/)?(run|var)?$/)).toEqual([`${project}-node-exporter`]);
      const inExporter = (script: string) => exec(`${project}-node-exporter`, ['sh', '-c', script]);
      const find = 'find /host/root/run /host/root/var/run/ -maxdepth 2 -name docker.sock';
      // There is one to be tried.
      expect((await inExporter(find)).stdout).toMatch(/\/docker\.sock$/m);
      const writable = await inExporter(`for s in $(${find}); do [ -w $s ] && echo $s; done`);
      expect(writable.stdout).toBe('');
      expect(
        details.filter(({ HostConfig }) => HostConfig.NetworkMode === 'host').map(({ Name }) => Name),
      ).toEqual([]);
    }
  });

  it('3.18: nothing of one stack is the other’s', async () => {
    const used = await Promise.all(
      stacks.map(async ({ name }) => {
        const details = await Promise.all(
          (await containersOf(name)).map((container) => inspect(nameOf(container))),
        );
        return new Set(
          details.flatMap(({ Name, NetworkSettings, Mounts }) => [
            Name,
            ...Object.keys(NetworkSettings.Networks).filter(
              (network) => !/^(none|bridge)$|^container:/.test(network),
            ),
            ...Mounts.flatMap((mount) => (mount.Type === 'volume' ? [mount.Name ?? ''] : [])),
          ]),
        );
      }),
    );
    const [first = new Set(), second = new Set()] = used;
    expect([...first].filter((thing) => second.has(thing))).toEqual([]);
    expect(first.size).toBeGreaterThan(20);
  });

  it('S9 3.16: published are Grafana and CloudBeaver, on loopback by default', async () => {
    const published = async (name: string) =>
      (await containersOf(name)).flatMap((container) =>
        container.Ports.filter(({ PublicPort }) => PublicPort).map(
          ({ IP, PublicPort }) => `${IP}:${String(PublicPort)}`,
        ),
      );
    const { grafana, cloudbeaver } = ports[a.name] ?? {};
    expect((await published(a.name)).sort()).toEqual([
      `127.0.0.1:${String(grafana)}`,
      `127.0.0.1:${String(cloudbeaver)}`,
    ]);
    expect(await published(b.name)).toHaveLength(2);
  });

  it('A2: the workloads stand on the pinned tools image', () => {
    for (const workload of ['bot', 'counter']) {
      const file = readFileSync(new URL(`../../workloads/${workload}/Dockerfile`, import.meta.url), 'utf8');
      expect(file).toContain(`FROM ${imageTag('tools')}\n`);
    }
  });
});
