import { createHash } from 'node:crypto';
import { Document } from 'yaml';

/** What a program is told: the path below its configuration folder, and the content. Never a secret. */
export type Files = Readonly<Record<string, string>>;

/**
 * A secret file: a text with named holes, `{{name}}`, that the component fills where the secret is known.
 * The text is written here, in configs/, so that no component builds text.
 */
export interface SecretFile {
  name: string;
  template: string;
}

/** One hash of a set of files: 12 hex digits, the same for the same paths and bytes. */
export function revisionOf(files: Files): string {
  const hash = createHash('sha256');
  for (const path of Object.keys(files).sort()) hash.update(`${path}\0${files[path] ?? ''}\0`);
  return hash.digest('hex').slice(0, 12);
}

/** What tells one content of a file from another: 12 hex digits. */
export const digestOf = (content: string): string =>
  createHash('sha256').update(content).digest('hex').slice(0, 12);

/** Files of one folder, by path below it, and the others. */
export function apart(folder: string, files: Files): { inside: Files; outside: Files } {
  const below = `${folder}/`;
  const inside = Object.entries(files).filter(([path]) => path.startsWith(below));
  return {
    inside: Object.fromEntries(inside.map(([path, content]) => [path.slice(below.length), content])),
    outside: Object.fromEntries(Object.entries(files).filter(([path]) => !path.startsWith(below))),
  };
}

/** YAML of a plain object, the same bytes every time, under a heading that says who wrote it. */
export function yamlFile(value: unknown): string {
  const document = new Document(value, { aliasDuplicateObjects: false });
  return `# Written by Taffrail; the next \`pulumi up\` overwrites it.\n${document.toString({ lineWidth: 0 })}`;
}

/** JSON, with an end of line. */
export const jsonFile = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;

/** Seconds as Go and Prometheus both read them: `720h`, `90s`. */
export function goDuration(seconds: number): string {
  if (seconds % 3600 === 0) return `${String(seconds / 3600)}h`;
  if (seconds % 60 === 0) return `${String(seconds / 60)}m`;
  return `${String(seconds)}s`;
}

export const mebibytes = (bytes: number): number => Math.floor(bytes / 2 ** 20);
