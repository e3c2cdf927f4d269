/** The rig: the real engine and programs where only package registries can be reached. */
import { existsSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { holdsWrapper, installedCli } from '../../commands/lib/paths.ts';
import { type ImageKey, imageKeys } from '../../configs/images.ts';
import { buildParts, buildable } from './build.ts';
import { type Progress, RigError, cacheFolder } from './cache.ts';
import { answers, dockerHost as rigHost, engineStatus, startEngine, stopEngine } from './engine.ts';
import { ensureImages } from './images.ts';
import { type Part, type PartKind, part, parts, shippedVersion } from './parts.ts';
import { assembleCli, installPlugins, pulumiEnv } from './pulumi.ts';

export { type Progress, RigError } from './cache.ts';
export { engineStatus } from './engine.ts';

/** A line of the table of parts. */
export interface PartLine {
  name: string;
  kind: PartKind;
  version: string;
  /** What the shipped image has, where it is another one. */
  shippedVersion?: string;
  note?: string;
}

export interface RigEnvironment {
  /** Folders to put before PATH. */
  path: string[];
  env: Record<string, string>;
  dockerHost: string;
  parts: PartLine[];
}

/** What the rig gives where the engine is on another machine. */
export type RigTools = Omit<RigEnvironment, 'dockerHost'>;

/** Who uses the engine: checkouts are told apart by their folder. */
const checkout = join(import.meta.dirname, '..', '..');

/** What only the official download server has; a HEAD of it shows whether it can be reached. */
const officialDownload = `https://get.pulumi.com/releases/sdk/pulumi-v${part('pulumi').version}-linux-x64.tar.gz`;
const REACH_MS = 3000;

async function downloadsReachable(): Promise<boolean> {
  try {
    return (await fetch(officialDownload, { method: 'HEAD', signal: AbortSignal.timeout(REACH_MS) })).ok;
  } catch {
    return false;
  }
}

/** Whether the CLI and the plugins are installed already, so that nothing needs to be downloaded. */
function officialInstalled(env: NodeJS.ProcessEnv, ownCli: string): boolean {
  const home = env.PULUMI_HOME ?? join(homedir(), '.pulumi');
  const cli = [...(env.PATH ?? '').split(delimiter), ownCli].some((folder) => {
    const isOurs = folder.startsWith(cacheFolder(env)) || holdsWrapper(folder);
    return !isOurs && existsSync(join(folder, 'pulumi'));
  });
  const plugins = parts.filter((one) => one.plugin);
  return (
    cli && plugins.every((one) => existsSync(join(home, 'plugins', `resource-${one.plugin}-v${one.version}`)))
  );
}

const hostOf = (env: NodeJS.ProcessEnv): string => env.DOCKER_HOST ?? 'unix:///var/run/docker.sock';

/** How the user's own engine takes being asked; over ssh or tcp that is for the plugin to find out. */
async function askEngine(host: string): Promise<'answers' | 'refuses' | 'silent'> {
  if (host === rigHost) return 'silent';
  if (!host.startsWith('unix://')) return 'answers';
  const socket = host.slice('unix://'.length);
  if (await answers(socket)) return 'answers';
  return (await connectError(socket)) === 'EACCES' ? 'refuses' : 'silent';
}

/** Why a socket cannot be connected to; undefined when it can. */
const connectError = (path: string): Promise<string | undefined> =>
  new Promise((resolve) => {
    const client = connect(path, () => {
      client.destroy();
      resolve(undefined);
    });
    client.on('error', ({ code }: NodeJS.ErrnoException) => {
      resolve(code);
    });
  });

/** That an engine on this machine does not answer, in the doctor's words. */
async function silentError(host: string): Promise<RigError> {
  const [{ socketFacts }, { silence }] = await Promise.all([
    import('../../commands/lib/facts.ts'),
    import('../../commands/lib/judge.ts'),
  ]);
  const path = host.slice('unix://'.length);
  const silent = (await connectError(path)) ?? 'it takes connections, but is not well';
  const { words, type } = silence({ address: host, rig: false, socket: socketFacts(path), silent });
  return new RigError(`${words}\nType: ${type}`);
}

/**
 * Whether the rig is to be used: TAFFRAIL_RIG=1 or 0 decides; else it is used where only package registries can
 * be reached. An engine that is there and refuses this user is never replaced by the rig's.
 *
 * @param options.reachable whether official downloads can be reached
 * @param options.ownCli the folder of the CLI that `npm run up` installs for who has none
 * @param options.mustAnswer whether the user's engine has to answer where the rig is not used; false for who looks
 *   at it afterwards, or needs none
 * @throws RigError with what to type
 */
export async function decideRig(
  env: NodeJS.ProcessEnv,
  { reachable = downloadsReachable, mustAnswer = true, ownCli = installedCli } = {},
): Promise<{ use: boolean; reason: string }> {
  if (env.TAFFRAIL_RIG === '1') return { use: true, reason: 'TAFFRAIL_RIG=1' };
  if (env.TAFFRAIL_RIG === '0') return { use: false, reason: 'TAFFRAIL_RIG=0' };
  if (env.TAFFRAIL_RIG)
    throw new RigError(`TAFFRAIL_RIG is "${env.TAFFRAIL_RIG}"; it takes 1, 0, or nothing`);
  const host = hostOf(env);
  const docker = await askEngine(host);
  if (docker === 'answers' && officialInstalled(env, ownCli))
    return { use: false, reason: 'Docker answers, CLI and plugins are installed' };
  if (docker !== 'refuses' && !(await reachable()))
    return { use: true, reason: 'official downloads cannot be reached' };
  if (docker === 'answers')
    return { use: false, reason: 'Docker answers and official downloads can be reached' };
  if (host === rigHost)
    throw new RigError(
      `${host} is the rig's engine, and the rig is not used where official downloads can be reached.\n` +
        'Type: unset DOCKER_HOST   # or, to use the rig: export TAFFRAIL_RIG=1',
    );
  if (mustAnswer) throw await silentError(host);
  return {
    use: false,
    reason:
      docker === 'refuses'
        ? 'Docker is there, and refuses this user'
        : 'Docker does not answer, and official downloads can be reached',
  };
}

/** The parts, one line each. `official` where the rig is not used. */
export function partsTable(rig: boolean): PartLine[] {
  const built = new Set(buildable().map(({ one }) => one.name));
  return parts
    .filter((one) => !one.module || built.has(one.name))
    .filter((one) => rig || one.image !== undefined || one.plugin !== undefined || one.name === 'pulumi')
    .map((one) => {
      const shipped = shippedVersion(one);
      if (!rig) return { name: one.name, kind: 'official', version: shipped ?? one.version };
      return {
        name: one.name,
        kind: one.kind,
        version: one.version,
        ...(shipped !== undefined && shipped !== one.version && { shippedVersion: shipped }),
        ...(one.note !== undefined && { note: one.note }),
      };
    });
}

/** The table as text, for people. */
export function formatParts(lines: readonly PartLine[]): string {
  const rows = lines.map((line) => [
    line.name,
    line.kind,
    line.version,
    line.shippedVersion === undefined ? '' : `shipped: ${line.shippedVersion}`,
    line.note ?? '',
  ]);
  const table = [['part', 'kind', 'version', '', ''], ...rows];
  const widths = [0, 1, 2, 3].map((column) => Math.max(...table.map((row) => row[column]?.length ?? 0)));
  return table
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

/**
 * Builds what is missing, starts the engine, makes the images.
 *
 * @param images keys of configs/images.ts; all of them when left out
 * @throws RigError in words for the user
 */
export async function ensureRig(options: {
  pulumiHome: string;
  progress: Progress;
  images?: readonly ImageKey[];
}): Promise<RigEnvironment> {
  const { progress } = options;
  const folders = await buildParts(progress);
  const folderOf = (name: string): string => {
    const folder = folders.get(name);
    if (folder === undefined) throw new RigError(`the rig has not built the part "${name}"`);
    return folder;
  };
  const dockerHost = await startEngine([folderOf('engine'), folderOf('runc')], progress, checkout);
  const cli = assembleCli(folderOf('pulumi'));
  installPlugins(options.pulumiHome, folders);
  await ensureImages(dockerHost, folderOf, options.images ?? imageKeys, progress);
  return {
    path: [cli, folderOf('compose')],
    env: { ...pulumiEnv(options.pulumiHome), DOCKER_HOST: dockerHost },
    dockerHost,
    parts: partsTable(true),
  };
}

/** The parts that talk to an engine; what an engine elsewhere needs here. */
const isTool = ({ name, plugin }: Part): boolean => name === 'pulumi' || plugin !== undefined;

/**
 * Builds the CLI and the plugins only, and starts nothing.
 *
 * @throws RigError in words for the user
 */
export async function ensureTools(options: { pulumiHome: string; progress: Progress }): Promise<RigTools> {
  const tools = parts.filter(isTool).map(({ name }) => name);
  const folders = await buildParts(options.progress, tools);
  const pulumi = folders.get('pulumi');
  if (pulumi === undefined) throw new RigError('the rig has not built the part "pulumi"');
  installPlugins(options.pulumiHome, folders);
  return {
    path: [assembleCli(pulumi)],
    env: pulumiEnv(options.pulumiHome),
    parts: partsTable(true).filter(({ name }) => tools.includes(name)),
  };
}

/**
 * Ends this checkout's use of the engine, and stops the engine and its containers when no other checkout uses it.
 *
 * @returns why the engine stays; undefined when it is stopped
 */
export function stopRig(
  progress: Progress = () => undefined,
  user: string = checkout,
): Promise<string | undefined> {
  return stopEngine(progress, user);
}

/** Stops the engine and removes all that the rig keeps: programs, images, volumes, logs. */
export async function cleanRig(progress: Progress = () => undefined): Promise<void> {
  await stopEngine(progress);
  const { version } = await engineStatus();
  if (version !== undefined)
    throw new RigError("the rig's engine still answers; nothing was removed. Try again");
  rmSync(cacheFolder(), { recursive: true, force: true });
  rmSync('/run/taffrail-rig', { recursive: true, force: true });
}
