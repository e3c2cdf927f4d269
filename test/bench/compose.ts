import type { ContainerInspectInfo } from 'dockerode';

// What a running stack would be as a compose project: the same images, limits, hardening, health checks and mounts.

/** As much of a compose file as is written here. */
export interface Compose {
  name: string;
  services: Record<string, Record<string, unknown>>;
  networks: Record<string, Record<string, unknown>>;
  volumes: Record<string, Record<string, unknown>>;
}

/**
 * @param containers inspected
 * @param prepared volumes with files in them, by the name of the stack's own volume: they stay from run to run
 * @param internal networks that reach nothing outside
 */
export function composeOf(
  name: string,
  containers: readonly ContainerInspectInfo[],
  prepared: ReadonlyMap<string, string>,
  internal: ReadonlySet<string>,
): Compose {
  const services = Object.fromEntries(containers.map((one) => [serviceName(one), serviceOf(one, prepared)]));
  const networks = new Set(containers.flatMap((one) => Object.keys(one.NetworkSettings.Networks)));
  const volumes = new Set(
    containers.flatMap((one) =>
      one.Mounts.flatMap((mount) => (mount.Type === 'volume' ? (mount.Name ?? []) : [])),
    ),
  );
  return {
    name,
    services,
    networks: Object.fromEntries(
      [...networks].map((network) => [network, { internal: internal.has(network) }]),
    ),
    volumes: Object.fromEntries(
      [...volumes].map((volume) => {
        const ready = prepared.get(volume);
        return [volume, ready === undefined ? {} : { external: true, name: ready }];
      }),
    ),
  };
}

const serviceName = ({ Config }: ContainerInspectInfo): string =>
  Config.Labels['com.docker.compose.service'] ?? '';

function serviceOf(
  { Config, HostConfig, Mounts, NetworkSettings, Image }: ContainerInspectInfo,
  prepared: ReadonlyMap<string, string>,
) {
  const { Healthcheck } = Config;
  const ports = Object.entries(
    (HostConfig.PortBindings ?? {}) as Record<string, { HostIp: string; HostPort: string }[]>,
  );
  return {
    image: Image,
    user: Config.User,
    ...(Config.Entrypoint && { entrypoint: escaped([Config.Entrypoint].flat()) }),
    command: escaped(Config.Cmd),
    environment: escaped(Config.Env),
    mem_limit: HostConfig.Memory,
    memswap_limit: HostConfig.MemorySwap,
    cpu_shares: HostConfig.CpuShares,
    read_only: HostConfig.ReadonlyRootfs,
    tmpfs: Object.entries((HostConfig.Tmpfs ?? {}) as Record<string, string>).map(
      ([path, options]) => `${path}:${options}`,
    ),
    cap_drop: HostConfig.CapDrop as unknown,
    security_opt: HostConfig.SecurityOpt as unknown,
    init: HostConfig.Init,
    restart: 'unless-stopped',
    stop_grace_period: `${(Config as { StopTimeout?: number }).StopTimeout ?? 10}s`,
    ulimits: Object.fromEntries(
      (HostConfig.Ulimits ?? []).map(({ Name = '', Soft, Hard }) => [Name, { soft: Soft, hard: Hard }]),
    ),
    logging: { driver: HostConfig.LogConfig?.Type, options: HostConfig.LogConfig?.Config as unknown },
    ...(Healthcheck?.Test && {
      healthcheck: {
        test: escaped(Healthcheck.Test),
        interval: seconds(Healthcheck.Interval),
        timeout: seconds(Healthcheck.Timeout),
        retries: Healthcheck.Retries,
        start_period: seconds(Healthcheck.StartPeriod),
        start_interval: seconds((Healthcheck as { StartInterval?: number }).StartInterval),
      },
    }),
    networks: Object.fromEntries(
      Object.entries(NetworkSettings.Networks).map(([network, { Aliases }]) => [
        network,
        { aliases: (Aliases as string[] | null) ?? [] },
      ]),
    ),
    volumes: Mounts.map(({ Type, Name, Source, Destination, RW, Propagation }) => ({
      type: Type,
      source: Type === 'volume' ? Name : Source,
      target: Destination,
      read_only: !RW,
      // A copied volume has all it needs.
      ...(Type === 'volume' && prepared.has(Name ?? '') && { volume: { nocopy: true } }),
      ...(Type === 'bind' &&
        Propagation !== '' &&
        Propagation !== 'rprivate' && { bind: { propagation: Propagation } }),
    })),
    ports: ports.flatMap(([target, bindings]) =>
      bindings.map(({ HostIp, HostPort }) => `${HostIp}:${HostPort}:${target.replace('/tcp', '')}`),
    ),
  };
}

/** Compose takes `$` for a variable of its own. */
const escaped = (words: readonly string[] | null | undefined): string[] =>
  (words ?? []).map((word) => word.replaceAll('$', '$$$$'));

const seconds = (nanoseconds: number | undefined): string => `${(nanoseconds ?? 0) / 1e9}s`;
