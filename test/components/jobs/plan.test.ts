import { describe, expect, test } from 'vitest';
import { plan, type Target } from '../../../components/jobs/files.ts';
import type { Entry } from '../../../components/jobs/lib/archive.ts';

const owner = '472:0';
const target = (rest: Partial<Target> = {}): Target => ({
  volume: 'v',
  layout: 'revisions',
  files: { 'a.yml': 'a' },
  ...rest,
});
const folder = (path: string, of = owner): [string, Entry] => [path, { path, owner: of, mode: 0o755 }];
const file = (path: string, content: string, mode = 0o644, of = owner): [string, Entry] => [
  path,
  { path, owner: of, mode, content },
];
const link = (path: string, to: string): [string, Entry] => [path, { path, owner, mode: 0o777, link: to }];
const planned = (wanted: Target, ...found: [string, Entry][]) =>
  plan(wanted, owner, '/target-0', new Map(found), 'revision-new');
const paths = ({ entries }: { entries: Entry[] }): string[] => entries.map(({ path }) => path);

describe('plan: all files at once', () => {
  test('into an empty volume: the link is unpacked last, and nothing is left to switch', () => {
    const { entries, lines } = planned(target({ secrets: { 'secrets/key': 's' } }));
    expect(lines).toEqual([]);
    expect(entries).toEqual([
      { path: 'target-0', owner, mode: 0o755 },
      { path: 'target-0/revision-new', owner, mode: 0o755 },
      { path: 'target-0/revision-new/secrets', owner, mode: 0o755 },
      { path: 'target-0/revision-new/a.yml', owner, mode: 0o644, content: 'a' },
      { path: 'target-0/revision-new/secrets/key', owner, mode: 0o400, content: 's' },
      { path: 'target-0/current', owner, mode: 0o777, link: 'revision-new' },
    ]);
  });

  test('over an old revision: the link is switched by a rename, then the old files go', () => {
    const { entries, lines } = planned(
      target(),
      link('current', 'revision-old'),
      folder('revision-old'),
      file('revision-old/a.yml', 'old'),
    );
    expect(entries.some((entry) => entry.link !== undefined)).toBe(false);
    expect(lines).toEqual([
      "ln -sfn revision-new '/target-0/.current'",
      "mv -T '/target-0/.current' '/target-0/current'",
      "rm -rf '/target-0/revision-old'",
    ]);
  });

  test('what interrupted deliveries left goes, in an otherwise empty volume too', () => {
    expect(planned(target(), folder('revision-half'), file('revision-half/a.yml', 'a')).lines).toEqual([
      "rm -rf '/target-0/revision-half'",
    ]);
    const { lines } = planned(
      target(),
      link('.current', 'revision-half'),
      link('current', 'revision-old'),
      folder('revision-half'),
      folder('revision-half-new'),
      folder('revision-old'),
    );
    expect(lines.at(-1)).toBe(
      "rm -rf '/target-0/.current' '/target-0/revision-half' '/target-0/revision-half-new' '/target-0/revision-old'",
    );
  });

  test('without any file the link still leads to a folder', () => {
    expect(paths(planned(target({ files: {} })))).toEqual([
      'target-0',
      'target-0/revision-new',
      'target-0/current',
    ]);
  });

  test("folders of another user, as whom the program ran before, become the new one's", () => {
    const { entries } = planned(
      target(),
      link('current', 'revision-old'),
      folder('revision-old', '0:0'),
      folder('revision-old/mine'),
      file('revision-old/a.yml', 'a', 0o644, '0:0'),
    );
    expect(entries[1]).toEqual({ path: 'target-0/revision-old', owner, mode: 0o755 });
    expect(paths({ entries })).not.toContain('target-0/revision-old/mine');
  });
});

describe('plan: a steady folder', () => {
  const steady = (files: Record<string, string>) => target({ steady: { folder: 'dashboards', files } });
  const before: [string, Entry][] = [
    link('current', 'revision-old'),
    folder('revision-old'),
    folder('dashboards'),
    folder("dashboards/My team's"),
    file("dashboards/My team's/same.json", 'same'),
    file("dashboards/My team's/other.json", 'old'),
    folder('dashboards/Gone'),
    file('dashboards/Gone/x.json', 'x'),
  ];

  test('unpacks new files in place, moves changed ones, does not name unchanged ones', () => {
    const result = planned(
      steady({
        "My team's/same.json": 'same',
        "My team's/other.json": 'new',
        'New/y.json': 'y',
      }),
      ...before,
    );
    expect(paths(result).filter((path) => path.endsWith('.json'))).toEqual([
      "target-0/revision-new-new/dashboards/My team's/other.json",
      'target-0/dashboards/New/y.json',
    ]);
    expect(result.lines.slice(2)).toEqual([
      "mv -fT '/target-0/revision-new-new/dashboards/My team'\\''s/other.json' '/target-0/dashboards/My team'\\''s/other.json'",
      "rm -rf '/target-0/dashboards/Gone' '/target-0/revision-old' '/target-0/revision-new-new'",
    ]);
  });

  test('is there although nothing is in it', () => {
    expect(paths(planned(steady({})))).toContain('target-0/dashboards');
  });

  test('may be nested: what is beside it stays with it', () => {
    const nested = target({ steady: { folder: 'lib/dashboards', files: { 'a.json': 'a' } } });
    const { lines } = planned(
      nested,
      link('current', 'revision-old'),
      folder('lib'),
      folder('lib/dashboards'),
      file('lib/dashboards/a.json', 'a'),
    );
    expect(lines.filter((line) => line.startsWith('rm'))).toEqual([]);
  });
});

describe('plan: in place', () => {
  test('the same content with another mode or owner is written again', () => {
    const secret = target({ layout: 'in-place', files: {}, secrets: { key: 's' } });
    expect(planned(secret, file('key', 's', 0o400)).lines).toEqual([]);
    for (const found of [file('key', 's', 0o644), file('key', 's', 0o400, '0:0')])
      expect(planned(secret, found).lines).toEqual([
        "mv -fT '/target-0/revision-new-new/key' '/target-0/key'",
        "rm -rf '/target-0/revision-new-new'",
      ]);
  });

  test('`add` removes nothing but what it staged, and takes no folder from its owner', () => {
    const { entries, lines } = planned(
      target({ layout: 'add', files: { 'conf/a.json': 'new' } }),
      file('conf/a.json', 'old'),
      folder('conf', '1:1'),
      file('conf/other.json', 'mine'),
    );
    expect(paths({ entries })).toEqual([
      'target-0',
      'target-0/revision-new-new',
      'target-0/revision-new-new/conf',
      'target-0/revision-new-new/conf/a.json',
    ]);
    expect(lines).toEqual([
      "mv -fT '/target-0/revision-new-new/conf/a.json' '/target-0/conf/a.json'",
      "rm -rf '/target-0/revision-new-new'",
    ]);
  });
});
