import type { StackConfig } from '../stacks/load.ts';

// Does to a configuration what the lines to type would: the part of a shell and of `pulumi config` that they use.
// How the real CLI treats paths and types is measured (3.256.0): a list grows at its end only, a text is no structure,
// and what takes the place of a text in quotes gets the quotes.

type Tree = Record<PropertyKey, unknown>;
interface State {
  tree: Record<string, unknown>;
  secrets: Set<string>;
}

const decoded = (value: string): unknown => {
  if (!/^[[{]/.test(value)) return value;
  try {
    return JSON.parse(value);
  } catch {
    return value;
  }
};

/** The configuration after a line was typed. Throws on a line that the CLI would refuse, or that this cannot read. */
export function typed(line: string, { config, secretKeys }: StackConfig): StackConfig {
  const state: State = {
    tree: Object.fromEntries(Object.entries(config).map(([key, value]) => [key, decoded(value)])),
    secrets: new Set(secretKeys),
  };
  for (const command of line.split(' && ')) run(command, state);
  const text = (value: unknown) => (typeof value === 'string' ? value : JSON.stringify(value));
  return {
    config: Object.fromEntries(Object.entries(state.tree).map(([key, value]) => [key, text(value)])),
    secretKeys: state.secrets,
  };
}

function run(command: string, state: State): void {
  const words = shellWords(command, state);
  if (words.slice(0, 4).join(' ') === 'openssl rand -base64 24' && words[4] === '|') words.splice(0, 5);
  if (words[0] === 'sed') {
    renameInFile(words, state);
    return;
  }
  if (words[0] !== 'pulumi' || words[1] !== 'config')
    throw new Error(`not a line for pulumi config: ${command}`);
  const flags = new Set(words.filter((word) => word.startsWith('--')));
  const typeText = words.indexOf('--type');
  if (typeText > 0) words.splice(typeText + 1, 1);
  const [verb, key = '', value, ...rest] = words.slice(2).filter((word) => !word.startsWith('--'));
  if (!key.startsWith('taffrail:') || rest.length > 0)
    throw new Error(`too many words, or no key: ${command}`);
  const name = key.slice('taffrail:'.length);
  const path = flags.has('--path') ? parsePath(name) : [name];
  if (verb === 'rm') removeAt(state.tree, path);
  else if (verb !== 'set') throw new Error(`unknown command: ${command}`);
  else if (flags.has('--secret')) {
    if (value !== undefined) throw new Error(`a secret on the command line: ${command}`);
    state.tree[name] = 'synthetic-secret-0123456789';
    state.secrets.add(name);
  } else {
    if (value === undefined) throw new Error(`no value: ${command}`);
    state.secrets.delete(String(path[0]));
    const asText = path.length === 1 || flags.has('--type') || typeof getAt(state.tree, path) === 'string';
    setAt(state.tree, path, asText ? value : adjusted(value));
  }
}

/** With `--path`, whole numbers and booleans are no texts. */
const adjusted = (value: string): unknown =>
  /^(true|false)$/.test(value) ? value === 'true' : /^(0|[1-9]\d*)$/.test(value) ? Number(value) : value;

function shellWords(command: string, state: State): string[] {
  const words: string[] = [];
  const token = /\s*(?:"\$\(pulumi config get --path ([^)]*(?:\)[^)"]*)*)\)"|((?:'[^']*'|\\'|[^\s'"\\])+))/y;
  while (token.lastIndex < command.length) {
    const found = token.exec(command);
    if (found === null) throw new Error(`not a line for a shell: ${command}`);
    const [, got, word = ''] = found;
    if (got === undefined) words.push(unquoted(word));
    else words.push(String(getAt(state.tree, parsePath(unquoted(got).replace(/^taffrail:/, '')))));
  }
  return words;
}

const unquoted = (word: string): string =>
  word.replace(
    /'([^']*)'|\\(')/g,
    (_, inside: string | undefined, quote: string | undefined) => inside ?? quote ?? '',
  );

/** `a.b[0]["c d"]`, as Pulumi's own parser reads it. */
export function parsePath(text: string): (string | number)[] {
  const path: (string | number)[] = [];
  const part = /(?:^|\.)([^.[\]"]+)|\[(\d+)\]|\["((?:[^"\\]|\\.)*)"\]/y;
  while (part.lastIndex < text.length) {
    const found = part.exec(text);
    if (found === null) throw new Error(`not a path: ${text}`);
    const [, word, index, quoted] = found;
    path.push(word ?? (index === undefined ? (quoted ?? '').replace(/\\(.)/g, '$1') : Number(index)));
  }
  return path;
}

function renameInFile(words: string[], state: State): void {
  const [, from = '', to = ''] = /^s\/(.*):\/(.*):\/$/.exec(words[2] ?? '') ?? [];
  if (words[1] !== '-i.bak' || from === '' || !words[3]?.startsWith('Pulumi.'))
    throw new Error(words.join(' '));
  const bare = (key: string) =>
    key
      .replaceAll('"*', '')
      .replace(/^\\\(\[ \{\]\\\)|^\\1|^taffrail:/, '')
      .replace(/\\(.)/g, '$1');
  const [old, name] = [bare(from), bare(to)];
  if (to.startsWith('taffrail:')) {
    state.tree = Object.fromEntries(
      Object.entries(state.tree).map(([key, value]) => [key === old ? name : key, value]),
    );
    if (state.secrets.delete(old)) state.secrets.add(name);
    return;
  }
  const renamed = JSON.stringify(state.tree).replaceAll(
    `${JSON.stringify(old)}:`,
    `${JSON.stringify(name)}:`,
  );
  state.tree = JSON.parse(renamed) as Record<string, unknown>;
}

const isTree = (value: unknown): value is Tree => typeof value === 'object' && value !== null;

function getAt(tree: unknown, path: (string | number)[]): unknown {
  return path.reduce<unknown>((at, key) => (isTree(at) ? at[key] : undefined), tree);
}

function setAt(tree: Tree, path: (string | number)[], value: unknown): void {
  const [key = '', ...rest] = path;
  if (Array.isArray(tree) !== (typeof key === 'number'))
    throw new Error(`${String(key)} is no key of this kind`);
  if (Array.isArray(tree) && Number(key) > tree.length) throw new Error('array index out of range');
  if (rest.length === 0) {
    Reflect.set(tree, key, value);
    return;
  }
  const next = tree[key] ?? (typeof rest[0] === 'number' ? [] : {});
  if (!isTree(next)) throw new Error(`${String(key)} holds a text, not a structure`);
  Reflect.set(tree, key, next);
  setAt(next, rest, value);
}

function removeAt(tree: unknown, path: (string | number)[]): void {
  const [key = '', ...rest] = path;
  if (!isTree(tree)) return;
  if (rest.length > 0) removeAt(tree[key], rest);
  else if (Array.isArray(tree)) tree.splice(Number(key), 1);
  else Reflect.deleteProperty(tree, key);
}
