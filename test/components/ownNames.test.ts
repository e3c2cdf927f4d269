import { beforeAll, describe, expect, test } from 'vitest';
import { MistakesError } from '../../configs/mistakes.ts';
import { parseSettings } from '../../configs/settings.ts';
import { type Ran, runProgram, types } from './harness.ts';
import { jobNames, jobs } from './look.ts';
import { everything } from './stacks.ts';

/** Where the settings have a mistake once a key is another. */
function mistakePaths(key: string, change: (value: Record<string, unknown>) => unknown): string[] {
  const { config, ...rest } = everything();
  const value = JSON.parse(config[key] ?? '{}') as Record<string, unknown>;
  try {
    parseSettings({
      stack: 's',
      ...rest,
      config: { ...config, [key]: JSON.stringify(change(value)) },
      readFolder: () => undefined,
    });
    return [];
  } catch (error) {
    if (error instanceof MistakesError) return error.mistakes.map(({ path }) => path);
    throw error;
  }
}
const withApp = (name: string) =>
  mistakePaths('apps', (apps) => ({ ...apps, [name]: { image: 'x:1', metrics: { port: 8080 } } }));

// Names that clash would be found by the engine or by promtool only, in the middle of `up`, and no setting named.
describe('3.18: what the stack itself uses is no name for an app or a scrape job', () => {
  let all: Ran;
  beforeAll(async () => {
    all = await runProgram(everything());
  });

  test('no container and no volume, and no short-lived container of a job', () => {
    const helpers = jobs(all).flatMap(({ name, ...job }) => [
      name,
      ...(job.script === 'files' && job.told.check ? [`${name}-check`] : []),
      ...(job.script === 'apply' ? [`${name}-beside`] : []),
    ]);
    const own = all.resources
      .filter(({ type }) => type === types.container || type === types.volume)
      .map(({ name }) => name)
      .filter((name) => !['bot', 'worker'].includes(name));
    expect(helpers.length).toBeGreaterThan(40);
    expect(own.length).toBeGreaterThan(35);
    expect([...own, ...helpers].filter((name) => !withApp(name).includes(`apps.${name}`))).toEqual([]);
  });

  test('no exporter of a database: none may be called like a job', () => {
    const named = (name: string, kind: string) =>
      mistakePaths('databases', (databases) => ({
        ...databases,
        [name]: { kind, host: 'db', password: 'booksSecret' },
      })).includes(`databases.${name}`);
    const names = ['files', 'shop-files', 'queue-files', 'shop2', 'files2', 'files-check'];
    for (const kind of ['postgres', 'redis'])
      for (const name of names) {
        const container = `${kind}-exporter-${name}`;
        expect(named(name, kind), container).toBe(jobs(all).some((job) => job.name === container));
      }
  });

  test('no scrape job', () => {
    const own = jobNames(all).filter((name) => !['bot', 'web'].includes(name));
    expect(own).toContain('probe-site');
    expect(own.filter((name) => !withApp(name).includes(`apps.${name}`))).toEqual([]);
    const withJob = (name: string) =>
      mistakePaths('prometheus', (prometheus) => ({
        ...prometheus,
        scrapeJobs: [{ name, targets: ['web:8080'] }],
      }));
    expect(own.filter((name) => !withJob(name).includes('prometheus.scrapeJobs[0].name'))).toEqual([]);
  });

  test('the control: names that only resemble them are free', () => {
    for (const name of [
      'postgres-backup',
      'postgres-admin',
      'redis-worker',
      'redis-admin',
      'loki2',
      'probe',
      'bot-worker',
    ])
      expect(withApp(name), name).toEqual([]);
  });
});
