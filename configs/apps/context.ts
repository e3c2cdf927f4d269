import { createHash } from 'node:crypto';
import { existsSync, lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import dockerignore from '@balena/dockerignore';

/**
 * One hash of what a build can see: names, modes and contents of the files that `.dockerignore` leaves.
 *
 * @param folder the build context
 * @returns 12 hex digits, the same for the same files
 */
export function contextHash(folder: string): string {
  const hash = createHash('sha256');
  for (const path of contextFiles(folder)) {
    const file = join(folder, path);
    const stat = lstatSync(file);
    hash.update(`${path}\0${(stat.mode & 0o777).toString(8)}\0`);
    hash.update(stat.isSymbolicLink() ? `-> ${readlinkSync(file)}` : readFileSync(file));
    hash.update('\0');
  }
  return hash.digest('hex').slice(0, 12);
}

/** The files of a build context, sorted; without folders, sockets and what `.dockerignore` names. */
export function contextFiles(folder: string): string[] {
  const rules = join(folder, '.dockerignore');
  const text = existsSync(rules) ? readFileSync(rules, 'utf8') : '';
  const ignored = dockerignore.default().add(text);
  // An exception may bring back what lies in an ignored folder; without any, such a folder is not even read.
  const exceptions = /^\s*!/m.test(text);
  // These two reach the build whatever the rules say.
  const always = ['Dockerfile', '.dockerignore'];
  const walk = (below: string): string[] =>
    readdirSync(join(folder, below), { withFileTypes: true }).flatMap((entry) => {
      const path = below === '' ? entry.name : `${below}/${entry.name}`;
      const left = always.includes(path) || !ignored.ignores(path);
      if (entry.isDirectory()) return left || exceptions ? walk(path) : [];
      return left && (entry.isFile() || entry.isSymbolicLink()) ? [path] : [];
    });
  return walk('').sort();
}
