import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { RigError, cacheFolder, locked, record, recorded, startOf } from './cache.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'taffrail cache '));
  writeFileSync(join(folder, 'file'), '');
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true });
});

describe("the cache's folder", () => {
  // Root may write everywhere, but not below a file.
  const refused = (): string => join(folder, 'file', 'x');
  const machine = (): string => join(folder, 'machine');

  it("3.10: is TAFFRAIL_CACHE, else the user's cache", () => {
    vi.stubEnv('HOME', join(folder, 'home'));
    const XDG_CACHE_HOME = join(folder, 'xdg');
    expect(cacheFolder({}, machine())).toBe(join(folder, 'home', '.cache', 'taffrail', 'rig'));
    expect(cacheFolder({ XDG_CACHE_HOME }, machine())).toBe(join(folder, 'xdg', 'taffrail', 'rig'));
    const TAFFRAIL_CACHE = join(folder, 'own');
    expect(cacheFolder({ XDG_CACHE_HOME, TAFFRAIL_CACHE }, machine())).toBe(join(folder, 'own', 'rig'));
    expect(existsSync(join(folder, 'own', 'rig'))).toBe(true);
    expect(existsSync(machine())).toBe(false);
  });

  it('3.10: is absolute: the compiler runs in other folders', () => {
    const TAFFRAIL_CACHE = relative(process.cwd(), folder);
    expect(cacheFolder({ TAFFRAIL_CACHE })).toBe(join(folder, 'rig'));
  });

  it("3.10: is the machine's where the user's cannot be written", () => {
    expect(cacheFolder({ XDG_CACHE_HOME: refused() }, machine())).toBe(join(machine(), 'rig'));
  });

  it('3.10: is asked for where nothing can be written', () => {
    const nowhere = (env: NodeJS.ProcessEnv) => () => cacheFolder(env, refused());
    const XDG_CACHE_HOME = refused();
    expect(nowhere({ XDG_CACHE_HOME })).toThrow(RigError);
    for (const TAFFRAIL_CACHE of [undefined, ''])
      expect(nowhere({ XDG_CACHE_HOME, TAFFRAIL_CACHE })).toThrow(
        `no folder to build the rig in: ${join(refused(), 'taffrail')} and ${refused()} cannot be written. ` +
          'Type: export TAFFRAIL_CACHE=/a/folder/of/yours',
      );
    // Who names a folder gets that one or a sentence, never another.
    expect(() => cacheFolder({ TAFFRAIL_CACHE: refused() }, machine())).toThrow(
      `: ${refused()} cannot be written. Type: export TAFFRAIL_CACHE=`,
    );
  });
});

describe.runIf(process.platform === 'linux')('a process on record', () => {
  const file = (): string => join(folder, 'one.json');

  it('3.10: is known while it lives', () => {
    record(file(), process.pid);
    expect(recorded(file())).toEqual({ pid: process.pid, start: startOf(process.pid) });
  });

  it('3.10: is gone when another process has its number', () => {
    writeFileSync(file(), JSON.stringify({ pid: process.pid, start: '1' }));
    expect(recorded(file())).toBeUndefined();
  });

  it('3.10: is gone when nobody has its number, or nothing is on record', () => {
    record(file(), spawnSync(process.execPath, ['-e', '']).pid);
    expect(recorded(file())).toBeUndefined();
    writeFileSync(file(), '{"pid":');
    expect(recorded(file())).toBeUndefined();
    rmSync(file());
    expect(recorded(file())).toBeUndefined();
  });

  it('3.10: its lock is taken over when another process has its number, without a wait', async () => {
    writeFileSync(file(), JSON.stringify({ pid: process.pid, start: '1' }));
    const waiting = vi.fn();
    const held = await locked(file(), waiting, () => Promise.resolve(recorded(file())?.pid));
    expect(held).toBe(process.pid);
    expect(waiting).not.toHaveBeenCalled();
    expect(existsSync(file())).toBe(false);
  });

  it('3.10: its lock is given back when its work fails', async () => {
    const failing = locked(file(), vi.fn(), () => Promise.reject(new Error('no')));
    await expect(failing).rejects.toThrow('no');
    expect(existsSync(file())).toBe(false);
  });
});
