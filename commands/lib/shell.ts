/** One word for a POSIX shell, whatever it holds. */
export const quoted = (word: string): string =>
  /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;

/**
 * The lines to `eval`. `path` goes before what PATH has already; what is there at its front stays, so that a second
 * eval changes nothing.
 */
export function exportLines(path: readonly string[], variables: Readonly<Record<string, string>>): string {
  const lines = Object.entries(variables).map(([name, value]) => `export ${name}=${quoted(value)}`);
  if (path.length > 0) lines.unshift(`export PATH=${quoted(path.join(':'))}:"$PATH"`);
  return lines.join('\n');
}

/** What a shell is given in place of those lines when they cannot be made. */
export const failingLine =
  "echo 'pulumi does not work in this shell: npm run env failed, and said why above.' >&2; false";
