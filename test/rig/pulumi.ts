/** The rig's Pulumi: CLI and language host side by side, plugins installed as the CLI itself installs them. */
import { createHash } from 'node:crypto';
import {
  copyFileSync,
  cpSync,
  existsSync,
  linkSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import { cacheFolder } from './cache.ts';
import { parts } from './parts.ts';

const hostFolder = join(import.meta.dirname, 'standins', 'language-nodejs');
const hostFiles = ['pulumi-language-nodejs', 'host.ts'];

/** A second name for a large file; a copy where file systems differ. */
function share(from: string, to: string): void {
  try {
    linkSync(from, to);
  } catch {
    copyFileSync(from, to);
  }
}

/**
 * The folder for PATH with `pulumi` and its language host. They must lie together: the CLI takes a host
 * beside itself for its own and warns of every other.
 *
 * @param cli the folder of the part `pulumi`
 */
export function assembleCli(cli: string): string {
  const hash = createHash('sha256').update(basename(cli));
  for (const file of hostFiles) hash.update(readFileSync(join(hostFolder, file)));
  const folder = join(cacheFolder(), `cli-${hash.digest('hex').slice(0, 16)}`);
  if (existsSync(folder)) return folder;
  const draft = `${folder}.${process.pid}`;
  mkdirSync(draft, { recursive: true });
  share(join(cli, 'pulumi'), join(draft, 'pulumi')); // no symlink: the CLI would look beside the file it points to
  for (const file of hostFiles) cpSync(join(hostFolder, file), join(draft, file));
  try {
    renameSync(draft, folder);
  } catch {
    rmSync(draft, { recursive: true, force: true }); // another process was first
  }
  return folder;
}

const same = (one: string, other: string): boolean => {
  if (!existsSync(other)) return false;
  const [a, b] = [statSync(one), statSync(other)];
  return a.ino === b.ino || (a.size === b.size && readFileSync(one).equals(readFileSync(other)));
};

/**
 * Lays the built plugins into a PULUMI_HOME as `pulumi plugin install` would.
 *
 * @param folders the parts' folders, by part name
 */
export function installPlugins(pulumiHome: string, folders: ReadonlyMap<string, string>): void {
  for (const { name, plugin, version } of parts) {
    const from = folders.get(name);
    if (!plugin || from === undefined) continue;
    const file = `pulumi-resource-${plugin}`;
    const folder = join(pulumiHome, 'plugins', `resource-${plugin}-v${version}`);
    if (same(join(from, file), join(folder, file))) continue;
    const draft = `${folder}.rig-${process.pid}`;
    mkdirSync(draft, { recursive: true });
    share(join(from, file), join(draft, file));
    rmSync(folder, { recursive: true, force: true });
    renameSync(draft, folder);
    writeFileSync(`${folder}.lock`, ''); // the CLI's own mark; a `.partial` one would mean half installed
  }
}

/** What the rig's CLI needs in its environment to stay with what is installed. */
export function pulumiEnv(pulumiHome: string): Record<string, string> {
  return {
    PULUMI_HOME: pulumiHome,
    PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION: '1',
    PULUMI_SKIP_UPDATE_CHECK: 'true',
  };
}
