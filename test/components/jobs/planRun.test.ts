import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import type { Target } from '../../../components/jobs/files.ts';
import { archiveOf } from '../../../components/jobs/lib/archive.ts';
import { delivered, entriesIn, newVolume, planFor, runLines, treeOf, unpack } from './volume.ts';

// What a plan does, for real: its archive unpacked, its lines run by both common variants of the tools.

const made: string[] = [];
let volume: string;
beforeEach(() => {
  made.push((volume = newVolume()));
});
afterAll(() => {
  for (const folder of made) rmSync(folder, { recursive: true, force: true });
});

const busybox = mkdtempSync(join(tmpdir(), 'taffrail-busybox-'));
made.push(busybox);
const hasBusybox = spawnSync('busybox', ['true']).status === 0;
if (hasBusybox)
  for (const applet of ['ln', 'mv', 'rm']) {
    const found = spawnSync('sh', ['-c', 'command -v busybox'], { encoding: 'utf8' }).stdout.trim();
    symlinkSync(found, join(busybox, applet));
  }

const base: Target = { volume: 'v', layout: 'revisions', files: {} };
const first: Target = {
  ...base,
  files: { 'a.yml': '1', 'rules/b.yml': '1' },
  secrets: { 'secrets/key': 'old' },
  steady: {
    folder: 'dashboards',
    files: {
      'Team/same.json': 's',
      'Team/other.json': '1',
      'Gone/deep/x.json': 'x',
      'file.json': 'becomes a folder',
      'folder.json/y.json': 'becomes a file',
    },
  },
};
const second: Target = {
  ...base,
  files: { 'a.yml': '2', "it's $HOME.yml": '2' },
  secrets: { 'secrets/key': 'new' },
  steady: {
    folder: 'dashboards',
    files: {
      'Team/same.json': 's',
      'Team/other.json': '2',
      'Ben\'s "own" $(x)/new board.json': 'n',
      'file.json/z.json': 'in a folder',
      'folder.json': 'a file',
    },
  },
};

/** What the program finds below a link or folder. */
const below = (tree: Record<string, string>, folder: string): Record<string, string> =>
  Object.fromEntries(
    Object.entries(tree).flatMap(([path, content]) =>
      path.startsWith(`${folder}/`) && content !== '/' ? [[path.slice(folder.length + 1), content]] : [],
    ),
  );
const inForce = (at: string): Record<string, string> => {
  const tree = treeOf(at);
  return below(tree, (tree['current'] ?? '').replace('-> ', ''));
};
const allOf = ({ files, secrets }: Target) => ({ ...files, ...secrets });

function write(path: string, content: string): void {
  mkdirSync(dirname(join(volume, path)), { recursive: true });
  writeFileSync(join(volume, path), content);
}

const variants = [
  { name: 'this machine', path: process.env['PATH'] },
  ...(hasBusybox ? [{ name: 'busybox', path: busybox }] : []),
];

