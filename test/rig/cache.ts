/** Where the rig keeps what it built: outside every checkout, one for the machine's user. */
import {
  accessSync,
  constants,
  linkSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** The first word says what is being done; shown as a live line or as plain lines. */
export type Progress = (event: { step: string; index: number; total: number; detail?: string }) => void;

/** A mistake or a lack that the user can mend: its message is the whole story, no stack trace wanted. */
export class RigError extends Error {}

/** As `mkdir -p`. Node's own never returns where the file system refuses every folder (/proc as HOME). */
function makeFolder(folder: string): void {
  try {
    mkdirSync(folder);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') return;
    if (code !== 'ENOENT' || dirname(folder) === folder) throw error;
    makeFolder(dirname(folder));
    mkdirSync(folder);
  }
}

function writable(folder: string): boolean {
  try {
    makeFolder(folder);
    accessSync(folder, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/** Whether programs can keep things of theirs in the user's home. */
export const isHomeWritable = (): boolean => writable(join(homedir(), '.cache'));

/**
 * The rig's folder, made if need be: in TAFFRAIL_CACHE, else the user's cache, else the machine's.
 * @throws RigError when none can be written
 */
export function cacheFolder(env: NodeJS.ProcessEnv = process.env, machine = '/var/cache/taffrail'): string {
  const given = env.TAFFRAIL_CACHE;
  const user = env.XDG_CACHE_HOME
    ? join(env.XDG_CACHE_HOME, 'taffrail')
    : join(homedir(), '.cache', 'taffrail');
  for (const root of given ? [given] : [user, machine]) {
    const folder = resolve(root, 'rig'); // compilers run in other folders than ours
    if (writable(folder)) return folder;
  }
  throw new RigError(
    `no folder to build the rig in: ${given || `${user} and ${machine}`} cannot be written. ` +
      'Type: export TAFFRAIL_CACHE=/a/folder/of/yours',
  );
}

/** The fields of /proc/<pid>/stat after the program's name; undefined when there is no such process. */
function statOf(pid: number): string[] | undefined {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ');
  } catch {
    return undefined;
  }
}

/**
 * When a process started (clock ticks since boot), so that a recycled number is never taken for it.
 * @returns undefined when there is no such process, or only its remains
 */
export function startOf(pid: number): string | undefined {
  const fields = statOf(pid);
  return fields?.[0] === 'Z' ? undefined : fields?.[19];
}

/** The process id of a process's parent. */
export function parentOf(pid: number): number | undefined {
  const fields = statOf(pid);
  return fields && Number(fields[1]);
}

/** A process on record: `pid` and its start. */
export interface Recorded {
  pid: number;
  start: string;
}

/** Reads a record made by {@link record}; undefined when missing, broken, or its process is gone. */
export function recorded(file: string): Recorded | undefined {
  try {
    const found = JSON.parse(readFileSync(file, 'utf8')) as Recorded;
    return startOf(found.pid) === found.start ? found : undefined;
  } catch {
    return undefined;
  }
}

/** Writes a process's record, whole or not at all. @throws Error with code EEXIST when `exclusive` and it is there */
export function record(file: string, pid: number, exclusive = false): void {
  mkdirSync(dirname(file), { recursive: true });
  const draft = `${file}.new-${process.pid}`;
  writeFileSync(draft, JSON.stringify({ pid, start: startOf(pid) ?? '' } satisfies Recorded));
  if (!exclusive) {
    renameSync(draft, file);
    return;
  }
  try {
    linkSync(draft, file);
  } finally {
    rmSync(draft, { force: true });
  }
}

/**
 * Runs `work` while no other process of this machine runs work under the same lock file.
 * A lock whose process is dead is taken over.
 *
 * @param waiting called about once a second with the other's process id
 */
export async function locked<T>(
  file: string,
  waiting: (pid: number) => void,
  work: () => Promise<T>,
): Promise<T> {
  for (;;) {
    try {
      record(file, process.pid, true);
      break;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      const owner = recorded(file);
      if (owner) {
        waiting(owner.pid);
        await sleep(1000);
      } else {
        // Moved away, then looked at again: another may have taken the dead lock over in between.
        const moved = `${file}.old-${process.pid}`;
        try {
          renameSync(file, moved);
          if (recorded(moved)) linkSync(moved, file);
          rmSync(moved, { force: true });
        } catch {
          await sleep(100);
        }
      }
    }
  }
  try {
    return await work();
  } finally {
    rmSync(file, { force: true });
  }
}
