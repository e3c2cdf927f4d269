/** Which checkouts use the machine's engine: one file each, named after the checkout's folder. */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * The register in a folder. To be called under the engine's lock only.
 *
 * `removeUser` gives the other checkouts that still exist; those that are gone are struck off.
 */
export function usersIn(folder: string): {
  addUser: (checkout: string) => void;
  removeUser: (checkout: string) => string[];
} {
  const fileOf = (checkout: string): string =>
    join(folder, createHash('sha256').update(checkout).digest('hex').slice(0, 16));
  return {
    addUser: (checkout) => {
      mkdirSync(folder, { recursive: true });
      writeFileSync(fileOf(checkout), checkout);
    },
    removeUser: (checkout) => {
      rmSync(fileOf(checkout), { force: true });
      const files = existsSync(folder) ? readdirSync(folder) : [];
      return files.flatMap((file) => {
        const other = readFileSync(join(folder, file), 'utf8');
        if (existsSync(join(other, 'package.json'))) return [other];
        rmSync(join(folder, file), { force: true });
        return [];
      });
    },
  };
}
