import { closest, distance } from 'fastest-levenshtein';
import type { z } from 'zod';
import { type About } from './schema.ts';
import { type Place, placeOf, schemaAt } from './schemaWalk.ts';
import {
  both,
  keepAsText,
  nameAndSet,
  remove,
  rename,
  set,
  type SettingPath,
  written,
} from './whatToType.ts';

/** One thing wrong with the settings. */
export interface Mistake {
  /** Where, without the project's prefix: `loki.retention`. */
  path: string;
  /** What stands there. Never the text of a secret. */
  given: string;
  /** What should stand there. */
  wanted: string;
  /** What to type now. */
  type: string;
}

/** Every mistake of one file. Its message is all that a person sees. */
export class MistakesError extends Error {
  readonly mistakes: readonly Mistake[];
  constructor(stack: string, mistakes: readonly Mistake[]) {
    const count = mistakes.length === 1 ? '1 mistake' : `${String(mistakes.length)} mistakes`;
    const lines = mistakes.map(
      ({ path, given, wanted, type }) =>
        `  taffrail:${path}\n    given:  ${given}\n    wanted: ${wanted}\n    type:   ${type}\n`,
    );
    const closing = `The lines to type change the selected stack: \`pulumi stack select ${stack}\` first, if it is another.`;
    super(`Pulumi.${stack}.yaml has ${count}. Nothing was changed.\n\n${lines.join('\n')}\n${closing}`);
    this.name = 'MistakesError';
    this.mistakes = mistakes;
  }
}

interface Context {
  schema: z.ZodType;
  /** What the file says: the structure that was parsed. */
  given: unknown;
  stack: string;
}

/** The mistakes that the schema found, in the words of the settings. */
export function mistakesOf(error: z.ZodError, schema: z.ZodType, given: unknown, stack: string): Mistake[] {
  const context = { schema, given, stack };
  const issues = error.issues.flatMap((issue) => flat(issue, [], given));
  const found = issues.flatMap((issue) =>
    issue.code === 'unrecognized_keys'
      ? issue.keys.map((key) => unknownKey([...issue.path, key], context))
      : [],
  );
  // A misspelt key and the missing one that it stands for are one mistake.
  const explained = new Set(found.map(({ stands }) => stands));
  const others = issues
    .filter((issue) => issue.code !== 'unrecognized_keys' && !explained.has(written(issue.path)))
    .map((issue) =>
      issue.code === 'invalid_key' ? badName(issue.path, context) : wrongValue(issue.path, context),
    );
  return [...found.map(({ mistake }) => mistake), ...others];
}

/** The issues of a union's most likely alternative, for a structure; else the union's own. Paths are whole. */
function flat(issue: z.core.$ZodIssue, before: SettingPath, given: unknown): z.core.$ZodIssue[] {
  const path = [...before, ...issue.path];
  const whole = { ...issue, path };
  const value = valueAt(given, path);
  if (issue.code !== 'invalid_union' || typeof value !== 'object' || value === null) return [whole];
  const wrongKind = (inner: z.core.$ZodIssue) =>
    inner.path.length === 0 && (inner.code === 'invalid_type' || inner.code === 'invalid_value');
  const [likely] = issue.errors
    .filter((alternative) => !alternative.some(wrongKind))
    .toSorted((a, b) => a.length - b.length);
  return likely === undefined ? [whole] : likely.flatMap((inner) => flat(inner, path, given));
}

function unknownKey(
  path: SettingPath,
  { schema, given, stack }: Context,
): { mistake: Mistake; stands?: string } {
  const parent = path.slice(0, -1);
  const key = String(path.at(-1));
  const known = Object.keys(schemaAt(schema, parent)?.shape ?? {});
  const near = nearest(key, known);
  const full = written(path);
  const mistake = { path: full, given: `a setting that does not exist: ${key}` };
  if (near === undefined)
    return { mistake: { ...mistake, wanted: `one of ${known.join(', ')}`, type: remove(path) } };
  const target = [...parent, near];
  const taken = valueAt(given, target) !== undefined;
  return {
    mistake: {
      ...mistake,
      wanted: taken ? `${written(target)}, which is set too` : `perhaps ${written(target)}`,
      type: taken ? remove(path) : rename(stack, path, near, valueAt(given, path)),
    },
    ...(!taken && { stands: written(target) }),
  };
}

