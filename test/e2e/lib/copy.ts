import { randomBytes } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { execa } from 'execa';
import { copy, freshCopy, outputs, place, root } from './place.ts';

/** Makes both copies; the first gets the state and the passphrase of the test's stacks. */
export async function copyCheckout(): Promise<void> {
  rmSync(outputs, { recursive: true, force: true });
  mkdirSync(outputs, { recursive: true });
  await Promise.all([copy, freshCopy].map(copyTo));
  const kept = join(copy, '.taffrail');
  mkdirSync(join(kept, 'state'), { recursive: true, mode: 0o700 });
  writeFileSync(join(kept, 'passphrase'), `${randomBytes(32).toString('base64url')}\n`, { mode: 0o600 });
}

/** Copies what git knows or would add: a clean checkout, and a dirty one as it stands. */
async function copyTo(folder: string): Promise<void> {
  rmSync(folder, { recursive: true, force: true });
  const { stdout } = await execa('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
    cwd: root,
  });
  for (const file of new Set(stdout.split('\0').filter(Boolean))) {
    // In a work tree of git, node_modules is a link, which git does not ignore.
    if (!existsSync(join(root, file)) || file === 'node_modules') continue;
    mkdirSync(dirname(join(folder, file)), { recursive: true });
    cpSync(join(root, file), join(folder, file), { force: true, verbatimSymlinks: true });
  }
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
}

export const passphraseFile = join(copy, '.taffrail', 'passphrase');
export const stateFolder = join(copy, '.taffrail', 'state');

/** What `pulumi` and the commands of the copy get: the rig or the machine's own, with the copy's state. */
export function variables(base: Record<string, string>): Record<string, string> {
  return {
    PULUMI_HOME: join(root, '.taffrail', 'pulumi'),
    ...base,
    PULUMI_BACKEND_URL: `file://${stateFolder}`,
    PULUMI_CONFIG_PASSPHRASE_FILE: passphraseFile,
    PULUMI_SKIP_UPDATE_CHECK: 'true',
    // As `npm run env` sets it.
    PULUMI_CONTINUE_ON_ERROR: 'true',
    // Shows the CLI's flag --event-log, as the Automation API does.
    PULUMI_DEBUG_COMMANDS: 'true',
    TAFFRAIL_E2E: place,
  };
}
