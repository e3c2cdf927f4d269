import { randomBytes } from 'node:crypto';
import { dirname } from 'node:path/posix';
import { archiveOf, entriesOf, type Entry } from './lib/archive.ts';
import type { Engine } from './lib/engine.ts';
import { JobError } from './lib/errors.ts';
import { Helper, type ImageOf, type JobOf } from './lib/helper.ts';
import { asProgram } from './lib/job.ts';

/** What reaches one volume. */
export interface Target {
  volume: string;
  /**
   * `revisions`: all files at once, in a folder of their own to which the link `current` leads. `in-place`: file by file,
   * for a program that reads fixed paths; `add` leaves other files alone.
   */
  layout: 'revisions' | 'in-place' | 'add';
  /** Readable by everybody, by path. Never a secret. */
  files: Readonly<Record<string, string>>;
  /** Readable by the owner only. */
  secrets?: Readonly<Record<string, string>>;
  /** Files of a `revisions` target that stay at one path, below the folder `steady`, and change there one by one. */
  steady?: { folder: string; files: Readonly<Record<string, string>> };
}

/** How new files are judged before anything changes. */
export interface Check {
  image: ImageOf;
  /** In exec form. */
  command: readonly string[];
  /** uid:gid. */
  user: string;
  /** Where the program finds its files. */
  folder: string;
  files: Readonly<Record<string, string>>;
  /** Paths of secret files, which the checker finds with a placeholder in them. */
  secrets: readonly string[];
}

export interface FilesTold {
  job: JobOf;
  /** The image with the shell that switches. */
  tools: ImageOf;
  /** uid:gid of every file, and of the folders of the volumes themselves. */
  owner: string;
  check?: Check;
  targets: readonly Target[];
}

export const placeholder = 'placeholder-of-a-secret';

const seconds = { check: 120, switch: 60 };

/** Judges files, then makes them the ones in force. Whatever happens, a volume has the old ones or the new ones. */
export async function deliver(
  { job, tools, owner, check, targets }: FilesTold,
  engine: Engine,
): Promise<string> {
  if (check) await judge(job, check, engine);
  const helper = await Helper.make(engine, job, '', {
    image: tools,
    command: ['sh', switchScript],
    user: owner,
    network: 'none',
    volumes: Object.fromEntries(targets.map(({ volume }, index) => [mountOf(index), volume])),
    writable: true,
  });
  try {
    const plans: Plan[] = [];
    for (const [index, target] of targets.entries())
      plans.push(
        plan(target, owner, mountOf(index), await present(helper, target, mountOf(index)), newName()),
      );
    const lines = plans.flatMap((one) => one.lines);
    await helper.put('/', await archiveOf([...plans.flatMap((one) => one.entries), scriptEntry(lines)]));
    // What is new in an empty volume stands where it belongs: nothing has to be switched.
    if (lines.length > 0) {
      const { exitCode, output } = await helper.run({ seconds: seconds.switch });
      if (exitCode !== 0)
        throw new JobError(
          `The files could not be put in place: the old ones or the new ones are in force. Output:\n${output.trim()}`,
        );
    }
  } catch (error) {
    throw withCause(error);
  } finally {
    await helper.remove();
  }
  const count = targets.reduce((sum, { files }) => sum + Object.keys(files).length, 0);
  return `delivered ${count} files`;
}

async function judge(job: JobOf, check: Check, engine: Engine): Promise<void> {
  const helper = await Helper.make(engine, job, 'check', {
    image: check.image,
    command: check.command,
    user: check.user,
    network: 'none',
    writable: true,
  });
  try {
    const [top = ''] = check.folder.split('/').filter((part) => part !== '');
    const all = {
      ...check.files,
      ...Object.fromEntries(check.secrets.map((path) => [path, placeholder])),
    };
    const entries = Object.entries(all).map(([path, content]) => ({
      path: `${check.folder.slice(1)}/${path}`,
      owner: check.user,
      mode: 0o644,
      content,
    }));
    await helper.put('/', await archiveOf([...foldersOf(entries, top), ...entries]));
    const { exitCode, output } = await helper.run({ seconds: seconds.check }).catch((error: unknown) => {
      if (!(error instanceof JobError)) throw error;
      throw new JobError(
        `The check of the new files (${check.command.join(' ')}) failed; nothing was changed: ${error.message}`,
      );
    });
    if (exitCode !== 0)
      throw new JobError(
        `${check.command[0] ?? ''} refuses the new files; nothing was changed. Output:\n\n${indented(output)}\n\nFix the cause and run the command again.`,
      );
  } finally {
    await helper.remove();
  }
}

const indented = (text: string): string =>
  (text.trim() || '(none)')
    .split('\n')
    .map((line) => `  ${line}`)
    .join('\n');

/** A full disk while files are unpacked. The old ones are in force until the switch. */
const withCause = (error: unknown): unknown =>
  error instanceof JobError && /no space left on device/i.test(error.message)
    ? new JobError(
        `The disk of the Docker host is full (no space left on device); the old files stay.\nSee what takes it: docker system df     Free some: docker image prune -a`,
      )
    : error;

const mountOf = (index: number): string => `/target-${index}`;
const switchScript = '/switch.sh';
const newName = (): string => `revision-${randomBytes(4).toString('hex')}`;

