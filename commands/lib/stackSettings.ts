import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { YAMLParseError, parse } from 'yaml';
import { readFolder } from '../../configs/extra.ts';
import { parseSettings, type Settings } from '../../configs/settings.ts';
import { root, stackFile } from './paths.ts';
import { Sentence } from './sentence.ts';

/**
 * A stack's settings, read from its file without Pulumi and without its secrets: what a command needs to know before
 * anything runs. Throws what is wrong in the words of the settings.
 */
export function settingsOf(stack: string, file = stackFile(stack)): Settings {
  const { config, secretKeys } = readConfig(stack, file);
  return parseSettings({
    stack,
    config,
    secretKeys,
    dockerHost: process.env['DOCKER_HOST'],
    readFolder: (path) => readFolder(resolve(root, path)),
  });
}

/** The raw configuration of a stack file as Pulumi hands it to a program, and which keys are encrypted. */
export function readConfig(stack: string, file = stackFile(stack)) {
  const config: Record<string, string> = {};
  const secretKeys = new Set<string>();
  const parsed = existsSync(file) ? parsedYaml(stack, file) : {};
  for (const [full, value] of Object.entries(parsed.config ?? {})) {
    if (!full.startsWith('taffrail:')) continue;
    const key = full.slice('taffrail:'.length);
    if (holdsSecret(value)) secretKeys.add(key);
    config[key] = secretKeys.has(key) ? unread : typeof value === 'string' ? value : JSON.stringify(value);
  }
  return { config, secretKeys };
}

/** Stands for a secret that is not decrypted here; long enough for every rule. The program judges the real one. */
const unread = 'not-decrypted-by-the-commands-of-taffrail';

function parsedYaml(stack: string, file: string): { config?: Record<string, unknown> | null } {
  try {
    return (parse(readFileSync(file, 'utf8')) ?? {}) as { config?: Record<string, unknown> };
  } catch (error) {
    if (!(error instanceof YAMLParseError)) throw error;
    throw new Sentence(
      `Pulumi.${stack}.yaml is not YAML: ${error.message.trim()}\nMend that line, then repeat.`,
    );
  }
}

/** Pulumi counts a whole top-level key as secret when anything inside is. */
function holdsSecret(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  if ('secure' in value && typeof value.secure === 'string') return true;
  return Object.values(value).some(holdsSecret);
}

/** What a stack publishes on its host. */
export interface PublishedPort {
  /** The setting that says so: `grafana.port`. */
  setting: string;
  address: string;
  port: number;
}

/** Everything in the settings that has an address and a port on the host, and is on. */
export function publishedPorts(settings: Settings): PublishedPort[] {
  return Object.entries(settings).flatMap(([name, value]: [string, unknown]) => {
    if (!isObject(value) || value['enabled'] === false) return [];
    const { publish } = value;
    return [
      ...(isPublished(value) ? [{ setting: `${name}.port`, address: value.address, port: value.port }] : []),
      ...(isPublished(publish)
        ? [{ setting: `${name}.publish.port`, address: publish.address, port: publish.port }]
        : []),
    ];
  });
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null;
const isPublished = (value: unknown): value is { address: string; port: number } =>
  isObject(value) && typeof value['address'] === 'string' && typeof value['port'] === 'number';

/**
 * The engine that a stack's file names, however many mistakes the file has: a stack must be looked at and removed
 * where it is. Undefined when it names none. Throws a Sentence when it names one that cannot be read.
 */
export function hostNamed(stack: string, file = stackFile(stack)): string | undefined {
  const text = existsSync(file) ? readFileSync(file, 'utf8') : '';
  const found = /^\s*["']?taffrail:docker-?host["']?\s*:[ \t]*(.*)$/im.exec(text)?.[1];
  const value = found
    ?.replace(/\s+#.*$/, '')
    .trim()
    .replace(/^(["'])(.*)\1$/, '$2');
  if (value === undefined || value === '') return undefined;
  if (/^(?:ssh|unix):\/\/\S+$/.test(value) && URL.canParse(value)) return value;
  throw new Sentence(
    `Pulumi.${stack}.yaml names the engine "${value}", which cannot be reached by that name.\n` +
      `Mend it:  pulumi config set -s ${stack} taffrail:dockerHost ssh://root@vps.example.com`,
  );
}
