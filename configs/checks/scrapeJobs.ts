import type { Parsed } from '../settings.ts';
import type { Mistake } from '../mistakes.ts';
import { nameAndSet, set, type SettingPath, written } from '../whatToType.ts';

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
];

/** Names that two have: Prometheus refuses two jobs of one name, and probes and jobs are told apart by it. */
export function scrapeJobMistakes(settings: Parsed): Mistake[] {
  const { scrapeJobs } = settings.prometheus;
  const taken = new Set([...ownJobs, ...Object.keys(settings.apps)]);
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