/** What is in a volume. Of a data volume only the files that are to be replaced are looked at. */
async function present(
  helper: Helper,
  target: Target,
  mount: string,
): Promise<Map<string, string | undefined>> {
  if (target.layout === 'add') {
    const found = new Map<string, string | undefined>();
    for (const path of Object.keys(target.files)) {
      const archive = await helper.get(`${mount}/${path}`);
      if (archive) found.set(path, [...(await entriesOf(archive)).values()][0]);
    }
    return found;
  }
  const archive = await helper.get(mount);
  if (archive === undefined) return new Map();
  const below = `${mount.slice(1)}/`;
  return new Map(
    [...(await entriesOf(archive))].flatMap(([path, content]) =>
      path.startsWith(below) ? [[path.slice(below.length), content] as const] : [],
    ),
  );
}

export interface Plan {
  /** What is unpacked at `/`. */
  entries: Entry[];
  /** Lines of shell that put it in force; none where it is in force once it is unpacked. */
  lines: string[];
}

/**
 * How a volume gets from what is in it to what is wanted. Pure.
 *
 * @param mount the volume's path in the helper
 * @param found what is in it, by path
 * @param fresh a name that nothing in it has
 */
export function plan(
  target: Target,
  owner: string,
  mount: string,
  found: ReadonlyMap<string, string | undefined>,
  fresh: string,
): Plan {
  const { layout, files, secrets = {}, steady } = target;
  const root: Entry = { path: mount.slice(1), owner, mode: 0o755 };
  const wanted = [...modesOf(files, 0o644), ...modesOf(secrets, 0o400)];
  const around = { mount, owner, found, staging: `${fresh}-new` };

  const parts: Plan[] = [];
  const keep = new Set<string>();
  if (layout === 'revisions') {
    const isFirst = !found.has('current');
    const link: Entry = { path: `${root.path}/current`, owner, mode: 0o777, link: fresh };
    parts.push({
      entries: [
        ...wanted.map(({ path, ...file }) => ({ ...file, path: `${root.path}/${fresh}/${path}`, owner })),
        ...(isFirst ? [link] : []),
      ],
      lines: isFirst
        ? []
        : [`ln -sfn ${fresh} ${mount}/.current && mv -T ${mount}/.current ${mount}/current`],
    });
    keep.add(fresh).add('current');
    if (steady) {
      parts.push(inPlace(around, modesOf(steady.files, 0o644, `${steady.folder}/`), `${steady.folder}/`));
      keep.add(steady.folder);
    }
  } else {
    parts.push(inPlace(around, wanted, layout === 'in-place' ? '' : undefined));
    for (const { path } of wanted) keep.add(topOf(path));
  }
  const entries = parts.flatMap((part) => part.entries);
  const lines = parts.flatMap((part) => part.lines);
  // What nobody wants any more, and what an interrupted delivery left, goes last.
  const tops = new Set([...found.keys()].map(topOf));
  const old = layout === 'add' ? [] : [...tops].filter((top) => top !== '' && !keep.has(top)).sort();
  const sweep = [...old, ...(lines.some((line) => line.includes(around.staging)) ? [around.staging] : [])];
  return {
    entries: [root, ...foldersOf(entries, root.path), ...entries],
    lines: [
      ...lines,
      ...(sweep.length > 0 ? [`rm -rf ${sweep.map((top) => quoted(`${mount}/${top}`)).join(' ')}`] : []),
    ],
  };
}

const topOf = (path: string): string => path.split('/')[0] ?? '';

interface Wanted {
  path: string;
  mode: number;
  content: string;
}

const modesOf = (files: Readonly<Record<string, string>>, mode: number, below = ''): Wanted[] =>
  Object.entries(files).map(([path, content]) => ({ path: below + path, mode, content }));

/**
 * Files that change one by one, each by a rename.
 *
 * @param exact the folder (ending in a slash, or empty for the whole volume) whose other files go
 */
function inPlace(
  {
    mount,
    owner,
    found,
    staging,
  }: { mount: string; owner: string; found: ReadonlyMap<string, string | undefined>; staging: string },
  wanted: readonly Wanted[],
  exact: string | undefined,
): Plan {
  const changed = wanted.filter(({ path, content }) => found.get(path) !== content);
  const isThere = ({ path }: Wanted): boolean => found.has(path);
  const names = new Set(wanted.map(({ path }) => path));
  const gone = [...found]
    .filter(([path, content]) => content !== undefined && exact !== undefined && path.startsWith(exact))
    .map(([path]) => path)
    // Those of an interrupted delivery go with their folder.
    .filter((path) => !names.has(path) && !path.startsWith('revision-'));
  return {
    entries: changed.map((file) => ({
      ...file,
      path: `${mount.slice(1)}/${isThere(file) ? `${staging}/` : ''}${file.path}`,
      owner,
    })),
    lines: [
      ...changed
        .filter(isThere)
        .map(({ path }) => `mv -f ${quoted(`${mount}/${staging}/${path}`)} ${quoted(`${mount}/${path}`)}`),
      ...gone.map((path) => `rm -f ${quoted(`${mount}/${path}`)}`),
    ],
  };
}

/** The folders that entries need, with the entries' owner: unpacking would make them root's. */
function foldersOf(entries: readonly Entry[], above: string): Entry[] {
  const folders = new Map<string, Entry>();
  for (const { path, owner } of entries)
    for (let folder = dirname(path); folder.length > above.length; folder = dirname(folder))
      folders.set(folder, { path: folder, owner, mode: 0o755 });
  return [...folders.values()].sort((one, other) => (one.path < other.path ? -1 : 1));
}

const scriptEntry = (lines: readonly string[]): Entry => ({
  path: switchScript.slice(1),
  owner: '0:0',
  mode: 0o644,
  content: ['set -eu', ...lines, ''].join('\n'),
});

const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;

await asProgram(import.meta.main, deliver);
