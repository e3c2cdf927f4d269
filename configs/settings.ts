import { dirname } from 'node:path';
import * as pulumi from '@pulumi/pulumi';
import { z } from 'zod';
import { appSettings } from './apps/settings.ts';
import { cloudbeaverSettings } from './cloudbeaver/settings.ts';
import { externalDatabase, postgresSettings, redisSettings } from './databases/settings.ts';
import {
  blackboxExporterSettings,
  type CadvisorSettings,
  cadvisorSettings,
  nodeExporterSettings,
  postgresExporterSettings,
  redisExporterSettings,
} from './exporters/settings.ts';
import { readFolder } from './extra.ts';
import type { Files } from './files.ts';
import { grafanaSettings } from './grafana/settings.ts';
import { lokiSettings } from './loki/settings.ts';
import { contradictions, warnings } from './contradictions.ts';
import { readExtra } from './checks/extra.ts';
import { MistakesError, mistakesOf, soundPart } from './mistakes.ts';
import { prometheusSettings } from './prometheus/settings.ts';
import { collectorSettings, promtailSettings } from './promtail/settings.ts';
import { socketProxySettings } from './socketProxy/settings.ts';
import { flag, list, name, size, text } from './schema.ts';
import { encryptedSettings, nameMistakes, secretMistakes } from './checks/keys.ts';

// The only reader of Pulumi configuration. Everything below it gets plain values.

const joinedNetwork = z.strictObject({
  name: text('An external Docker network that exists already.', 'shop_default'),
  alias: name('The name by which Prometheus, Grafana or Loki answers there.', 'taffrail').optional(),
  attach: z
    .array(z.enum(['grafana', 'prometheus', 'loki']))
    .min(1)
    .default(['prometheus'])
    .meta({
      description: 'Who joins it.',
      example: 'prometheus',
      wanted: 'a list of grafana, prometheus, loki',
    }),
});

export const schema = z.strictObject({
  host: text(
    'The name of the host: the label `host` of every log line, and `instance` of the metrics of the host and its containers. Metrics have the label `host` only where they leave Prometheus: in alerts and federation. Default: the name of the stack.',
    'vps-1',
  ).optional(),
  production: flag('Marks a stack whose volumes are protected from deletion.').default(false),
  memory: size(
    'What the whole stack may take: the sum of the memory limits is checked against it.',
    '2GiB',
  ).optional(),
  dockerHost: z
    .string()
    .regex(/^(unix|ssh):\/\/.+/)
    .optional()
    .meta({
      description: "The Docker host. Default: `DOCKER_HOST`, or this machine's engine.",
      example: 'ssh://root@vps.example.com',
      wanted: 'an address that starts with ssh:// or unix://',
    }),
  registryMirror: z
    .union([z.string().min(1), z.record(z.string(), z.string().min(1))])
    .optional()
    .meta({
      description:
        'Where images come from instead: one registry that stands for Docker Hub, or a map of registries (`docker.io`, `ghcr.io`) to their mirrors.',
      example: 'registry.example.com/hub',
      wanted: 'a registry like registry.example.com/hub, or a map like {docker.io: ..., ghcr.io: ...}',
    }),
  networks: list(
    joinedNetwork,
    'External networks that are joined. A network may be listed once for each alias.',
  ),
  collector: part(collectorSettings, 'Whose log lines are collected, and what becomes of their fields.'),
  socketProxy: part(
    socketProxySettings,
    'The filtering proxy of the Docker socket; runs while Promtail or cAdvisor does.',
  ),
  loki: part(lokiSettings, 'The store of log lines.'),
  promtail: part(promtailSettings, 'Collects the log lines of containers.'),
  prometheus: part(prometheusSettings, 'The store of metrics.'),
  grafana: part(grafanaSettings, 'Dashboards, and the explorer of logs and metrics.'),
  cloudbeaver: part(cloudbeaverSettings, 'Database administration in the browser.'),
  nodeExporter: part(nodeExporterSettings, 'Metrics of the host.'),
  cadvisor: part(cadvisorSettings, 'Metrics of the containers.'),
  postgresExporter: part(postgresExporterSettings, 'Metrics of each Postgres; runs where there is one.'),
  redisExporter: part(redisExporterSettings, 'Metrics of each Redis; runs where there is one.'),
  blackboxExporter: part(blackboxExporterSettings, 'Asks addresses from outside and measures their answers.'),
  postgres: part(postgresSettings, 'A Postgres that Taffrail runs.'),
  redis: part(redisSettings, 'A Redis that Taffrail runs.'),
  databases: z
    .record(z.string().regex(/^[a-z][a-z0-9-]{0,30}$/), externalDatabase)
    .default({})
    .meta({
      description: "The team's own Postgres and Redis, by a name of yours.",
      wanted: 'a name of small letters, digits and -',
    }),
  apps: z
    .record(z.string().regex(/^[a-z][a-z0-9_-]{0,40}$/), appSettings)
    .default({})
    .meta({
      description: 'Workloads that Taffrail runs itself, by name.',
      wanted: 'a name of small letters, digits, - and _',
    }),
  extra: text(
    'A folder with own rules (`rules/*.yml`) and dashboards (`dashboards/*.json`).',
    'extra',
  ).optional(),
});

