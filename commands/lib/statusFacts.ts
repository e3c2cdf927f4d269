import type Docker from 'dockerode';
import { type Engine, isHelper, label, labelled } from './engine.ts';
import type { PublishedPort } from './stackSettings.ts';

export interface ServiceStatus {
  name: string;
  /** `running`, `exited`, `restarting`, … */
  state: string;
  /** `healthy`, `unhealthy`, `starting`; undefined where there is no healthcheck. */
  health?: string | undefined;
  /** The start, or of a stopped one the end; ISO 8601. */
  since: string;
  restarts: number;
  exitCode: number;
  oomKilled: boolean;
  /** Bytes of the working set, and the limit; undefined when it does not run. */
  memory?: number | undefined;
  limit?: number | undefined;
}

export interface StackStatus {
  stack: string;
  address: string;
  engineVersion: string;
  services: ServiceStatus[];
  /** Bytes; undefined where the engine does not know. */
  volumes: { name: string; size: number | undefined }[];
  addresses: { name: string; address: string; port: number }[];
}

/** What runs of a stack, how healthy and how full. Changes nothing. */
export async function lookAtStack(
  engine: Engine,
  stack: string,
  published: readonly PublishedPort[],
): Promise<StackStatus> {
  const project = `taffrail-${stack}`;
  const [{ containers, volumes }, version, usage] = await Promise.all([
    labelled(engine, stack),
    engine.docker.version(),
    engine.docker.df() as Promise<{ Volumes?: VolumeUsage[] | null }>,
  ]);
  const sizes = new Map((usage.Volumes ?? []).map(({ Name, UsageData }) => [Name, UsageData?.Size]));
  const services = await Promise.all(
    containers.filter((one) => !isHelper(one)).map((one) => serviceStatus(engine, one)),
  );
  const short = (name: string) => name.replace(`${project}-`, '');
  return {
    stack,
    address: engine.address,
    engineVersion: version.Version,
    services: services.sort((a, b) => a.name.localeCompare(b.name)),
    volumes: volumes
      // Pulumi adds a random end to the name of a volume that is no data.
      .map(({ Name, Labels }) => ({
        name: labelsOf(Labels)[label.volume] ?? short(Name),
        size: sizes.get(Name),
      }))
      .sort((a, b) => (b.size ?? 0) - (a.size ?? 0)),
    addresses: published.map(({ setting, address, port }) => ({
      name: setting.replace(/(\.publish)?\.port$/, ''),
      address,
      port,
    })),
  };
}

/** The engine says null for none, whatever the type says. */
const labelsOf = (labels: Record<string, string> | null): Record<string, string> => labels ?? {};

/** The services of a stack that run, by name. */
export async function runningServices(engine: Engine, stack: string): Promise<string[]> {
  const { containers } = await labelled(engine, stack);
  return containers
    .filter((one) => !isHelper(one) && one.State === 'running')
    .map(({ Labels, Id }) => Labels[label.service] ?? Id.slice(0, 12))
    .sort();
}

interface VolumeUsage {
  Name: string;
  UsageData?: { Size: number } | null;
}

async function serviceStatus(engine: Engine, one: Docker.ContainerInfo): Promise<ServiceStatus> {
  const container = engine.docker.getContainer(one.Id);
  const seen = await container.inspect();
  const { State: state } = seen;
  const status: ServiceStatus = {
    name: one.Labels[label.service] ?? one.Names[0] ?? one.Id,
    state: state.Status,
    health: state.Health?.Status,
    since: state.Running ? state.StartedAt : state.FinishedAt,
    restarts: seen.RestartCount,
    exitCode: state.ExitCode,
    oomKilled: state.OOMKilled,
  };
  if (state.Running) {
    const { memory_stats: memory } = await container.stats({ stream: false, 'one-shot': true });
    // As the Docker CLI counts: what can be dropped at once is not used. cgroup v2 and v1 name it differently.
    const stats = memory.stats as unknown as Record<string, number> | undefined;
    const droppable = stats?.['inactive_file'] ?? stats?.['total_inactive_file'] ?? 0;
    status.memory = Math.max(0, memory.usage - droppable);
    status.limit = seen.HostConfig.Memory || undefined;
  }
  return status;
}
