import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isAlive } from './processes.ts';
import * as paths from './paths.ts';

/** The folders that `down` tidies; tests give their own. */
export interface Places {
  root: string;
  kept: string;
  state: string;
}
const usual: Places = { root: paths.root, kept: paths.kept, state: paths.stateFolder };

/** Stacks whose state is in a checkout's own folder. */
export function stacksIn(state = usual.state): string[] {
  const folder = join(state, '.pulumi', 'stacks', 'taffrail');
  const files = existsSync(folder) ? readdirSync(folder) : [];
  return files.flatMap((file) => /^(.+)\.json$/.exec(file)?.[1] ?? []);
}

/** Pulumi keeps backups and the history of a stack that it has removed. They hold its secrets. */
export function forgetHistory(stack: string, state = usual.state): void {
  const folder = join(state, '.pulumi');
  for (const kind of ['backups', 'history'])
    rmSync(join(folder, kind, 'taffrail', stack), { recursive: true, force: true });
  for (const end of ['.json.bak', '.json.bak.attrs', '.json.attrs'])
    rmSync(join(folder, 'stacks', 'taffrail', `${stack}${end}`), { force: true });
}

/**
 * The settings file of a stack that is gone: that of `local` goes too, unless somebody wrote settings into it. Of
 * others only the salt that Pulumi wrote goes, where nothing is encrypted with it.
 *
 * @returns what to say about it
 */
export function forgetSettings(stack: string, ownBackend: boolean, { root } = usual): string[] {
  const name = `Pulumi.${stack}.yaml`;
  const file = join(root, name);
  rmSync(`${file}.bak`, { force: true });
  if (!existsSync(file)) return [];
  const text = readFileSync(file, 'utf8');
  const isMade = /^\s*["']?[\w-]+:[\w-]+["']?\s*:/m.test(text);
  if (stack === 'local' && !isMade) {
    rmSync(file);
    return [`Removed: ${name}, which had no settings.`];
  }
  if (ownBackend && !/\bsecure\s*:/.test(text)) {
    const plain = text.replace(/^encryptionsalt:.*(?:\n|$)/m, '');
    if (plain !== text) writeFileSync(file, plain);
  }
  return stack === 'local' ? [`Kept: ${name}, because it has settings of yours.`] : [];
}

/**
 * What Taffrail keeps beside the checkout: it goes with the last stack of its own backend. The passphrase stays for
 * as long as any settings file is encrypted: a stack in another backend may use it too.
 *
 * @returns what to say about it
 */
export function forgetKept(ownBackend: boolean, places = usual): string[] {
  const { root, kept, state } = places;
  if (!existsSync(kept)) return [];
  if (!ownBackend) return [`Kept: ${kept}, with the passphrase; your own backend is in use.`];
  const stacks = stacksIn(state);
  if (stacks.length > 0) return [`Kept: ${kept}, because it holds the state of ${stacks.join(', ')}.`];
  const pids = busy(kept);
  if (pids.length > 0) return [`Kept: ${kept}, because process ${pids.join(', ')} works with it.`];
  if (isTesting(kept)) return [`Kept: ${kept}, because the end-to-end tests run in it.`];
  const encrypted = readdirSync(root).filter(
    (file) =>
      /^Pulumi\..+\.yaml$/.test(file) && /^encryptionsalt:/m.test(readFileSync(join(root, file), 'utf8')),
  );
  const passphrase = join(kept, 'passphrase');
  if (encrypted.length === 0 || !existsSync(passphrase)) {
    rmSync(kept, { recursive: true, force: true });
    return [];
  }
  for (const entry of readdirSync(kept)) {
    if (entry !== 'passphrase') rmSync(join(kept, entry), { recursive: true, force: true });
  }
  return [`Kept: ${passphrase}, because ${encrypted.join(', ')} may be encrypted with it.`];
}

const isTesting = (kept: string): boolean => {
  const file = join(kept, 'e2e', 'pid');
  const pid = existsSync(file) ? Number(readFileSync(file, 'utf8')) : 0;
  return pid > 0 && isAlive(pid);
};

/** Other commands at work in this checkout. */
const busy = (kept: string): number[] =>
  readdirSync(kept)
    .filter((file) => file.endsWith('.pid'))
    .flatMap((file) => {
      try {
        const { pid, timestamp } = JSON.parse(readFileSync(join(kept, file), 'utf8')) as {
          pid: number;
          timestamp: string;
        };
        return pid !== process.pid && isAlive(pid, Date.parse(timestamp)) ? [pid] : [];
      } catch {
        return [];
      }
    });
