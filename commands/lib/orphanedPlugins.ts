import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { basename, sep } from 'node:path';
import { root } from './paths.ts';

/**
 * Ends the plugins of a Pulumi that was killed: they wait for it for ever, about 50 MB each. Only those of this checkout
 * whose parent is no Pulumi any more; on anything but Linux there is no way to tell them, and none is ended.
 *
 * @returns the process ids
 */
export function endOrphanedPlugins(folder = root, processes = '/proc'): number[] {
  const ended = orphanedPlugins(folder, processes);
  for (const pid of ended) {
    try {
      process.kill(pid, 'SIGTERM');
    } catch {
      // It has gone by itself.
    }
  }
  return ended;
}

/** The plugins of this checkout that nobody uses any more. */
export function orphanedPlugins(folder: string, processes: string): number[] {
  let entries: string[];
  try {
    entries = readdirSync(processes);
  } catch {
    return [];
  }
  return entries
    .filter((entry) => /^\d+$/.test(entry))
    .filter((pid) => {
      try {
        const program = readlinkSync(`${processes}/${pid}/exe`);
        if (!basename(program).startsWith('pulumi-resource-')) return false;
        const at = readlinkSync(`${processes}/${pid}/cwd`);
        if (at !== folder && !at.startsWith(folder + sep)) return false;
        const parent = /^PPid:\s+(\d+)$/m.exec(readFileSync(`${processes}/${pid}/status`, 'utf8'))?.[1] ?? '';
        return !isPulumi(`${processes}/${parent}`);
      } catch {
        return false;
      }
    })
    .map(Number);
}

function isPulumi(process: string): boolean {
  try {
    return basename(readlinkSync(`${process}/exe`)) === 'pulumi';
  } catch {
    return false;
  }
}
