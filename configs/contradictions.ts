import { appMistakes } from './checks/apps.ts';
import { isPublic, overlap } from './checks/addresses.ts';
import { memoryOverrun } from './checks/memory.ts';
import type { Files } from './files.ts';
import type { Mistake } from './mistakes.ts';
import {
  cloudbeaverMistakes,
  collectionMistakes,
  collectorMistakes,
  databaseMistakes,
  databaseNameMistakes,
  grafanaMistakes,
  periodMistakes,
  shownMistakes,
} from './checks/programs.ts';
import { appJobMistakes, probeMistakes, scrapeJobMistakes } from './checks/scrapeJobs.ts';
import type { Parsed } from './settings.ts';
import { newSecret, remove, set, type SettingPath, written } from './whatToType.ts';

// What one setting alone cannot show: settings that cannot stand together.

/** The shortest password accepted for Grafana and CloudBeaver (S8). */
export const shortestPassword = 20;

interface Written {
  stack: string;
  /** The secrets, by their keys. */
  secrets: Readonly<Record<string, string>>;
  /** What the file says, before defaults. */
  given: unknown;
  today: string;
  /** The files of the folder `extra`. */
  extraFiles: Files;
}

/** Each check, and the settings it reads: it is not made where one of those is wrong already. */
const checks: [(keyof Parsed)[], (settings: Parsed, written: Written) => Mistake[]][] = [
  [['grafana', 'cloudbeaver'], shortPasswords],
  [['grafana', 'cloudbeaver', 'prometheus', 'loki'], openAddresses],
  [['grafana', 'cloudbeaver', 'prometheus', 'loki'], portsTakenTwice],
  [['networks'], networkMistakes],
  [['loki', 'promtail'], collectionMistakes],
  [['cloudbeaver'], cloudbeaverMistakes],
  [['loki'], periodMistakes],
  [['apps', 'postgres', 'redis', 'databases'], appMistakes],
  [['collector'], collectorMistakes],
  [['databases', 'postgresExporter', 'redisExporter'], databaseMistakes],
  [['databases'], databaseNameMistakes],
  [['databases'], shownMistakes],
  [['grafana', 'extra'], grafanaMistakes],
  [['prometheus', 'apps', 'databases', 'blackboxExporter'], scrapeJobMistakes],
  [['apps', 'databases', 'blackboxExporter'], appJobMistakes],
  [['blackboxExporter'], probeMistakes],
];

/** `wrong` are the top-level settings that have a mistake of their own. */
export function contradictions(settings: Parsed, written: Written, wrong: ReadonlySet<string>): Mistake[] {
  const sound = checks.filter(([reads]) => !reads.some((key) => wrong.has(key)));
  return [
    ...sound.flatMap(([, check]) => check(settings, written)),
    // The sum is that of everything.
    ...(wrong.size === 0 ? memoryOverrun(settings) : []),
  ];
}

/** What is allowed, but should be known. */
export function warnings(settings: Parsed): string[] {
  const open = settings.networks.filter(({ attach }) => settings.loki.enabled && attach.includes('loki'));
  const joined = open.map(
    ({ name }) =>
      `loki joins ${name}: it asks for no password, so everybody there reads and writes every line.`,
  );
  const clear = web(settings)
    .filter(([, program]) => isPublic(program.address))
    .map(
      ([key, { address, port }]) =>
        `${key} is published on ${address}:${String(port)} without TLS: passwords cross the network in clear text.`,
    );
  return [...joined, ...clear];
}

function web(settings: Parsed) {
  const programs = [
    ['grafana', settings.grafana],
    ['cloudbeaver', settings.cloudbeaver],
  ] as const;
  return programs.filter(([, program]) => program.enabled);
}

function machines(settings: Parsed) {
  const programs = [
    ['prometheus', settings.prometheus],
    ['loki', settings.loki],
  ] as const;
  return programs.flatMap(([key, { enabled, publish }]) =>
    enabled && publish !== undefined ? [[key, publish] as const] : [],
  );
}

