import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { copy, freshCopy } from './place.ts';

/** Processes that run in a copy of the checkout: the CLI, its plugins, the commands. Each as number and command line. */
export function ownProcesses(checkout = copy): { pid: number; command: string }[] {
  return readdirSync('/proc').flatMap((entry) => {
    const pid = Number(entry);
    if (!(pid > 0) || pid === process.pid) return [];
    try {
      const command = readFileSync(`/proc/${entry}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
      const folder = readlinkSync(`/proc/${entry}/cwd`);
      return folder === checkout || folder.startsWith(`${checkout}/`) || command.includes(checkout)
        ? [{ pid, command }]
        : [];
    } catch {
      return [];
    }
  });
}

/** Ends what a stopped test left at work, so that nothing is made while the rest is removed. */
export async function endOwnProcesses(): Promise<void> {
  const all = () => [copy, freshCopy].flatMap((checkout) => ownProcesses(checkout));
  for (const [signal, seconds] of [
    ['SIGTERM', 5],
    ['SIGKILL', 5],
  ] as const) {
    for (const { pid } of all()) {
      try {
        process.kill(pid, signal);
      } catch {
        // It has ended meanwhile.
      }
    }
    for (let left = seconds * 10; left > 0 && all().length > 0; left--) await sleep(100);
    if (all().length === 0) return;
  }
}
