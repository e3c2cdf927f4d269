import { existsSync, globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './paths.ts';

/**
 * Over ssh, how many resources are worked on at once. The CLI's default is four per core; sshd drops logins from the tenth
 * that is under way (MaxStartups), and the docker provider does not try again. Two are left for the command itself.
 */
export const overSsh = '8';

/**
 * What the CLI needs where the engine is behind ssh and the person has not said how much is done at once. Loads nothing:
 * it stands before every call of `pulumi`.
 *
 * @param stack undefined: the selected one, whichever that is
 */
export function parallelFor(
  stack: string | undefined,
  set: Readonly<Record<string, string | undefined>> = process.env,
  folder = root,
): Record<string, string> {
  if (set['PULUMI_PARALLEL'] !== undefined) return {};
  const name = stack?.split('/').at(-1); // `acme/taffrail/prod`
  const files = name === undefined ? globSync('Pulumi.*.yaml', { cwd: folder }) : [`Pulumi.${name}.yaml`];
  const hosts = files
    .map((file) => join(folder, file))
    .map((file) => (existsSync(file) ? hostIn(readFileSync(file, 'utf8')) : undefined))
    .map((host) => host ?? set['DOCKER_HOST']);
  return hosts.some((host) => host?.startsWith('ssh:')) ? { PULUMI_PARALLEL: overSsh } : {};
}

const hostIn = (text: string): string | undefined =>
  /^\s*["']?taffrail:docker-?host["']?\s*:\s*["']?([^\s"'#]+)/im.exec(text)?.[1];
