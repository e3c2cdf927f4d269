import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parts } from './parts.ts';
import { installPlugins } from './pulumi.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'taffrail plugins '));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

/** Folders as a build leaves them, each program's content being what is given. */
function built(content: string): Map<string, string> {
  return new Map(
    parts.map(({ name, outputs = [] }) => {
      const from = join(folder, 'built', `${name} ${content}`);
      mkdirSync(from, { recursive: true });
      for (const { file } of outputs) writeFileSync(join(from, file), content);
      return [name, from];
    }),
  );
}

describe('the plugins of a PULUMI_HOME', () => {
  const home = (): string => join(folder, 'home', 'plugins');
  const command = (): string => join(home(), 'resource-command-v1.2.1', 'pulumi-resource-command');

  it('3.10: are laid where the CLI looks for them, by name and version, and nothing else is', () => {
    installPlugins(join(folder, 'home'), built('1'));
    const plugins = parts.filter(({ plugin }) => plugin !== undefined);
    const names = plugins.map(({ plugin, version }) => `resource-${plugin ?? ''}-v${version}`);
    expect(readdirSync(home()).sort()).toEqual(names.flatMap((name) => [name, `${name}.lock`]).sort());
    for (const [index, { plugin }] of plugins.entries())
      expect(readdirSync(join(home(), names[index] ?? ''))).toEqual([`pulumi-resource-${plugin ?? ''}`]);
    expect(readFileSync(command(), 'utf8')).toBe('1');
  });

  it('3.10: stay when they are the built ones, and are replaced when they are not', () => {
    installPlugins(join(folder, 'home'), built('1'));
    const { ino } = statSync(join(command(), '..'));
    installPlugins(join(folder, 'home'), built('1'));
    expect(statSync(join(command(), '..')).ino).toBe(ino);
    installPlugins(join(folder, 'home'), built('2'));
    expect(readFileSync(command(), 'utf8')).toBe('2');
  });

  it('3.10: a part that is not built is left out', () => {
    const folders = built('1');
    folders.delete('plugin-command');
    installPlugins(join(folder, 'home'), folders);
    expect(readdirSync(home()).filter((name) => name.includes('command'))).toEqual([]);
  });
});
