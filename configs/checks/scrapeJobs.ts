import type { Parsed } from '../settings.ts';
import type { Mistake } from '../mistakes.ts';
import { nameAndSet, rename, set, type SettingPath, written } from '../whatToType.ts';

/** Taffrail's jobs: the names of scrape jobs, and what the label `job` says. */
const ownJobs = [
  'prometheus',
  'loki',
  'promtail',
  'grafana',
  'node',
  'cadvisor',
  'postgres',
  'redis',
  'blackbox',
  'blackbox-exporter',
];
const jobsOf = ({ databases, blackboxExporter }: Parsed): string[] => [
  ...ownJobs,
  ...Object.entries(databases).map(([name, { kind }]) => `${kind}-${name}`),
  ...blackboxExporter.probes.map(({ name }) => `probe-${name}`),
];

/** Names that two have: Prometheus refuses two jobs of one name, and probes and jobs are told apart by it. */
export function scrapeJobMistakes(settings: Parsed): Mistake[] {
  const { scrapeJobs } = settings.prometheus;
  const taken = new Set([...jobsOf(settings), ...Object.keys(settings.apps)]);
  return scrapeJobs.flatMap(({ name, username, password }, index) => {
    const path: SettingPath = ['prometheus', 'scrapeJobs', index];
    const missing = username === undefined ? 'username' : 'password';
    const half: Mistake[] =
      (username === undefined) === (password === undefined)
        ? []
        : [
            {
              path: written([...path, missing]),
              given: 'nothing',
              wanted: 'both username and password, or neither',
              type:
                missing === 'username'
                  ? set([...path, missing], 'metrics')
                  : nameAndSet([...path, missing], { name }),
            },
          ];
    return [...twice(taken, [...path, 'name'], name, 'scrape job'), ...half];
  });
}

/** An App's name is that of its scrape job. */
export function appJobMistakes(settings: Parsed, { stack }: { stack: string }): Mistake[] {
  const taken = jobsOf(settings);
  return Object.entries(settings.apps)
    .filter(([name, { metrics }]) => metrics !== undefined && taken.includes(name))
    .map(([name]) => ({
      path: written(['apps', name]),
      given: name,
      wanted: 'another name: a scrape job of the stack has it',
      type: rename(stack, ['apps', name], `own-${name}`, {}),
    }));
}

export function probeMistakes({ blackboxExporter }: Parsed): Mistake[] {
  const taken = new Set<string>();
  return blackboxExporter.probes.flatMap(({ name }, index) =>
    twice(taken, ['blackboxExporter', 'probes', index, 'name'], name, 'probe'),
  );
}

function twice(taken: Set<string>, path: SettingPath, name: string, what: string): Mistake[] {
  if (!taken.has(name)) {
    taken.add(name);
    return [];
  }
  let free = 2;
  while (taken.has(`${name}-${String(free)}`)) free++;
  taken.add(`${name}-${String(free)}`);
  return [
    {
      path: written(path),
      given: name,
      wanted: `a name that no other ${what} has`,
      type: set(path, `${name}-${String(free)}`),
    },
  ];
}
