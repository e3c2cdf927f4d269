/** The rig: the real engine and programs where only package registries can be reached. */
import { existsSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { type ImageKey, imageKeys } from '../../configs/images.ts';
import { buildParts, buildable } from './build.ts';
import { type Progress, RigError, cacheFolder } from './cache.ts';
import { answers, dockerHost as rigHost, engineStatus, startEngine, stopEngine } from './engine.ts';
import { ensureImages } from './images.ts';
import { type PartKind, part, parts, shippedVersion } from './parts.ts';
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
function officialInstalled(env: NodeJS.ProcessEnv): boolean {
  const home = env.PULUMI_HOME ?? join(homedir(), '.pulumi');
  const cli = (env.PATH ?? '').split(delimiter).some((folder) => {
    return !folder.startsWith(cacheFolder(env)) && existsSync(join(folder, 'pulumi'));
  });
  const plugins = parts.filter((one) => one.plugin);
  return (
    cli && plugins.every((one) => existsSync(join(home, 'plugins', `resource-${one.plugin}-v${one.version}`)))
  );
}

/** Whether the user's own engine answers; over ssh or tcp that is for the plugin to find out. */
async function dockerAnswers(env: NodeJS.ProcessEnv): Promise<boolean> {
  const host = env.DOCKER_HOST ?? 'unix:///var/run/docker.sock';
  if (host === rigHost) return false;
  return host.startsWith('unix://') ? answers(host.slice('unix://'.length)) : true;
}

/**
 * Whether the rig is to be used: TAFFRAIL_RIG=1 or 0 decides; else it is used where only package registries can
 * be reached.
 *
 * @param options.reachable whether official downloads can be reached
 * @throws RigError with what to type where Docker does not answer although official downloads can be reached
 */
export async function decideRig(
  env: NodeJS.ProcessEnv,
  { reachable = downloadsReachable } = {},
): Promise<{ use: boolean; reason: string }> {
  if (env.TAFFRAIL_RIG === '1') return { use: true, reason: 'TAFFRAIL_RIG=1' };
  if (env.TAFFRAIL_RIG === '0') return { use: false, reason: 'TAFFRAIL_RIG=0' };
  if (env.TAFFRAIL_RIG)
    throw new RigError(`TAFFRAIL_RIG is "${env.TAFFRAIL_RIG}"; it takes 1, 0, or nothing`);
  const docker = await dockerAnswers(env);
  if (docker && officialInstalled(env))
    return { use: false, reason: 'Docker answers, CLI and plugins are installed' };
  const official = await reachable();
  if (!official) return { use: true, reason: 'official downloads cannot be reached' };
  if (docker) return { use: false, reason: 'Docker answers and official downloads can be reached' };
  throw new RigError(
    `Docker does not answer on ${env.DOCKER_HOST ?? '/var/run/docker.sock'}. ` +
      'Type: sudo systemctl start docker (to install it: https://docs.docker.com/engine/install/)',
  );
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