function shortPasswords(settings: Parsed, { secrets }: Written): Mistake[] {
  const named: [SettingPath, string | undefined][] = [
    [['grafana', 'adminPassword'], settings.grafana.adminPassword],
    [['cloudbeaver', 'adminPassword'], settings.cloudbeaver.adminPassword],
    ...settings.grafana.users.map(({ password }, at): [SettingPath, string] => [
      ['grafana', 'users', at, 'password'],
      password,
    ]),
  ];
  const told = new Set<string>();
  return named.flatMap(([path, secret]) => {
    const value = secret === undefined ? undefined : secrets[secret];
    if (secret === undefined || value === undefined || value.length >= shortestPassword || told.has(secret))
      return [];
    told.add(secret);
    return {
      path: secret,
      given: `a password of ${String(value.length)} characters`,
      wanted: `at least ${String(shortestPassword)} characters, because ${written(path)} names it`,
      type: newSecret(secret),
    };
  });
}

function openAddresses(settings: Parsed): Mistake[] {
  const open = web(settings).filter(
    ([, { address, exposeWithoutTls }]) => isPublic(address) && !exposeWithoutTls,
  );
  const machine = machines(settings).filter(([, { address }]) => isPublic(address));
  return [
    ...open.map(([key, { address }]) => ({
      path: `${key}.address`,
      given: address,
      wanted: `127.0.0.1 and an SSH tunnel, a VPN address, or the explicit leave to send passwords in clear text: ${key}.exposeWithoutTls`,
      type: set([key, 'address'], '127.0.0.1'),
    })),
    ...machine.map(([key, { address }]) => ({
      path: `${key}.publish.address`,
      given: address,
      wanted: `a loopback or VPN address: ${key} is not for everybody`,
      type: set([key, 'publish', 'address'], '127.0.0.1'),
    })),
  ];
}

function portsTakenTwice(settings: Parsed): Mistake[] {
  const all = [
    ...web(settings).map(([key, { address, port }]) => ({ name: key, path: [key, 'port'], address, port })),
    ...machines(settings).map(([key, { address, port }]) => ({
      name: key,
      path: [key, 'publish', 'port'],
      address,
      port,
    })),
  ];
  const used = new Set(all.map(({ port }) => port));
  return all.flatMap(({ path, address, port }, index) => {
    const first = all.slice(0, index).find((other) => other.port === port && overlap(other.address, address));
    if (first === undefined) return [];
    let free = port < 65_535 ? port + 1 : port - 1;
    while (used.has(free)) free = free < 65_535 ? free + 1 : 1024;
    used.add(free);
    return {
      path: written(path),
      given: String(port),
      wanted: `another port than that of ${first.name}`,
      type: set(path, String(free)),
    };
  });
}

/** One program joins a network once, and one alias is one program (S3). */
function networkMistakes({ networks }: Parsed): Mistake[] {
  return networks.flatMap(({ name, alias, attach }, index) => {
    const earlier = networks.slice(0, index).filter((network) => network.name === name);
    const joined = attach.find(
      (program, at) =>
        attach.indexOf(program) < at || earlier.some((network) => network.attach.includes(program)),
    );
    const found: Mistake[] = [];
    if (joined !== undefined) {
      found.push({
        path: `networks[${String(index)}].attach`,
        given: `${joined}, which joins ${name} already`,
        wanted: 'each program once on a network',
        type: remove(
          attach.length === 1
            ? ['networks', index]
            : ['networks', index, 'attach', attach.lastIndexOf(joined)],
        ),
      });
    }
    if (alias !== undefined && attach.length > 1) {
      found.push({
        path: `networks[${String(index)}].alias`,
        given: `${alias}, for ${attach.join(' and ')}`,
        wanted:
          'an alias where one program joins, for several would answer by one name; list the network once for each alias',
        type: remove(['networks', index, 'alias']),
      });
    }
    if (alias !== undefined && earlier.some((network) => network.alias === alias)) {
      found.push({
        path: `networks[${String(index)}].alias`,
        given: `${alias}, which is taken on ${name}`,
        wanted: 'another alias: two programs would answer by one name',
        type: set(['networks', index, 'alias'], `${alias}-${attach[0] ?? '2'}`),
      });
    }
    return found;
  });
}