/** A name, chosen by the person, that cannot be one. */
function badName(path: SettingPath, { schema, given, stack }: Context): Mistake {
  const key = String(path.at(-1));
  const better =
    key
      .toLowerCase()
      .replace(/[^a-z0-9]+/g, '-')
      .replace(/^[^a-z]+|-+$/g, '') || 'name';
  return {
    path: written(path),
    given: `the name ${JSON.stringify(shortened(key))}`,
    wanted: schemaAt(schema, path.slice(0, -1))?.about?.wanted ?? 'another name',
    type: rename(stack, path, better, valueAt(given, path)),
  };
}

function wrongValue(path: SettingPath, { schema, given }: Context): Mistake {
  const place = schemaAt(schema, path);
  const value = valueAt(given, path);
  const about = place?.about ?? schemaAt(schema, path.slice(0, -1))?.about;
  return {
    path: written(path),
    given: shown(value, place, about),
    wanted: wantedAt(place, about),
    type: repair(path, place, about, given),
  };
}

function wantedAt(place: Place | undefined, about: About | undefined): string {
  if (place?.options !== undefined) return `one of ${place.options.join(', ')}`;
  if (about?.wanted !== undefined) return about.wanted;
  if (place?.shape !== undefined) return `settings of its own: ${Object.keys(place.shape).join(', ')}`;
  return place?.type === 'array' ? 'a list' : 'another value';
}

/** The line to type: what was most likely meant, else the example. A structure is made anew with what it needs. */
function repair(
  path: SettingPath,
  place: Place | undefined,
  about: About | undefined,
  given: unknown,
): string {
  if (place === undefined) return remove(path);
  const value = valueAt(given, path);
  if (about?.secretName) return nameAndSet(path, valueAt(given, path.slice(0, -1)));
  if (about?.hidden && (typeof value === 'number' || typeof value === 'boolean')) return keepAsText(path);
  const empty = value === undefined || value === null || value === '';
  const made = place.shape !== undefined || place.element !== undefined;
  if (!made) return setScalar(path, place, likely(place, about, value), given);
  // A structure with nothing in it means the default.
  if (empty && (place.default !== undefined || place.optional)) return remove(path);
  const lines = place.type === 'union' ? [set(path, likely(place, about, value))] : starters(path, place);
  const scalar = typeof value !== 'object' && place.type === 'union';
  return empty || scalar ? both(...lines) : both(remove(path), ...lines);
}

/** A number or switch in the place of a text would get the text's quotes: the text goes first. */
function setScalar(path: SettingPath, place: Place, word: string, given: unknown): string {
  const quoted = path.length > 1 && typeof valueAt(given, path) === 'string';
  if (asText(place) || !quoted) return set(path, word, asText(place));
  const list = valueAt(given, path.slice(0, -1));
  if (!Array.isArray(list)) return both(remove(path), set(path, word));
  const whole = path.slice(0, -1);
  const lines = list.map((other, at) => set([...whole, at], at === path.at(-1) ? word : String(other)));
  return both(remove(whole), ...lines);
}

/** Whether a value that looks like a number is text all the same. */
const asText = (place: Place): boolean => !['int', 'number', 'boolean'].includes(place.type);

function likely(place: Place, about: About | undefined, value: unknown): string {
  const word = typeof value === 'string' ? value.toLowerCase() : '';
  const option = place.options?.find((known) => known.toLowerCase() === word);
  const near = typeof value === 'string' ? nearest(value, place.options ?? []) : undefined;
  return about?.meant?.(value) ?? option ?? near ?? about?.example ?? place.options?.[0] ?? '';
}

