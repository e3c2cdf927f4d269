import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { breakDeadLocks, deadLocks, deadLockWords, holdStack, locksOf } from '../../commands/lib/locks.ts';
import { isAlive } from '../../commands/lib/processes.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'taffrail locks '));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

/** The number of a process that has really lived and died. */
const deadPid = (): number => spawnSync(process.execPath, ['-e', '']).pid;

function lock(pid: number, host = hostname(), timestamp = new Date().toISOString()): string {
  const locks = join(folder, '.pulumi', 'locks', 'organization', 'taffrail', 'local');
  mkdirSync(locks, { recursive: true });
  const file = join(locks, `${pid}.json`);
  writeFileSync(file, JSON.stringify({ pid, username: 'anna', hostname: host, timestamp }));
  writeFileSync(`${file}.attrs`, '{}');
  return file;
}

describe('a lock in the state folder (3.5)', () => {
  it('of a dead process is removed, with what lies beside it', () => {
    const pid = deadPid();
    const file = lock(pid);
    expect(breakDeadLocks('local', folder)).toEqual([pid]);
    expect(existsSync(file)).toBe(false);
    expect(existsSync(`${file}.attrs`)).toBe(false);
  });

  it('of a living process stays, and is named', () => {
    const file = lock(process.pid);
    expect(() => breakDeadLocks('local', folder)).toThrow(
      new RegExp(`process ${process.pid} of anna.*kill -INT ${process.pid}`, 's'),
    );
    expect(existsSync(file)).toBe(true);
  });

  it('of a number that somebody else has got since is removed', () => {
    lock(process.pid, hostname(), '2020-01-01T00:00:00Z');
    expect(breakDeadLocks('local', folder)).toEqual([process.pid]);
  });

  it('of another host stays, whatever its number', () => {
    const file = lock(deadPid(), 'elsewhere');
    expect(() => breakDeadLocks('local', folder)).toThrow(/anna on elsewhere.*pulumi cancel -s local/s);
    expect(existsSync(file)).toBe(true);
  });

  it('that holds no JSON counts as dead', () => {
    writeFileSync(lock(1), 'half a li');
    expect(locksOf('local', folder)).toHaveLength(1);
    expect(breakDeadLocks('local', folder)).toEqual([0]);
  });

  it('of a dead process is named for those who use `pulumi` itself; one that lives, or is of elsewhere, is not', () => {
    const pid = deadPid();
    lock(pid);
    expect(deadLocks(folder)).toEqual([{ stack: 'local', pid }]);
    expect(deadLockWords({ stack: 'prod', pid })).toMatch(
      new RegExp(`stack prod was left by process ${pid}, which is dead.*npm run up -- -s prod$`, 's'),
    );
    lock(process.pid);
    expect(deadLocks(folder)).toEqual([]);
    rmSync(join(folder, '.pulumi'), { recursive: true });
    lock(deadPid(), 'elsewhere');
    expect(deadLocks(folder)).toEqual([]);
    expect(deadLocks(join(folder, 'nothing'))).toEqual([]);
  });

  it('is not needed: an empty state folder has none', () => {
    expect(breakDeadLocks('local', folder)).toEqual([]);
  });
});

describe("the checkout's own lock", () => {
  it('refuses a second command while the first lives, and not afterwards', async () => {
    const module = JSON.stringify(join(import.meta.dirname, '../../commands/lib/locks.ts'));
    const code = `import(${module}).then(({ holdStack }) => { holdStack('local', ${JSON.stringify(folder)}); console.log('held'); setInterval(() => {}, 1000); })`;
    const first = spawn(process.execPath, ['-e', code], { stdio: ['ignore', 'pipe', 'inherit'] });
    const ended = new Promise((resolve) => first.on('exit', resolve));
    await new Promise((resolve) => first.stdout.once('data', resolve));
    expect(() => holdStack('local', folder)).toThrow(new RegExp(`process ${first.pid ?? '?'} `));
    first.kill('SIGKILL');
    await ended;
    const release = holdStack('local', folder);
    expect(readdirSync(folder)).toEqual(['local.pid']);
    release();
    expect(readdirSync(folder)).toEqual([]);
  });
});

it('a zombie is not alive', async () => {
  // The shell's child dies while nobody waits for it: exec has replaced the shell that would have.
  const parent = spawn('sh', ['-c', 'true & echo $!; exec sleep 30'], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const pid = await new Promise<number>((resolve) =>
    parent.stdout.once('data', (data: Buffer) => {
      resolve(Number(data));
    }),
  );
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect(isAlive(pid)).toBe(false);
  expect(isAlive(parent.pid ?? 0)).toBe(true);
  parent.kill();
});
