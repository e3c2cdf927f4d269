import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { imageKeys, imageRef, imageTag } from '../../../configs/images.ts';
import { docker } from './engine.ts';
import { canHaveNeighbour, makeNeighbour, neighbour } from './netns.ts';
import { copy, mirror, place } from './place.ts';
import { type Operation, Stack } from './stack.ts';
import { ensureTeam, team } from './team.ts';

/** System A: its bot, a Postgres and a Redis; every secret given. Published on loopback, as by default. */
export const a = new Stack('e2e-a');
/**
 * The rest: every secret of its own generated, published where a neighbour of the host can reach it, cAdvisor switched
 * off, beside a team's own network and database.
 */
export const b = new Stack('e2e-b');
export const stacks = [a, b];

export const ports = {
  [a.name]: { grafana: 23000, cloudbeaver: 28978 },
  [b.name]: { grafana: 23001, cloudbeaver: 28979 },
};
/** Where stack B publishes. */
export const addressOfB = canHaveNeighbour ? neighbour.host : '127.0.0.1';

const nameMirrored = async (): Promise<void> => {
  for (const key of imageKeys) {
    const [repo = '', tag = ''] = imageRef(key, undefined, mirror).split(/:(?=[^/]*$)/);
    if (repo.startsWith(mirror)) await docker.getImage(imageTag(key)).tag({ repo, tag });
  }
};

/** The folder of own rules and dashboards of a stack, as settings name it. */
export const extraOf = (stack: Stack): string => `.taffrail/extra-${stack.name}`;

/** Compose projects and labels whose lines stack A collects beside its own (S2). */
export const collected = { project: team.project, label: 'e2e.logs' };
const counter = readFileSync(new URL('../../workloads/counter/counter.sh', import.meta.url), 'utf8');
/** The counter's command on any image that has a shell. */
export const counterCommand = (lines: number, burst: number, service = ''): string[] => [
  'sh',
  '-c',
  counter,
  'counter',
  ...[String(lines), String(burst), service],
];

/** System A's own settings, as a person gets them. */
const systemA = Object.fromEntries(
  Object.entries(
    (
      parse(
        readFileSync(new URL('../../stacks/system-a/Pulumi.system-a.yaml', import.meta.url), 'utf8'),
      ) as Yaml
    ).config,
  ).map(([key, value]) => [key.replace('taffrail:', ''), value]),
);
interface Yaml {
  config: Record<string, Record<string, unknown> & { bot?: { secrets: Record<string, string> } }>;
}

/** System A beside other stacks: own ports and name, quick intervals, every secret given. */
const settingsOfA = {
  ...systemA,
  host: 'e2e-host-a',
  grafana: {
    ...systemA['grafana'],
    port: ports[a.name]?.grafana,
    adminPassword: 'grafanaAdminPassword',
    users: [{ login: 'anna', email: 'anna@example.com', password: 'annaPassword' }],
  },
  cloudbeaver: {
    ...systemA['cloudbeaver'],
    port: ports[a.name]?.cloudbeaver,
    adminPassword: 'cloudbeaverAdminPassword',
  },
  prometheus: {
    ...systemA['prometheus'],
    scrapeInterval: '5s',
    scrapeJobs: [
      { name: 'protected', targets: ['bot:8080'], username: 'metrics', password: 'protectedMetricsPassword' },
    ],
  },
  // One that is right, and one that cannot be.
  blackboxExporter: {
    probes: [
      { name: 'bot', url: 'http://bot:8080/metrics/index.txt', contains: 'bot_messages_total' },
      { name: 'nobody', url: 'http://bot:8080/nobody' },
    ],
  },
  promtail: { ...systemA['promtail'], refresh: '2s' },
  collector: {
    ...systemA['collector'],
    keep: [{ project: collected.project }, { label: collected.label, value: 'yes' }],
  },
  postgres: { ...systemA['postgres'], password: 'postgresPassword' },
  redis: { enabled: true, password: 'redisPassword' },
  extra: extraOf(a),
};
const botSecrets = Object.values(systemA['apps']?.bot?.secrets ?? {});
const secretNamesOfA = [
  ...['grafanaAdminPassword', 'annaPassword', 'cloudbeaverAdminPassword', 'protectedMetricsPassword'],
  ...['postgresPassword', 'redisPassword'],
  ...botSecrets.filter((name) => !name.includes('.')),
];

