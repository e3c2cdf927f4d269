import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The checkout. */
export const root = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '');

/** Everything Taffrail keeps beside the checkout's own files; ignored by git. */
export const kept = join(root, '.taffrail');
export const stateFolder = join(kept, 'state');
export const passphraseFile = join(kept, 'passphrase');
export const pulumiFolder = join(kept, 'pulumi');

/** Where Taffrail installs the CLI for who has none; on no shell's PATH. */
export const installedCli = join(pulumiFolder, 'cli', 'bin');

/** Pulumi's file backend takes what follows `file://` as a path: a space stays a space. */
export const backendUrl = `file://${stateFolder}`;
export const stackFile = (stack: string): string => join(root, `Pulumi.${stack}.yaml`);

/** Whether a folder of PATH holds not the CLI but what `env` puts before it, of whatever checkout. */
export const holdsWrapper = (folder: string): boolean =>
  /\/commands\/bin\/?$/.test(folder) && existsSync(join(dirname(folder), 'lib', 'environment.ts'));