/** The fewest lines that make a list or an object right. */
function starters(path: SettingPath, place: Place): string[] {
  if (place.shape !== undefined) {
    const fields = Object.entries(place.shape).map(
      ([key, child]) => [[...path, key], placeOf(child)] as const,
    );
    const needed = fields.filter(([, field]) => !field.optional && field.default === undefined);
    return needed.flatMap(([at, field]) => starters(at, field));
  }
  if (place.type === 'record') return [];
  if (place.element !== undefined) {
    const element = placeOf(place.element);
    return starters([...path, 0], { ...element, about: element.about ?? place.about });
  }
  if (place.about?.secretName) return [nameAndSet(path)];
  return [set(path, place.about?.example ?? place.options?.[0] ?? '', asText(place))];
}

/** What stands there, in words that give no secret away. */
function shown(value: unknown, place: Place | undefined, about: About | undefined): string {
  if (value === undefined || value === null || value === '') return 'nothing';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'a structure';
  const kind =
    typeof value === 'string' ? 'a text' : typeof value === 'number' ? 'a number' : 'true or false';
  const structure = place?.shape !== undefined || place?.element !== undefined;
  if (about?.hidden) return `${kind}, not shown: it may be a secret`;
  if (structure && place.type !== 'union') return kind;
  if (typeof value !== 'string') return JSON.stringify(value);
  // Who writes user:password@ into an address is not helped by seeing it in a log.
  return JSON.stringify(shortened(value.replace(/\/\/[^/@\s]*@/g, '//***@')));
}

const shortened = (word: string): string => (word.length > 60 ? `${word.slice(0, 57)}...` : word);

/** A key that is neither a setting nor a secret that a setting names. */
export function misspelt(
  key: string,
  about: {
    isSecret: boolean;
    settings: readonly string[];
    named: readonly string[];
    stack: string;
    taken: boolean;
  },
): Mistake {
  const { isSecret, settings, named, stack } = about;
  // An encrypted value cannot be a setting, and a clear one no secret.
  const near = nearest(key, isSecret ? named : settings);
  const other = isSecret ? 'a setting that names it' : `one of ${settings.join(', ')}`;
  return {
    path: written([key]),
    given: isSecret ? 'a secret that no setting names' : `a setting that does not exist: ${key}`,
    wanted: near === undefined ? other : `perhaps ${near}`,
    type: near === undefined || about.taken ? remove([key]) : rename(stack, [key], near, undefined),
  };
}

export function nearest(key: string, known: readonly string[]): string | undefined {
  if (known.length === 0) return undefined;
  const near = closest(
    key.toLowerCase(),
    known.map((word) => word.toLowerCase()),
  );
  const found = known.find((word) => word.toLowerCase() === near);
  return found !== undefined && distance(key.toLowerCase(), near) <= Math.max(2, key.length / 3)
    ? found
    : undefined;
}

/** The part of a structure that has no mistakes: a whole list goes with its entry, an object with what it lacks. */
export function soundPart(error: z.ZodError, given: Record<string, unknown>): Record<string, unknown> {
  const sound = structuredClone(given);
  for (const { path, ...issue } of error.issues) {
    const inList = path.findIndex((key) => typeof key === 'number');
    const missing = valueAt(given, path) === undefined;
    const end = inList >= 0 ? inList : missing ? path.length - 1 : path.length;
    const wrong =
      issue.code === 'unrecognized_keys' && inList < 0
        ? issue.keys.map((key) => [...path, key])
        : [path.slice(0, end)];
    for (const place of wrong) {
      const parent = valueAt(sound, place.slice(0, -1));
      if (typeof parent === 'object' && parent !== null) Reflect.deleteProperty(parent, place.at(-1) ?? '');
    }
  }
  return sound;
}

function valueAt(value: unknown, path: SettingPath): unknown {
  return path.reduce<unknown>(
    (at, key) =>
      typeof at === 'object' && at !== null ? (at as Record<PropertyKey, unknown>)[key] : undefined,
    value,
  );
}
