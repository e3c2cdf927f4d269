/**
 * What each official image gives, read from `<key>/contract.yaml`: the ground for the rig's images,
 * for the choice of healthchecks, and for the test that no probe or job uses what an image has not.
 */
import { readFileSync } from 'node:fs';
import { posix } from 'node:path';
import { parseDocument } from 'yaml';
import { z } from 'zod';
import { imageKeys, images, type ImageKey } from '../../../configs/images.ts';

/** Applets that both the official busybox or Alpine image and the rig's busybox have. */
const BUSYBOX_APPLETS =
  '[ ash awk base64 basename cat chgrp chmod chown chroot cmp cp cut date dd df diff dirname du echo egrep env expr ' +
  'false fgrep find grep gunzip gzip head hexdump hostname id kill killall ln ls md5sum mkdir mkfifo mktemp mv nc nproc ' +
  'nslookup od paste pidof ping printf ps pwd readlink realpath rm rmdir sed seq setsid sh sha1sum sha256sum sha512sum ' +
  'sleep sort stat strings stty su sync tac tail tar tee test time timeout top touch tr true truncate tty uname uniq ' +
  'unlink unzip usleep vi wc wget which who whoami xargs yes zcat';

/** Programs of a slim Debian or Ubuntu image that the rig's busybox has too (options of both only). */
const DEBIAN_PROGRAMS =
  '[ awk basename cat chgrp chmod chown chroot cmp cp cut date dd df diff dirname du echo egrep env expr false fgrep ' +
  'find grep gunzip gzip head hostname id ln ls md5sum mkdir mkfifo mktemp mv nproc od paste printf pwd readlink ' +
  'realpath rm rmdir sed seq sh sha1sum sha256sum sha512sum sleep sort stat stty su sync tac tail tar tee test timeout ' +
  'touch tr true truncate tty uname uniq unlink wc which who whoami xargs yes zcat';

const APPLETS = { busybox: BUSYBOX_APPLETS.split(' '), debian: DEBIAN_PROGRAMS.split(' ') } as const;

const from = z.string().min(1);
const line = <T extends z.ZodType>(value: T) => z.strictObject({ is: value, from });
const absolute = z.string().startsWith('/');
const exec = z.array(z.string().min(1)).min(1);
const owner = z.string().regex(/^\d+:\d+$/);
const mode = z.string().regex(/^[0-7]{4}$/);
/** Where a line was read. */
const source = z.strictObject({
  /** Owner and name, or the site of a document. */
  repository: z.string().min(3),
  file: z.string().min(3),
  /** Of the image's program where the file was read: `3.4.2`, `25` if no more is known, or words: `main of 2026`, `unknown`. */
  version: z.string().min(1),
  commit: z
    .string()
    .regex(/^[0-9a-f]{7,40}$/)
    .optional(),
  /** The source has versions of its own (a base image, a document), which say nothing of the tag that ships. */
  own: z.literal(true).optional(),
  note: z.string().optional(),
});
export type Source = z.infer<typeof source>;

/** Present in the rig's image only: not part of what the official image gives. */
const only = z.literal('rig').optional();

