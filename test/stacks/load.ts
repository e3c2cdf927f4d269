import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { parseSettings, type Settings, type Source } from '../../configs/settings.ts';

/** How Pulumi's YAML reader (Go) writes a day that is not in quotes. Measured with the CLI 3.256.0. */
const goTime = (day: Date): string =>
  day
    .toISOString()
    .replace('T', ' ')
    .replace(/\.000Z$/, ' +0000 UTC');

function plain(value: unknown): unknown {
  if (value instanceof Date) return goTime(value);
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value;
  // Go sorts the keys of a map.
  const sorted = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(sorted.map(([key, child]) => [key, plain(child)]));
}

/** The text that Pulumi hands to a program for one value of the file: structures as JSON, all else as text. */
export function handedOver(value: unknown): string {
  const bare = plain(value) ?? '';
  return typeof bare === 'string' ? bare : JSON.stringify(bare);
}

export type StackConfig = Pick<Source, 'config' | 'secretKeys' | 'otherKeys'>;

/** `config:` of a stack's YAML, as the program gets it. `secrets` are added as `pulumi config set --secret` would. */
export function configOf(text: string, secrets: Readonly<Record<string, string>> = {}): StackConfig {
  const file = parse(text, { customTags: ['timestamp'] }) as { config?: Record<string, unknown> } | null;
  const entries = Object.entries(file?.config ?? {}).toSorted(([a], [b]) => (a < b ? -1 : 1));
  const ours = entries.filter(([key]) => key.startsWith('taffrail:'));
  return {
    config: {
      ...Object.fromEntries(ours.map(([key, value]) => [key.slice('taffrail:'.length), handedOver(value)])),
      ...secrets,
    },
    secretKeys: new Set(Object.keys(secrets)),
    otherKeys: entries.map(([key]) => key).filter((key) => !key.startsWith('taffrail:')),
  };
}

/** The secrets that the comments of a stack's YAML tell to set: `pulumi config set --secret <name>`. */
export const secretsToSet = (text: string): string[] => [
  ...new Set(
    [...text.matchAll(/^#.*pulumi config set (?:-s \S+ )?--secret (?:taffrail:)?(\w+)/gm)].map(
      ([, name = '']) => name,
    ),
  ),
];

/** A value for each, long enough for every rule. */
export const fakeSecrets = (names: readonly string[]): Record<string, string> =>
  Object.fromEntries(names.map((name) => [name, `synthetic-${name}-0123456789`]));

/** The settings of a stack's YAML file, with the secrets set that its comments name. */
export function loadStack(path: string | URL, stack: string): Settings {
  const text = readFileSync(path, 'utf8');
  return parseSettings({
    stack,
    ...configOf(text, fakeSecrets(secretsToSet(text))),
    readFolder: () => ({}),
  });
}
