import { linkSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { npmRun } from '../../configs/whatToType.ts';
import { isAlive } from './processes.ts';
import { kept, stateFolder } from './paths.ts';
import { Sentence } from './sentence.ts';

/** A lock of Pulumi's file backend, as it writes it (pkg/backend/diy/lock.go). */
export interface Lock {
  file: string;
  pid: number;
  username: string;
  hostname: string;
  /** ISO 8601. */
  timestamp: string;
}

const locksFolder = (state: string): string => join(state, '.pulumi', 'locks', 'organization', 'taffrail');

/** What is in a folder; nothing where there is none. */
function entries(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

/** Every lock on a stack in a state folder; one that cannot be read counts as of no process. */
export function locksOf(stack: string, state = stateFolder): Lock[] {
  const folder = join(locksFolder(state), stack);
  const files = entries(folder).filter((file) => file.endsWith('.json'));
  return files.map((file) => {
    const path = join(folder, file);
    try {
      return { ...(JSON.parse(readFileSync(path, 'utf8')) as Omit<Lock, 'file'>), file: path };
    } catch {
      return { file: path, pid: 0, username: '?', hostname: hostname(), timestamp: '' };
    }
  });
}

/**
 * Removes locks whose process on this host is dead. Throws a Sentence when another one holds the stack.
 *
 * @returns the process numbers of the locks removed
 */
export function breakDeadLocks(stack: string, state = stateFolder, host = hostname()): number[] {
  const locks = locksOf(stack, state);
  const holding = locks.find((lock) => lock.hostname !== host || alive(lock));
  if (holding) throw new Sentence(heldBy(stack, holding, host));
  for (const { file } of locks) {
    rmSync(file, { force: true });
    rmSync(`${file}.attrs`, { force: true });
  }
  return locks.map(({ pid }) => pid);
}

const alive = ({ pid, timestamp }: Lock): boolean => {
  if (pid <= 0) return false;
  const since = Date.parse(timestamp);
  return isAlive(pid, Number.isNaN(since) ? undefined : since);
};

/** The stacks that only dead processes of this host hold, each with one of those. */
export function deadLocks(state = stateFolder, host = hostname()): { stack: string; pid: number }[] {
  return entries(locksFolder(state)).flatMap((stack) => {
    const locks = locksOf(stack, state);
    const [first] = locks;
    return first && locks.every((lock) => lock.hostname === host && !alive(lock))
      ? [{ stack, pid: first.pid }]
      : [];
  });
}

/** What to type when a killed run left its lock. */
export const deadLockWords = ({ stack, pid }: { stack: string; pid: number }): string =>
  `The lock on the stack ${stack} was left by process ${pid}, which is dead. To remove it and mend what that run left:\n` +
  `  ${npmRun('up', stack)}`;

/** Who holds a stack, and what to type. */
export function heldBy(stack: string, lock: Omit<Lock, 'file'>, host = hostname()): string {
  const when = lock.timestamp === '' ? '' : ` since ${lock.timestamp}`;
  if (lock.hostname !== host) {
    return (
      `The stack ${stack} is being changed by ${lock.username} on ${lock.hostname} (process ${lock.pid})${when}.\n` +
      `Wait until that has ended. If you know that it is dead:  pulumi cancel -s ${stack}`
    );
  }
  return (
    `The stack ${stack} is being changed by another command: process ${lock.pid} of ${lock.username}${when}.\n` +
    `Wait until it has ended, or stop it:  kill -INT ${lock.pid}`
  );
}

/**
 * Takes this checkout's own lock on a stack for as long as the process lives. Pulumi's covers one operation only, and
 * a second `up` must not take for orphans what the first has just made.
 */
export function holdStack(stack: string, folder = kept): () => void {
  const file = join(folder, `${stack}.pid`);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  for (let attempt = 0; ; attempt++) {
    try {
      // Written whole, then linked: whoever finds the lock finds its content.
      const draft = `${file}.${process.pid}`;
      writeFileSync(draft, JSON.stringify({ pid: process.pid, timestamp: new Date().toISOString() }));
      try {
        linkSync(draft, file);
      } finally {
        rmSync(draft, { force: true });
      }
      const release = () => {
        rmSync(file, { force: true });
      };
      process.once('exit', release);
      return release;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST' || attempt > 3) throw error;
      const holder = readHolder(file);
      if (holder && holder.pid !== process.pid && isAlive(holder.pid, Date.parse(holder.timestamp))) {
        const lock = { ...holder, username: 'this checkout', hostname: hostname() };
        throw new Sentence(heldBy(stack, lock));
      }
      rmSync(file, { force: true });
    }
  }
}

function readHolder(file: string): { pid: number; timestamp: string } | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as { pid: number; timestamp: string };
  } catch {
    return undefined;
  }
}
