import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { readExtra } from '../../configs/checks/extra.ts';
import { readFolder } from '../../configs/extra.ts';
import { settingsOf } from '../../commands/lib/stackSettings.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'taffrail-extra-'));
  mkdirSync(join(folder, 'rules'));
  writeFileSync(join(folder, 'rules/shop.yml'), 'groups: []\n');
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

describe('3.18: the folder extra as it lies there', () => {
  test('dot files and links that lead nowhere are no files; one that leads to a file is', () => {
    writeFileSync(join(folder, '.DS_Store'), 'x');
    mkdirSync(join(folder, '.git'));
    writeFileSync(join(folder, '.git/config'), 'x');
    symlinkSync('anna@laptop.4711', join(folder, 'rules/.#shop.yml')); // Emacs, while it edits
    symlinkSync('gone.yml', join(folder, 'rules/old.yml'));
    symlinkSync('round.yml', join(folder, 'rules/round.yml'));
    symlinkSync('shop.yml', join(folder, 'rules/same.yml'));
    const found = { 'rules/same.yml': 'groups: []\n', 'rules/shop.yml': 'groups: []\n' };
    expect(readFolder(folder)).toEqual(found);
    expect(readFolder(join(folder, 'none'))).toBeUndefined();
    expect(readFolder(join(folder, 'rules/shop.yml'))).toBeUndefined();
    // The commands read it like the program.
    const file = join(folder, 'Pulumi.prod.yaml');
    writeFileSync(file, `config:\n  taffrail:extra: ${folder}/rules\n`);
    expect(() => settingsOf('prod', file)).toThrow(/rules\/same\.yml, which nothing reads/);
    expect(() => settingsOf('prod', file)).not.toThrow(/ENOENT|old\.yml|#shop/);
  });

  test('a file that has no place there is moved out, never deleted nor laid over another', () => {
    const lines = (files: Record<string, string>, at = 'extra/') =>
      readExtra(at, () => files).mistakes.map(({ type }) => type);
    expect(lines({ 'README.md': 'mine' })).toEqual(['mv -i extra/README.md extra-README.md']);
    expect(lines({ 'old stuff/notes.txt': '' }, '/srv/own')).toEqual([
      "mv -i '/srv/own/old stuff/notes.txt' '/srv/own-old stuff-notes.txt'",
    ]);
    expect(lines({ 'rules/a.yaml': '' })).toEqual([
      'mkdir -p extra/rules && mv extra/rules/a.yaml extra/rules/a.yml',
    ]);
    expect(lines({ 'rules/a.yaml': '', 'rules/a.yml': '' })).toEqual([
      'mv -i extra/rules/a.yaml extra-rules-a.yaml',
    ]);
  });
});
