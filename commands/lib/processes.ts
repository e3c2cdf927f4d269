import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/**
 * Whether a process of this host is alive. A zombie is not, and neither is another process that got the number later
 * than `since`.
 *
 * @param since milliseconds of the Unix epoch at which the process was seen
 */
export function isAlive(pid: number, since?: number): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
  }
  const stat = statOf(pid);
  if (stat === undefined) return true; // not Linux
  if (stat.state === 'Z' || stat.state === 'X') return false;
  // Ticks and boot time are coarse: two seconds of grace.
  return since === undefined || stat.started <= since + 2000;
}

function statOf(pid: number): { state: string; started: number } | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The name stands in parentheses and may hold anything.
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    const boot = Number(/^btime (\d+)$/m.exec(readFileSync('/proc/stat', 'latin1'))?.[1]);
    return { state: fields[0] ?? '', started: (boot + Number(fields[19]) / 100) * 1000 };
  } catch {
    return undefined;
  }
}

/** A process's command line, shortened; undefined where it cannot be read. */
export function commandOf(pid: number): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').join(' ').trim().slice(0, 80);
  } catch {
    return undefined;
  }
}

/** The process that listens on a TCP port of this machine; undefined where it cannot be told (no right, not Linux). */
export function listenerOf(port: number): { pid: number; command: string } | undefined {
  const inodes = new Set(['tcp', 'tcp6'].flatMap((table) => listeningInodes(table, port)));
  if (inodes.size === 0) return undefined;
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    if (socketsOf(entry).some((inode) => inodes.has(inode))) {
      return { pid: Number(entry), command: commandOf(Number(entry)) ?? '?' };
    }
  }
  return undefined;
}

function listeningInodes(table: string, port: number): string[] {
  try {
    const lines = readFileSync(`/proc/net/${table}`, 'latin1').trim().split('\n').slice(1);
    return lines.flatMap((line) => {
      const [, local = '', , state, , , , , , inode = ''] = line.trim().split(/\s+/);
      return state === '0A' && parseInt(local.split(':')[1] ?? '', 16) === port ? [inode] : [];
    });
  } catch {
    return [];
  }
}

function socketsOf(pid: string): string[] {
  try {
    return readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
      try {
        return /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1] ?? [];
      } catch {
        return [];
      }
    });
  } catch {
    return [];
  }
}
