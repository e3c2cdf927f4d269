import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { plan, type Target } from '../../../components/jobs/files.ts';
import { archiveOf, entriesOf, type Entry } from '../../../components/jobs/lib/archive.ts';

// A volume as a folder of this machine: the plan's archive is unpacked as the engine does, its lines are run by a shell.

/** Files of this process; a plan's own `owner` is compared as data. */
export const me = `${process.getuid?.() ?? 0}:${process.getgid?.() ?? 0}`;

export const newVolume = (): string => mkdtempSync(join(tmpdir(), "taffrail volume's "));

/** What the engine's archive of the volume would hold. */
export function entriesIn(volume: string): Map<string, Entry> {
  const found = new Map<string, Entry>();
  // Not `recursive`, which follows links.
  const walk = (path: string): void => {
    const full = join(volume, path);
    const stat = lstatSync(full);
    found.set(path, {
      path,
      owner: `${stat.uid}:${stat.gid}`,
      mode: stat.mode & 0o7777,
      ...(stat.isFile() && { content: readFileSync(full, 'utf8') }),
      ...(stat.isSymbolicLink() && { link: readlinkSync(full) }),
    });
    if (stat.isDirectory()) for (const name of readdirSync(full).sort()) walk(join(path, name));
  };
  for (const name of readdirSync(volume).sort()) walk(name);
  return found;
}

/** The contents by path; a folder is `/`, a link `-> target`. */
export const treeOf = (volume: string): Record<string, string> =>
  Object.fromEntries(
    [...entriesIn(volume)].map(([path, { content, link }]) => [
      path,
      content ?? (link === undefined ? '/' : `-> ${link}`),
    ]),
  );

/** As the engine unpacks: what is in the way goes first, unless both are folders. */
export async function unpack(archive: Buffer): Promise<void> {
  for (const entry of (await entriesOf(archive)).values()) {
    const path = `/${entry.path}`;
    const there = lstatSync(path, { throwIfNoEntry: false });
    const isFolder = entry.content === undefined && entry.link === undefined;
    if (there && !(there.isDirectory() && isFolder)) rmSync(path, { recursive: true });
    mkdirSync(dirname(path), { recursive: true });
    if (entry.link !== undefined) symlinkSync(entry.link, path);
    else if (isFolder) mkdirSync(path, { recursive: true });
    else writeFileSync(path, entry.content ?? '');
    if (entry.link === undefined) chmodSync(path, entry.mode);
  }
}

/** Runs lines as the job's script does. */
export function runLines(lines: readonly string[], path = process.env['PATH'] ?? ''): string {
  const { status, stderr } = spawnSync('/bin/sh', ['-c', ['set -eu', ...lines].join('\n')], {
    encoding: 'utf8',
    env: { PATH: path },
  });
  return `${status ?? -1}${stderr}`;
}

const seen = new Map<string, number>();

export const planFor = (volume: string, target: Target) => {
  const count = (seen.get(volume) ?? 0) + 1;
  seen.set(volume, count);
  return plan(target, me, volume, entriesIn(volume), `revision-${count}`);
};

/** Delivers, and returns how the script ended: `0`. */
export async function delivered(volume: string, target: Target, path?: string): Promise<string> {
  const { entries, lines } = planFor(volume, target);
  await unpack(await archiveOf(entries));
  return runLines(lines, path);
}