function part<T extends z.ZodType>(settings: T, description: string) {
  return settings.prefault({} as z.input<T> & {}).meta({ description });
}

/** What the schema alone gives. */
export type Parsed = z.output<typeof schema>;

export type Settings = Parsed & {
  cadvisor: CadvisorSettings;
  stack: string;
  /** The compose project of everything Taffrail makes: `taffrail-<stack>`. */
  project: string;
  host: string;
  /** The socket of the Docker engine, on its own host. */
  dockerSocket: string;
  /** Files of the folder `extra`, by path below it. */
  extraFiles: Files;
};

/** What is read: the raw configuration, and what surrounds it. */
export interface Source {
  stack: string;
  /** Keys without the project's prefix; values as Pulumi gives them: text, or JSON of a structure. */
  config: Readonly<Record<string, string>>;
  /** Keys that are stored encrypted, or hold something that is. */
  secretKeys: ReadonlySet<string>;
  /** Whole keys of other prefixes, among which a misspelt `taffrail:` may be. */
  otherKeys?: readonly string[];
  /** The value of DOCKER_HOST. */
  dockerHost?: string | undefined;
  /** The day, in UTC as Loki counts its periods: `2026-11-22`. Default: the clock's. */
  today?: string;
  /** Reads a folder; undefined when it is not there. */
  readFolder: (path: string) => Files | undefined;
}

/**
 * Plain, validated settings. Throws one `MistakesError` with every mistake of the file.
 * Pure, but for `source.readFolder` and the clock.
 */
export function parseSettings(source: Source): Settings {
  const { stack, config, today = new Date().toISOString().slice(0, 10) } = source;
  const settingKeys = Object.keys(schema.shape);
  const given = Object.fromEntries(
    Object.entries(config)
      .filter(([key]) => settingKeys.includes(key))
      .map(([key, value]) => [key, plain(value)]),
  );
  const parsed = schema.safeParse(given);
  const encrypted = new Set(settingKeys.filter((key) => source.secretKeys.has(key)));
  const wrong = parsed.success ? [] : mistakesOf(parsed.error, schema, given, stack);
  const mistakes = [
    ...nameMistakes(source),
    ...encryptedSettings(source, schema, given, encrypted),
    // What stands in an encrypted setting is not talked about.
    ...wrong.filter(({ path }) => !encrypted.has(/^\w+/.exec(path)?.[0] ?? '')),
    ...secretMistakes(source, schema, given, encrypted).filter(
      ({ path }) => !wrong.some((other) => other.path === path),
    ),
  ];
  const secrets = Object.fromEntries(Object.entries(config).filter(([key]) => source.secretKeys.has(key)));
  let extraFiles: Files = {};
  // What is sound is judged further, so that all mistakes are told at once.
  const sound = parsed.success ? parsed : schema.safeParse(soundPart(parsed.error, given));
  if (sound.success) {
    const extra = readExtra(sound.data.extra, source.readFolder);
    extraFiles = extra.files;
    const topKeys = wrong.map(({ path }) => /^\w+/.exec(path)?.[0] ?? '');
    mistakes.push(
      ...extra.mistakes,
      ...contradictions(
        sound.data,
        { stack, given, secrets, today, extraFiles },
        new Set([...topKeys, ...encrypted]),
      ),
    );
  }
  if (!parsed.success || mistakes.length > 0) throw new MistakesError(stack, mistakes);

  const dockerHost = parsed.data.dockerHost ?? source.dockerHost;
  const usual = '/var/run/docker.sock';
  const dockerSocket = dockerHost?.startsWith('unix://') ? dockerHost.slice('unix://'.length) : usual;
  const settings = followed(parsed.data);
  return {
    ...settings,
    stack,
    project: `taffrail-${stack}`,
    host: settings.host ?? stack,
    dockerSocket,
    cadvisor: {
      ...settings.cadvisor,
      containerd:
        settings.cadvisor.containerd ??
        ([usual, '/run/docker.sock'].includes(dockerSocket) ? '/run/containerd' : dirname(dockerSocket)),
    },
    extraFiles,
  };
}