const settingsOfB = {
  host: 'e2e-host-b',
  registryMirror: mirror,
  // S4, B1: lines for hours, metrics for days.
  loki: { retention: '48h' },
  grafana: { port: ports[b.name]?.grafana, address: addressOfB },
  cloudbeaver: { port: ports[b.name]?.cloudbeaver, address: addressOfB },
  prometheus: { scrapeInterval: '5s' },
  promtail: { refresh: '2s' },
  cadvisor: { enabled: false },
  postgres: { enabled: true },
  // A2: an App of an image that is there already; A's bot is built. Not that of the jobs, of which no container stays.
  apps: {
    hello: {
      image: imageTag('redis'),
      command: ['sh', '-c', 'trap "exit 0" TERM; echo "hello, $NAME"; sleep 3600 & wait $!'],
      environment: { NAME: 'observer' },
    },
  },
  // S10, S3: a database that the team runs itself, and the team's network, on which Prometheus is `metrics`.
  databases: {
    team: {
      kind: 'postgres',
      host: 'db',
      network: team.network,
      database: team.database,
      adminUser: team.admin,
      adminPassword: 'teamAdminPassword',
      cloudbeaver: true,
    },
  },
  networks: [{ name: team.network, alias: 'metrics', attach: ['prometheus'] }],
  extra: extraOf(b),
};
const secretNamesOfB = ['teamAdminPassword'];

interface Record_ {
  /** The secrets that were given to either stack, by name. */
  secrets: Record<string, string>;
  up: Record<string, Operation>;
}
const recordFile = join(place, 'stacks.json');

/** The first `up` of both stacks; undefined before. */
export const record = (): Record_ | undefined =>
  existsSync(recordFile) ? (JSON.parse(readFileSync(recordFile, 'utf8')) as Record_) : undefined;
export const forget = (): void => {
  rmSync(recordFile, { force: true });
};

/** After a rotation: the new secrets under their names, the old ones beside them, for the search for secrets. */
export function rememberSecrets(changed: Record<string, string>): void {
  const known = record();
  if (!known) throw new Error('no stack is up');
  const old = Object.fromEntries(
    Object.keys(changed).map((name) => [`${name} before`, known.secrets[name] ?? '']),
  );
  writeFileSync(recordFile, JSON.stringify({ ...known, secrets: { ...known.secrets, ...old, ...changed } }), {
    mode: 0o600,
  });
}

/** Puts a file into a stack's folder `extra`; without content it is removed. */
export function extra(stack: Stack, file: string, content?: string): void {
  const path = join(copy, extraOf(stack), file);
  mkdirSync(join(path, '..'), { recursive: true });
  if (content === undefined) rmSync(path, { force: true });
  else writeFileSync(path, content);
}

/** Both stacks, side by side; made by the first test file that asks, whichever it is. */
export async function ensureStacks(): Promise<Record_> {
  const known = record();
  if (known) {
    const failed = Object.entries(known.up).find(([, { code }]) => code !== 0);
    if (failed) throw new Error(`the stack ${failed[0]} did not come up: see the first failure`);
    return known;
  }
  const canaries = (names: string[]) =>
    Object.fromEntries(names.map((name) => [name, `canary-${name}-${randomBytes(12).toString('hex')}`]));
  const [secretsOfA, secretsOfB] = [canaries(secretNamesOfA), canaries(secretNamesOfB)];
  const secrets = { ...secretsOfA, ...secretsOfB };
  if (canHaveNeighbour) await makeNeighbour();
  await Promise.all([ensureTeam(secretsOfB['teamAdminPassword'] ?? ''), nameMirrored()]);
  for (const stack of stacks) mkdirSync(join(copy, extraOf(stack)), { recursive: true });
  await Promise.all([a.init(settingsOfA, secretsOfA), b.init(settingsOfB, secretsOfB)]);
  const up = await Promise.all(stacks.map((stack) => stack.up()));
  const made: Record_ = {
    secrets,
    up: Object.fromEntries(stacks.map(({ name }, at) => [name, up[at] as Operation])),
  };
  writeFileSync(recordFile, JSON.stringify(made), { mode: 0o600 });
  const failures = up.flatMap(({ code, errors, output }, at) =>
    code === 0 ? [] : [`the first up of ${stacks[at]?.name ?? ''} failed:\n${errors || output.slice(-3000)}`],
  );
  if (failures.length > 0) throw new Error(failures.join('\n\n'));
  return made;
}
