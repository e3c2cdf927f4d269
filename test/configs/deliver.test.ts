import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { script } from '../../configs/tools/scripts.ts';

// The script of the files job, by this machine's shell; the end-to-end test runs it by the job's own.
let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'taffrail-deliver-'));
  mkdirSync(join(root, 'target'));
});
afterEach(() => {
  rmSync(root, { recursive: true });
});

function deliver(revision: string, files: Record<string, string>, ...manner: string[]): void {
  rmSync(join(root, 'staging'), { recursive: true, force: true });
  for (const [file, content] of Object.entries(files)) {
    mkdirSync(dirname(join(root, 'staging', file)), { recursive: true });
    writeFileSync(join(root, 'staging', file), content);
  }
  const text = script('tools/deliver.sh').replaceAll(/\/(?=(?:target|staging)\b)/g, `${root}/`);
  const { status, stderr } = spawnSync('sh', ['-c', text, 'deliver.sh', revision, ...manner], {
    encoding: 'utf8',
  });
  expect([status, stderr]).toEqual([0, '']);
}
const target = (path: string): string => join(root, 'target', path);
const filesIn = (path: string): string[] =>
  readdirSync(target(path), { recursive: true, encoding: 'utf8' }).sort();

describe('3.14: the files job', () => {
  test('switches all files by one link, and removes what was there before', () => {
    deliver('r1', { 'a.yml': '1', 'rules/b.yml': '1' });
    expect(readlinkSync(target('current'))).toBe('r1');
    deliver('r2', { 'a.yml': '2' });
    expect(readlinkSync(target('current'))).toBe('r2');
    expect(readdirSync(target('.')).sort()).toEqual(['current', 'r2']);
    expect(filesIn('r2')).toEqual(['a.yml']);
    expect(readFileSync(target('current/a.yml'), 'utf8')).toBe('2');
  });

  test('keeps a steady folder for who knows files by their path: what is unchanged is not touched', () => {
    const names = {
      'x.ini': '1',
      'dashboards/T/same.json': 's',
      'dashboards/T/other.json': '1',
      'dashboards/E/gone.json': 'g',
    };
    deliver('r1', names, 'steady', 'dashboards');
    const same = statSync(target('dashboards/T/same.json'));
    deliver(
      'r2',
      {
        'x.ini': '2',
        'dashboards/T/same.json': 's',
        'dashboards/T/other.json': '2',
        'dashboards/N/new.json': 'n',
      },
      'steady',
      'dashboards',
    );
    expect(filesIn('dashboards')).toEqual(['N', 'N/new.json', 'T', 'T/other.json', 'T/same.json']);
    const after = statSync(target('dashboards/T/same.json'));
    expect([after.ino, after.mtimeMs]).toEqual([same.ino, same.mtimeMs]);
    expect(readFileSync(target('dashboards/T/other.json'), 'utf8')).toBe('2');
    expect(readdirSync(target('.')).sort()).toEqual(['current', 'dashboards', 'r2']);
  });

  test('a folder that is read by its one name holds the files themselves', () => {
    deliver('r1', { 'a.conf': '1', 'b.conf': '1' }, 'flat');
    deliver('r2', { 'a.conf': '2' }, 'flat');
    expect(filesIn('.')).toEqual(['a.conf']);
    expect(existsSync(target('current'))).toBe(false);
  });
});
