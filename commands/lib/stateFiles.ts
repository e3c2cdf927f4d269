import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { stateFolder } from './paths.ts';

/**
 * Removes what a Pulumi that was killed while it wrote a stack's state has left in the state folder. Pulumi replaces the
 * state itself in one step; the file of attributes beside it, which it can do without, it does not, and with half of one
 * every command fails: `failed to load checkpoint: EOF`. Nobody may be working on the stack.
 *
 * @returns whether there was something that would have kept Pulumi from reading the state
 */
export function mendStateFiles(stack: string, state = stateFolder): boolean {
  const folder = join(state, '.pulumi', 'stacks', 'taffrail');
  let mended = false;
  for (const file of filesOf(folder)) {
    if (!file.startsWith(`${stack}.json`)) continue;
    const isHalf = file.endsWith('.attrs') && !isJson(join(folder, file));
    if (!isHalf && !/\.json\.[0-9a-f]+\.tmp$/.test(file)) continue;
    rmSync(join(folder, file), { force: true });
    mended ||= isHalf;
  }
  return mended;
}

function filesOf(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function isJson(file: string): boolean {
  try {
    JSON.parse(readFileSync(file, 'utf8'));
    return true;
  } catch {
    return false;
  }
}
