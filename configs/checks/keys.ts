import { distance } from 'fastest-levenshtein';
import type { z } from 'zod';
import { type Mistake, misspelt, nearest } from '../mistakes.ts';
import { schemaAt } from '../schemaWalk.ts';
import type { Source } from '../settings.ts';
import {
  both,
  nameAndSet,
  remove,
  rename,
  set,
  setSecret,
  type SettingPath,
  shellWord,
  usualName,
  written,
} from '../whatToType.ts';

// The keys of a stack's configuration: which are settings, which are secrets, and whether either is what it should be.

interface Naming {
  path: SettingPath;
  name: string;
  /** The name that Taffrail would give the secret. */
  usual: string;
}

/** Every place that names a secret. A password that Taffrail keeps itself (`postgres.password`) is none. */
function namings(schema: z.ZodType, value: unknown, path: SettingPath = [], entry?: unknown): Naming[] {
  if (typeof value === 'string') {
    const named = schemaAt(schema, path)?.about?.secretName === true && /^[a-zA-Z][a-zA-Z0-9]*$/.test(value);
    return named ? [{ path, name: value, usual: usualName(path, entry) }] : [];
  }
  if (Array.isArray(value)) return value.flatMap((child, index) => namings(schema, child, [...path, index]));
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, child]) => namings(schema, child, [...path, key], value));
}

/** Secrets that are missing, in clear text, or named by nothing; keys that are neither setting nor secret. */
export function secretMistakes(
  source: Source,
  schema: z.ZodObject,
  given: Record<string, unknown>,
  encrypted: ReadonlySet<string>,
): Mistake[] {
  const { config, secretKeys, stack } = source;
  const settings = Object.keys(schema.shape);
  const all = namings(schema, given);
  const free = new Set(Object.keys(config).filter((key) => !settings.includes(key)));
  for (const { name } of all) free.delete(name);
  const found: Mistake[] = [];
  const told = new Set<string>();
  for (const naming of all) {
    // An encrypted setting is refused as a whole; its texts may be secrets themselves.
    if (encrypted.has(String(naming.path[0])) || told.has(naming.name)) continue;
    if (config[naming.name] === undefined) {
      const near = nearest(
        naming.name,
        [...free].filter((key) => secretKeys.has(key)),
      );
      if (near !== undefined) free.delete(near);
      if (naming.name === naming.usual) told.add(naming.name);
      found.push(unset(naming, all, near, stack));
    } else if (!secretKeys.has(naming.name)) {
      told.add(naming.name);
      found.push({
        path: naming.name,
        given: 'a secret in clear text',
        wanted: `an encrypted value, because ${namers(naming.name, all)} it`,
        type: setSecret(naming.name),
      });
    }
  }
  const named = all.filter(({ name, usual }) => name === usual).map(({ name }) => name);
  for (const key of free) {
    const isSecret = secretKeys.has(key);
    const taken = [...settings, ...named].some(
      (other) => other !== key && config[other] !== undefined && nearest(key, [other]) === other,
    );
    found.push(misspelt(key, { isSecret, settings, named, stack, taken }));
  }
  return found;
}

const namers = (name: string, all: Naming[]): string => {
  const paths = all.filter((naming) => naming.name === name).map(({ path }) => written(path));
  return `${paths.join(' and ')} ${paths.length === 1 ? 'names' : 'name'}`;
};

/** What stands there may be the secret itself, put where its name belongs: it is shown only if it is the usual name. */
function unset(
  { path, name, usual }: Naming,
  all: Naming[],
  near: string | undefined,
  stack: string,
): Mistake {
  if (name === usual) {
    return near === undefined
      ? {
          path: name,
          given: 'nothing',
          wanted: `a secret, because ${namers(name, all)} it`,
          type: setSecret(name),
        }
      : {
          path: near,
          given: 'a secret that no setting names',
          wanted: `perhaps ${name}, because ${namers(name, all)} it`,
          type: rename(stack, [near], name, undefined),
        };
  }
  if (near !== undefined) {
    const given = 'the name of a secret that is not set';
    return { path: written(path), given, wanted: `perhaps ${near}, which is set`, type: set(path, near) };
  }
  return {
    path: written(path),
    given: 'a name for which no secret is set; not shown: it may be the secret itself',
    wanted: `the name of a secret, like ${usual}`,
    type: both(set(path, usual), setSecret(usual)),
  };
}

/** Settings that are encrypted, or hold something that is. */
export function encryptedSettings(
  { config, secretKeys, stack }: Source,
  schema: z.ZodType,
  given: Record<string, unknown>,
  encrypted: ReadonlySet<string>,
): Mistake[] {
  return [...encrypted].map((key) => {
    const value = given[key];
    const place = schemaAt(schema, [key]);
    const structure = typeof value === 'object' && value !== null;
    const good = (name: unknown) =>
      typeof name === 'string' && config[name] !== undefined && secretKeys.has(name);
    const passwords = namedPlaces(schema, value, [key])
      .filter(({ name }) => !good(name))
      .map(({ path }) => path);
    const mend = passwords.flatMap((path) => {
      return [remove(path), nameAndSet(path)];
    });
    const plain = `pulumi config set --plaintext taffrail:${key} ${shellWord(place?.about?.example ?? 'true')}`;
    const look = `grep -n -B1 secure: ${shellWord(`Pulumi.${stack}.yaml`)}`;
    return {
      path: passwords.length === 1 && passwords[0] !== undefined ? written(passwords[0]) : key,
      given: structure ? 'something encrypted in it' : 'an encrypted value',
      wanted: 'plain text; a secret has a key of its own, which this setting names',
      type: !structure ? plain : mend.length > 0 ? both(...mend) : look,
    };
  });
}

/** Where a secret's name belongs, whatever stands there. */
function namedPlaces(
  schema: z.ZodType,
  value: unknown,
  path: SettingPath,
): { path: SettingPath; name: unknown }[] {
  if (schemaAt(schema, path)?.about?.secretName === true) return [{ path, name: value }];
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, child]) =>
    namedPlaces(schema, child, [...path, Array.isArray(value) ? Number(key) : key]),
  );
}

/** The name of the stack, which becomes part of every name; and keys with a misspelt prefix. */
export function nameMistakes({ stack, otherKeys = [] }: Source): Mistake[] {
  const found: Mistake[] = [];
  if (!/^[a-z0-9][a-z0-9_-]{0,40}$/.test(stack)) {
    const better =
      stack
        .toLowerCase()
        .replace(/[^a-z0-9_-]+/g, '-')
        .replace(/^[-_]+/, '')
        .slice(0, 41) || 'local';
    found.push({
      path: 'stack',
      given: stack,
      wanted:
        "a stack name of at most 41 small letters, digits, - and _: it is part of every container's name",
      type: `pulumi stack rename ${better}`,
    });
  }
  for (const whole of otherKeys) {
    const [prefix = '', key = ''] = whole.split(/:(.*)/s);
    if (distance(prefix.toLowerCase(), 'taffrail') > 2) continue;
    found.push({
      path: key,
      given: `the prefix ${prefix}:`,
      wanted: `taffrail:${key}`,
      type: `sed -i.bak ${shellWord(`s/${prefix}:${key}:/taffrail:${key}:/`)} ${shellWord(`Pulumi.${stack}.yaml`)}`,
    });
  }
  return found;
}
