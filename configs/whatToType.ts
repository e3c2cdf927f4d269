// The lines a person types to mend a mistake. They work as they stand, in a POSIX shell with the stack selected.

/** A place in the settings: text keys of objects, numbers for list entries. */
export type SettingPath = readonly PropertyKey[];

/** A path as `pulumi config --path` reads it: `grafana.users[0].role`, `apps["my app"].image`. */
export const written = (path: SettingPath): string =>
  path
    .map((key) => {
      if (typeof key === 'number') return `[${String(key)}]`;
      const word = String(key);
      return /^[a-zA-Z_][\w-]*$/.test(word) ? `.${word}` : `["${word.replace(/["\\]/g, '\\$&')}"]`;
    })
    .join('')
    .replace(/^\./, '');

export const shellWord = (word: string): string =>
  /^[\w.:/@%+=-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;

/** A command as it is typed for a stack: `npm run up`, `npm run up -- -s prod`. */
export const npmRun = (command: string, stack: string): string =>
  `npm run ${command}${stack === 'local' ? '' : ` -- -s ${stack}`}`;

/** Both a path (`['grafana', 'port']`) and its written form (`grafana.port`) are taken. */
const key = (path: SettingPath | string): string =>
  shellWord(`taffrail:${typeof path === 'string' ? path : written(path)}`);

/** Pulumi refuses a text under such a key that looks random to it, unless it is told that the text is none. */
const noSecret = (path: SettingPath | string): string =>
  /pass|pwd|secret|token/i.test(key(path)) ? '--plaintext ' : '';

const setAt = (path: SettingPath | string, options = ''): string =>
  `pulumi config set ${noSecret(path)}${options}--path ${key(path)}`;

/** A whole number given as text would become a number: `asText` keeps it. */
export const set = (path: SettingPath | string, value: string, asText = false): string =>
  `${setAt(path, asText && /^(\d+|true|false)$/.test(value) ? '--type string ' : '')} ${shellWord(value)}`;

export const remove = (path: SettingPath | string): string => `pulumi config rm --path ${key(path)}`;

/** Pulumi asks for the value, so that it is in no history and no process list. */
export const setSecret = (name: string): string => `pulumi config set --secret taffrail:${name}`;

/** A new secret, long enough, that nobody has seen. */
export const newSecret = (name: string): string => `openssl rand -base64 24 | ${setSecret(name)}`;

export const both = (...lines: string[]): string => lines.join(' && ');

/**
 * Another name for the last key of a path, its value kept and not shown.
 * A structure cannot be read and set by `pulumi config`, nor a secret without showing it: there the file is edited.
 */
export function rename(stack: string, path: SettingPath, to: string, value: unknown): string {
  const from = String(path.at(-1));
  const target = [...path.slice(0, -1), to];
  if (path.length > 1 && (typeof value !== 'object' || value === null)) {
    return both(`${setAt(target)} "$(pulumi config get --path ${key(path)})"`, remove(path));
  }
  // A name that is not one word stands in quotes, or does not.
  const quote = /^[\w-]+$/.test(from) ? '' : '"*';
  const old = from.replace(/[.*[\]^$/\\]/g, '\\$&');
  const edit =
    path.length === 1
      ? `s/${quote}taffrail:${old}${quote}:/taffrail:${to}:/`
      : `s/\\([ {]\\)${quote}${old}${quote}:/\\1${to}:/`;
  return `sed -i.bak ${shellWord(edit)} ${shellWord(`Pulumi.${stack}.yaml`)}`;
}

/**
 * The name that Taffrail would give the secret of a place: `grafana.adminPassword` -> `grafanaAdminPassword`,
 * `apps.bot.secrets.telegram_bot_token` -> `telegramBotToken`; of a list entry called anna, `annaPassword`.
 */
export function usualName(path: SettingPath, entry?: unknown): string {
  const { login, name } = (typeof entry === 'object' && entry !== null ? entry : {}) as Record<
    string,
    unknown
  >;
  const called = login ?? name;
  const words = path.map(String).filter((word) => word !== 'databases');
  const own =
    path.at(-2) === 'secrets'
      ? words.slice(-1)
      : typeof called === 'string'
        ? [called, ...words.slice(-1)]
        : words;
  const parts = own.flatMap((word) => word.split(/[^a-zA-Z0-9]+/)).filter(Boolean);
  const first = (word: string) => word.charAt(0).toLowerCase() + word.slice(1);
  const next = (word: string) => word.charAt(0).toUpperCase() + word.slice(1);
  const camel = parts.map((word, at) => (at === 0 ? first(word) : next(word))).join('');
  return /^[a-zA-Z]/.test(camel) ? camel : `secret${camel}`;
}

/** Names a secret by its usual name, and sets it. */
export const nameAndSet = (path: SettingPath, entry?: unknown): string =>
  both(set(path, usualName(path, entry)), setSecret(usualName(path, entry)));

/** A number that was meant as text stays, and is not shown. */
export const keepAsText = (path: SettingPath): string =>
  `${setAt(path, '--type string ')} "$(pulumi config get --path ${key(path)})"`;