const schema = z.strictObject({
  image: z.string(),
  /** What shows that the registry has this tag. */
  tag: z.string().min(10),
  sources: z.record(z.string(), source),
  rig: z.strictObject({
    kind: z.enum(['built', 'debian', 'stand-in']),
    /** Folder name of the built part; its files are named by `programs`. */
    part: z.string().optional(),
    version: z.string(),
    /** By how much the rig's version differs from the one that ships. */
    differs: z.string(),
    packages: z.array(z.string()).default([]),
    without: z.array(z.string()).default([]),
    locale: z.string().optional(),
  }),
  config: z.strictObject({
    user: line(z.string()).optional(),
    entrypoint: line(z.array(z.string())),
    cmd: line(z.array(z.string())).optional(),
    workdir: line(absolute).optional(),
    env: z.array(line(z.string().includes('='))),
    ports: z.array(line(z.string().regex(/^\d+\/(tcp|udp)$/))).default([]),
    volumes: z.array(line(absolute)).default([]),
    stopSignal: line(z.string()).optional(),
    healthcheck: line(z.array(z.string())).optional(),
  }),
  accounts: z.array(
    z.strictObject({
      user: z.string(),
      uid: z.int(),
      gid: z.int(),
      home: absolute,
      shell: absolute,
      from,
    }),
  ),
  groups: z.array(z.strictObject({ group: z.string(), gid: z.int(), from })),
  /** A folder, unless `text` makes it a file or `link` a symbolic link. */
  paths: z.array(
    z.strictObject({
      path: absolute,
      owner,
      mode,
      text: z.string().optional(),
      link: z.string().optional(),
      only,
      from,
    }),
  ),
  applets: z.strictObject({ set: z.enum(['busybox', 'debian']), dir: absolute, from }).optional(),
  /** `rig`: a file of the part, `debian:<path>`, `file:<name>` beside the contract, `link:<target>`, or `none`. */
  programs: z.array(z.strictObject({ path: absolute, rig: z.string(), only, from })),
  ca: line(absolute).optional(),
  zoneinfo: line(absolute).optional(),
  absent: z.array(z.strictObject({ program: z.string(), from })),
  health: z.array(z.strictObject({ exec, note: z.string(), from })),
  checker: z.strictObject({ exec, from }).optional(),
});

export type ContractData = z.infer<typeof schema>;

export interface Contract extends ContractData {
  readonly key: ImageKey;
  /** The file's text: part of the rig image's hash. */
  readonly text: string;
  /** Names of the applets, empty where the image has no shell. */
  readonly appletNames: readonly string[];
  /**
   * True when a container of this image can run the program, both in the official image and in the rig's.
   * @param program a bare name, looked up on the image's PATH, or an absolute path
   */
  provides(program: string): boolean;
}

export const contractFolder = (key: ImageKey): URL => new URL(`./${key}/`, import.meta.url);

const cache = new Map<ImageKey, Contract>();

/** @throws Error naming the file and every line of it that is wrong */
export function contractOf(key: ImageKey): Contract {
  const known = cache.get(key);
  if (known !== undefined) return known;
  const text = readFileSync(new URL('contract.yaml', contractFolder(key)), 'utf8');
  const file = `test/rig/images/${key}/contract.yaml`;
  const document = parseDocument(text);
  const [broken] = document.errors;
  if (broken !== undefined) throw new Error(`${file}: ${broken.message}`);
  const result = schema.safeParse(document.toJS());
  if (!result.success) throw new Error(`${file}: ${z.prettifyError(result.error)}`);
  const data = result.data;
  const appletNames: readonly string[] = data.applets === undefined ? [] : APPLETS[data.applets.set];
  const programs = new Set([
    ...data.programs.filter((p) => p.rig !== 'none' && p.only === undefined).map((p) => p.path),
    ...appletNames.map((name) => posix.join(data.applets?.dir ?? '/', name)),
  ]);
  const path = data.config.env.find(({ is }) => is.startsWith('PATH='))?.is.slice('PATH='.length) ?? '';
  const contract: Contract = {
    ...data,
    key,
    text,
    appletNames,
    provides: (program) =>
      program.includes('/')
        ? programs.has(program)
        : path.split(':').some((folder) => programs.has(posix.join(folder, program))),
  };
  cache.set(key, contract);
  return contract;
}

const numbers = (version: string): number[] | undefined =>
  /^v?\d+(\.\d+)*/.exec(version)?.[0].replace('v', '').split('.').map(Number);

/** True unless a file read at `version` is known to be that of `shipped` or newer; 13 is behind 13.2.3. */
export function isBehind(version: string, shipped: string): boolean {
  const read = numbers(version);
  for (const [index, part] of (numbers(shipped) ?? []).entries()) {
    const known = read?.[index];
    if (known === undefined || known < part) return true;
    if (known > part) return false;
  }
  return false;
}

/** The sources that were read at an older version than the one that ships, or at one that nobody knows. */
export const olderSources = (contract: Contract): Source[] =>
  Object.values(contract.sources).filter(
    ({ own, version }) => own === undefined && isBehind(version, images[contract.key].tag),
  );

export const allContracts = (): Contract[] => imageKeys.map(contractOf);
