import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { usersIn } from './users.ts';

it("the engine's users: a checkout counts until it leaves or is deleted", () => {
  const folder = mkdtempSync(join(tmpdir(), 'taffrail users '));
  const checkout = (name: string): string => {
    mkdirSync(join(folder, name));
    writeFileSync(join(folder, name, 'package.json'), '{}');
    return join(folder, name);
  };
  const [a, b] = [checkout('a'), checkout('b')];
  const { addUser, removeUser } = usersIn(join(folder, 'users'));
  expect(removeUser(a)).toEqual([]); // nobody ever came
  addUser(a);
  addUser(a);
  addUser(b);
  expect(removeUser(a)).toEqual([b]);
  expect(removeUser(b)).toEqual([]);
  addUser(b);
  rmSync(b, { recursive: true });
  expect(removeUser(a)).toEqual([]);
  rmSync(folder, { recursive: true });
});
