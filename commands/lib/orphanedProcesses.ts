import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { basename, sep } from 'node:path';
import { root } from './paths.ts';

/** What a killed Pulumi leaves running: its plugins, and the jobs that the command plugin had started. */
export interface Orphan {
  pid: number;
  kind: 'plugin' | 'job';
}

/**
 * Ends what a killed Pulumi left running. A plugin waits for it forever, about 50 MB each; a job would deliver the files
 * of the interrupted run into the next one. Only processes of this checkout without a Pulumi above them; on anything but
 * Linux they cannot be told, and none is ended.
 *
 * @returns the processes ended
 */
export function endOrphans(folder = root, processes = '/proc'): Orphan[] {
  const ended = orphans(folder, processes);
  for (const { pid } of ended) {
    try {
      process.kill(pid, 'SIGTERM');
    } catch {
      // It has gone by itself.
    }
  }
  return ended;
}

/** One line about each. */
export const orphanWords = ({ pid, kind }: Orphan): string =>
  `repair: ended the ${kind} ${pid} of an interrupted run`;

/** The plugins and jobs of this checkout that nobody waits for any more. */
export function orphans(folder: string, processes: string): Orphan[] {
  let entries: string[];
  try {
    entries = readdirSync(processes);
  } catch {
    return [];
  }
  return entries
    .filter((entry) => /^\d+$/.test(entry))
    .flatMap((pid): Orphan[] => {
      try {
        const kind = kindOf(`${processes}/${pid}`);
        if (kind === undefined) return [];
        const at = readlinkSync(`${processes}/${pid}/cwd`);
        if (at !== folder && !at.startsWith(folder + sep)) return [];
        return isBelowPulumi(processes, pid) ? [] : [{ pid: Number(pid), kind }];
      } catch {
        return [];
      }
    });
}

function kindOf(process: string): Orphan['kind'] | undefined {
  if (programOf(process).startsWith('pulumi-resource-')) return 'plugin';
  const words = readFileSync(`${process}/cmdline`, 'utf8').split('\0');
  return words.some((word) => /^components\/jobs\/\w+\.ts$/.test(word)) ? 'job' : undefined;
}

/** A job's parent is a plugin, and a plugin's is Pulumi: what is further above has started that Pulumi. */
function isBelowPulumi(processes: string, pid: string): boolean {
  let current = pid;
  for (let level = 0; level < 3; level++) {
    current = /^PPid:\s+(\d+)$/m.exec(readFileSync(`${processes}/${current}/status`, 'utf8'))?.[1] ?? '';
    try {
      if (programOf(`${processes}/${current}`) === 'pulumi') return true;
      readFileSync(`${processes}/${current}/status`);
    } catch {
      return false; // it has gone, or is nobody of ours
    }
  }
  return false;
}

const programOf = (process: string): string => basename(readlinkSync(`${process}/exe`));