/** What depends on something that is switched off is off as well (S1). */
function followed(settings: z.output<typeof schema>): z.output<typeof schema> {
  const kinds = new Set(Object.values(settings.databases).map(({ kind }) => kind));
  const { prometheus, promtail, loki } = settings;
  const only = <T extends { enabled: boolean }>(part: T, ...when: boolean[]): T => ({
    ...part,
    enabled: part.enabled && when.every(Boolean),
  });
  return {
    ...settings,
    promtail: only(promtail, loki.enabled),
    nodeExporter: only(settings.nodeExporter, prometheus.enabled),
    cadvisor: only(settings.cadvisor, prometheus.enabled),
    blackboxExporter: only(settings.blackboxExporter, prometheus.enabled),
    postgresExporter: only(
      settings.postgresExporter,
      prometheus.enabled,
      settings.postgres.enabled || kinds.has('postgres'),
    ),
    redisExporter: only(
      settings.redisExporter,
      prometheus.enabled,
      settings.redis.enabled || kinds.has('redis'),
    ),
  };
}

/** Reads this stack's configuration. Secrets come as Outputs, by the name of their key. */
export function readSettings(): {
  settings: Settings;
  /** The secret of that name; nothing where no name is given. */
  given: (name: string | undefined) => pulumi.Output<string> | undefined;
} {
  const config = new pulumi.Config();
  const prefix = `${pulumi.getProject()}:`;
  const raw: Record<string, string> = {};
  const secretKeys = new Set<string>();
  const otherKeys: string[] = [];
  for (const [key, value] of Object.entries(pulumi.runtime.allConfig())) {
    if (!key.startsWith(prefix)) {
      otherKeys.push(key);
      continue;
    }
    raw[key.slice(prefix.length)] = value;
    if (isConfigSecret(key)) secretKeys.add(key.slice(prefix.length));
  }
  try {
    const settings = parseSettings({
      stack: pulumi.getStack(),
      config: raw,
      secretKeys,
      otherKeys,
      dockerHost: process.env['DOCKER_HOST'],
      readFolder,
    });
    for (const warning of warnings(settings)) void pulumi.log.warn(warning);
    return {
      settings,
      given: (name) => (name === undefined ? undefined : config.requireSecret(name)),
    };
  } catch (error) {
    if (error instanceof MistakesError) throw new pulumi.RunError(error.message);
    throw error;
  }
}

// The SDK has it, but not in its published types: the only way to tell a secret from clear text.
const { isConfigSecret } = pulumi.runtime as unknown as { isConfigSecret: (key: string) => boolean };

/** Pulumi hands over structures as JSON and everything else as text. */
function plain(value: string): unknown {
  if (/^(true|false)$|^[[{]/.test(value)) {
    try {
      return JSON.parse(value) as unknown;
    } catch {
      return value;
    }
  }
  return value;
}