describe.each(variants)('a delivery by the tools of $name', ({ path }) => {
  test('first, second, and the first again: exactly what is wanted', async () => {
    for (const wanted of [first, second, first, first]) {
      expect(await delivered(volume, wanted, path)).toBe('0');
      expect(inForce(volume)).toEqual(allOf(wanted));
      const tree = treeOf(volume);
      expect(below(tree, 'dashboards')).toEqual(wanted.steady?.files);
      const tops = Object.keys(tree).filter((one) => !one.includes('/'));
      expect(tops.sort()).toEqual(['current', 'dashboards', (tree['current'] ?? '').replace('-> ', '')]);
    }
    // No empty folder stays either: Grafana would show it.
    expect(Object.keys(treeOf(volume)).filter((one) => one.startsWith('dashboards'))).toEqual([
      'dashboards',
      'dashboards/Gone',
      'dashboards/Gone/deep',
      'dashboards/Gone/deep/x.json',
      'dashboards/Team',
      'dashboards/Team/other.json',
      'dashboards/Team/same.json',
      'dashboards/file.json',
      'dashboards/folder.json',
      'dashboards/folder.json/y.json',
    ]);
  });

  test('an unchanged file of a steady folder is not touched; a changed one is another file', async () => {
    await delivered(volume, first, path);
    const before = ['same', 'other'].map(
      (name) => statSync(join(volume, `dashboards/Team/${name}.json`)).ino,
    );
    await delivered(volume, second, path);
    const after = ['same', 'other'].map((name) => statSync(join(volume, `dashboards/Team/${name}.json`)).ino);
    expect(after[0]).toBe(before[0]);
    expect(after[1]).not.toBe(before[1]);
  });

  test('killed after any line, `current` leads to whole old or new files, and the next delivery succeeds', async () => {
    await delivered(volume, first, path);
    const { entries, lines } = planFor(volume, second);
    expect(lines.length).toBeGreaterThan(4);
    const old = treeOf(volume);
    const name = (old['current'] ?? '').replace('-> ', '');
    for (let killed = 0; killed <= lines.length; killed += 1) {
      // In one folder, because the plan names it: emptied, filled, and used for each of them.
      rmSync(volume, { recursive: true });
      mkdirSync(volume);
      for (const [file, content] of Object.entries(allOf(first))) write(`${name}/${file}`, content);
      for (const [file, content] of Object.entries(first.steady?.files ?? {}))
        write(`dashboards/${file}`, content);
      symlinkSync(name, join(volume, 'current'));
      await unpack(await archiveOf(entries));
      expect(runLines(lines.slice(0, killed), path)).toBe('0');
      expect([allOf(first), allOf(second)]).toContainEqual(inForce(volume));
      expect(inForce(volume)).toEqual(allOf(killed < 2 ? first : second));
      expect(await delivered(volume, second, path)).toBe('0');
      expect(inForce(volume)).toEqual(allOf(second));
      expect(below(treeOf(volume), 'dashboards')).toEqual(second.steady?.files);
      expect(Object.keys(treeOf(volume)).filter((one) => !one.includes('/'))).toHaveLength(3);
    }
  });

  test('unpacking that was cut off after any entry leaves the old files in force', async () => {
    await delivered(volume, first, path);
    const { entries } = planFor(volume, second);
    for (let count = 0; count < entries.length; count += 1) {
      await unpack(await archiveOf(entries.slice(0, count)));
      expect(inForce(volume)).toEqual(allOf(first));
    }
    expect(await delivered(volume, second, path)).toBe('0');
    expect(inForce(volume)).toEqual(allOf(second));
  });

  test('a first delivery that was cut off after any entry has no link, or whole files', async () => {
    const { entries } = planFor(volume, first);
    for (let count = 0; count < entries.length; count += 1) {
      await unpack(await archiveOf(entries.slice(0, count)));
      expect(treeOf(volume)).not.toHaveProperty('current');
    }
    expect(await delivered(volume, first, path)).toBe('0');
    expect(inForce(volume)).toEqual(allOf(first));
  });

  test('if the new link cannot be made, the old files are not removed', async () => {
    await delivered(volume, first, path);
    // As on a full disk.
    const failing = mkdtempSync(join(tmpdir(), 'taffrail-ln-'));
    made.push(failing);
    writeFileSync(join(failing, 'ln'), '#!/bin/sh\nexit 1\n', { mode: 0o755 });
    expect(await delivered(volume, second, `${failing}:${path ?? ''}`)).toBe('1');
    expect(inForce(volume)).toEqual(allOf(first));
  });

  test('in place: exactly the wanted files, from any state', async () => {
    const wanted: Target = {
      ...base,
      layout: 'in-place',
      files: { 'conf/a b.conf': 'new', plain: 'p', 'was-file/x': 'x' },
      secrets: { "conf/it's": 's' },
    };
    write('conf/a b.conf', 'old');
    write('conf/old dir/deep/gone.conf', 'g');
    write('plain/was/a/folder', 'g');
    write('was-file', 'f');
    write('revision-0-new/conf/left', 'l');
    symlinkSync('/nowhere', join(volume, 'dead-link'));
    const elsewhere = newVolume();
    made.push(elsewhere);
    writeFileSync(join(elsewhere, 'precious'), 'p');
    symlinkSync(elsewhere, join(volume, 'conf/link'));
    for (let round = 0; round < 2; round += 1) {
      expect(await delivered(volume, wanted, path)).toBe('0');
      expect(treeOf(volume)).toEqual({
        conf: '/',
        'conf/a b.conf': 'new',
        "conf/it's": 's',
        plain: 'p',
        'was-file': '/',
        'was-file/x': 'x',
      });
    }
    expect(treeOf(elsewhere)).toEqual({ precious: 'p' });
    expect(entriesIn(volume).get("conf/it's")?.mode).toBe(0o400);
    expect(entriesIn(volume).get('plain')?.mode).toBe(0o644);
  });

  test('add: other files stay as they are, and nothing staged is left', async () => {
    write('data/keep', 'k');
    write('data/mine.json', 'old');
    mkdirSync(join(volume, 'empty'));
    const wanted: Target = {
      ...base,
      layout: 'add',
      files: { 'data/mine.json': 'new', 'more/new.json': 'n' },
    };
    expect(await delivered(volume, wanted, path)).toBe('0');
    expect(treeOf(volume)).toEqual({
      data: '/',
      'data/keep': 'k',
      'data/mine.json': 'new',
      empty: '/',
      more: '/',
      'more/new.json': 'n',
    });
  });

  test('add: a folder in the way fails instead of being filled or removed', async () => {
    write('data/mine.json/precious', 'p');
    const wanted: Target = { ...base, layout: 'add', files: { 'data/mine.json': 'new' } };
    expect(await delivered(volume, wanted, path)).toMatch(/^1.*mine\.json/s);
    expect(treeOf(volume)).toHaveProperty(['data/mine.json/precious'], 'p');
  });
});
