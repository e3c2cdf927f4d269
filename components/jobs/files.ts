import { randomBytes } from 'node:crypto';
import { dirname } from 'node:path/posix';
import { archiveOf, entriesOf, type Entry } from './lib/archive.ts';
import type { Engine } from './lib/engine.ts';
import { JobError, withCause } from './lib/errors.ts';
import { type Helper, type HelperArgs, type ImageOf, type JobOf, withHelper } from './lib/helper.ts';
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

/** Seconds. */
const defaults = { check: 120, switch: 60 };

/**
 * Judges files, then makes them the ones in force. Whatever happens, a `revisions` target has the old ones or the new ones.
 * Of the others each single file is the old one or the new one: their programs read them at the start only, which waits for
 * a delivery that has ended well.
 */
export async function deliver(
  { job, tools, owner, check, targets }: FilesTold,
  engine: Engine,
  limits = defaults,
): Promise<string> {
  try {
    if (check) await judge(job, check, engine, limits.check);
    const helper: HelperArgs = {
      image: tools,
      command: ['sh', switchScript],
      user: owner,
      network: 'none',
      volumes: Object.fromEntries(targets.map(({ volume }, index) => [mountOf(index), volume])),
      writable: true,
    };
    await withHelper(engine, job, '', helper, async (helper) => {
      const plans: Plan[] = [];
      for (const [index, target] of targets.entries())
        plans.push(
          plan(target, owner, mountOf(index), await present(helper, target, mountOf(index)), newName()),
        );
      const lines = plans.flatMap((one) => one.lines);
      await helper.put('/', await archiveOf([...plans.flatMap((one) => one.entries), scriptEntry(lines)]));
      // What is new in an empty volume stands where it belongs: nothing has to be switched.
      if (lines.length === 0) return;
      const { exitCode, output } = await helper.run({ seconds: limits.switch });
      if (exitCode !== 0)
        throw new JobError(
          `The files could not be put in place: the old ones or the new ones are in force. Output:\n${output.trim()}`,
        );
    });
  } catch (error) {
    const atOnce = targets.every(({ layout }) => layout === 'revisions');
    throw error instanceof JobError
      ? withCause(error, atOnce ? '; the old files stay' : '; some of the files may be new already')
      : error;
  }
  const count = targets.reduce((sum, { files }) => sum + Object.keys(files).length, 0);
  return `delivered ${count} files`;
}

function judge(job: JobOf, check: Check, engine: Engine, seconds: number): Promise<void> {
  const args: HelperArgs = {
    image: check.image,
    command: check.command,
    user: check.user,
    network: 'none',
    writable: true,
  };
  return withHelper(engine, job, 'check', args, async (helper) => {
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
    const { exitCode, output } = await helper.run({ seconds }).catch((error: unknown) => {
      if (!(error instanceof JobError)) throw error;
      throw new JobError(
        `The check of the new files (${check.command.join(' ')}) failed; nothing was changed: ${error.message}`,
      );
    });
    const [program = ''] = check.command;
    if (exitCode === notStarted)
      throw new JobError(
        `The image ${check.image.reference} cannot run ${program}, with which the new files are checked; nothing was changed. Output:\n\n${indented(output)}\n\nRemove the image setting to use the pinned image, or set one that has the program.`,
      );
    if (exitCode !== 0)
      throw new JobError(
        `${program} refuses the new files; nothing was changed. Output:\n\n${indented(output)}\n\nFix the cause and run the command again.`,
      );
  });
}

/** The exit code of the engine's init for a program that is not there. */
const notStarted = 127;

const indented = (text: string): string =>
  (text.trim() || '(none)')
    .split('\n')
    .map((line) => `  ${line}`)
    .join('\n');

const mountOf = (index: number): string => `/target-${index}`;
const switchScript = '/switch.sh';
const newName = (): string => `revision-${randomBytes(4).toString('hex')}`;

/** What is in a volume. Of a data volume only the files that are to be replaced are looked at. */
async function present(helper: Helper, target: Target, mount: string): Promise<Map<string, Entry>> {
  if (target.layout === 'add') {
    const found = new Map<string, Entry>();
    for (const path of Object.keys({ ...target.files, ...target.secrets })) {
      const archive = await helper.get(`${mount}/${path}`);
      const [entry] = archive === undefined ? [] : (await entriesOf(archive)).values();
      if (entry) found.set(path, { ...entry, path });
    }
    return found;
  }
  const archive = await helper.get(mount);
  if (archive === undefined) return new Map();
  const below = `${mount.slice(1)}/`;
  return new Map(
    [...(await entriesOf(archive))].flatMap(([path, entry]) =>
      path.startsWith(below) ? [[path.slice(below.length), entry] as const] : [],
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
  found: ReadonlyMap<string, Entry>,
  fresh: string,
): Plan {
  const { layout, files, secrets = {}, steady } = target;
  const root: Entry = { path: mount.slice(1), owner, mode: 0o755 };
  const at = (path: string): string => quoted(`${mount}/${path}`);
  const wanted = [...modesOf(files, 0o644), ...modesOf(secrets, 0o400)];
  const around = { root: root.path, at, owner, found, staging: `${fresh}-new` };

  const parts: Part[] = [];
  // Folders that are there even when nothing is in them.
  const folders: string[] = [];
  // In an empty volume the link is unpacked last: it leads to whole files only.
  const links: Entry[] = [];
  if (layout === 'revisions') {
    const isFirst = !found.has('current');
    if (isFirst) links.push({ path: `${root.path}/current`, owner, mode: 0o777, link: fresh });
    const keep = new Set(['current']);
    folders.push(fresh);
    parts.push({
      entries: wanted.map(({ path, ...file }) => ({
        ...file,
        path: `${root.path}/${fresh}/${path}`,
        owner,
      })),
      // A line each: `set -e` does not see that the first half of `ln && mv` has failed.
      lines: isFirst
        ? []
        : [`ln -sfn ${fresh} ${at('.current')}`, `mv -T ${at('.current')} ${at('current')}`],
      gone: [],
    });
    if (steady) {
      const below = `${steady.folder}/`;
      folders.push(steady.folder);
      keep.add(topOf(below));
      parts.push(inPlace(around, modesOf(steady.files, 0o644, below), below));
    }
    const tops = new Set([...found.keys()].map(topOf));
    parts.push({ entries: [], lines: [], gone: [...tops].filter((top) => !keep.has(top)) });
  } else {
    parts.push(inPlace(around, wanted, layout === 'in-place' ? '' : undefined));
  }
  const entries = parts.flatMap((part) => part.entries);
  const lines = parts.flatMap((part) => part.lines);
  // What nobody wants any more, and what an interrupted delivery left, goes last.
  const gone = [
    ...parts.flatMap((part) => part.gone).sort(),
    ...(entries.some(({ path }) => path.startsWith(`${root.path}/${around.staging}/`))
      ? [around.staging]
      : []),
  ];
  return {
    entries: [
      root,
      ...(layout === 'add' ? [] : foreignFolders(found, root)),
      ...foldersOf(
        [...entries, ...folders.map((path) => ({ ...root, path: `${root.path}/${path}/.` }))],
        root.path,
      ),
      ...entries,
      ...links,
    ],
    lines: [...lines, ...(gone.length > 0 ? [`rm -rf ${gone.map(at).join(' ')}`] : [])],
  };
}

/** What a plan is made of. */
interface Part extends Plan {
  /** Paths below the volume that are removed in the end. */
  gone: string[];
}

interface Around {
  /** The volume's path in the archive. */
  root: string;
  /** A path in the volume as the shell is told it. */
  at: (path: string) => string;
  owner: string;
  found: ReadonlyMap<string, Entry>;
  /** The folder in the volume where files wait to be moved. */
  staging: string;
}

const topOf = (path: string): string => path.split('/')[0] ?? '';

/** The folders above a path, the nearest first. */
function foldersAbove(path: string): string[] {
  const parts = path.split('/').slice(0, -1);
  return parts.map((_, index) => parts.slice(0, parts.length - index).join('/'));
}

interface Wanted {
  path: string;
  mode: number;
  content: string;
}

const modesOf = (files: Readonly<Record<string, string>>, mode: number, below = ''): Wanted[] =>
  Object.entries(files).map(([path, content]) => ({ path: below + path, mode, content }));

const isFolder = (entry: Entry | undefined): boolean =>
  entry !== undefined && entry.content === undefined && entry.link === undefined;

/**
 * Files that change one by one, each by a rename.
 *
 * @param exact the folder (ending in a slash, or empty for the whole volume) where nothing else stays; undefined where
 *   other files are left alone
 */
function inPlace(
  { root, at, owner, found, staging }: Around,
  wanted: readonly Wanted[],
  exact: string | undefined,
): Part {
  const changed = wanted.filter(({ path, content, mode }) => {
    const there = found.get(path);
    return there?.content !== content || there.mode !== mode || there.owner !== owner;
  });
  const isThere = ({ path }: Wanted): boolean => found.has(path);
  const names = new Set(wanted.map(({ path }) => path));
  const needed = new Set([...names].flatMap(foldersAbove));
  const unwanted = new Set(
    [...found.keys()].filter(
      (path) =>
        exact !== undefined &&
        path.startsWith(exact) &&
        !names.has(path) &&
        !needed.has(path) &&
        // Where a folder becomes a file, it goes before.
        !foldersAbove(path).some((above) => names.has(above)),
    ),
  );
  return {
    entries: changed.map((file) => ({
      ...file,
      path: `${root}/${isThere(file) ? `${staging}/` : ''}${file.path}`,
      owner,
    })),
    lines: changed
      .filter(isThere)
      .flatMap(({ path }) => [
        ...(exact !== undefined && isFolder(found.get(path)) ? [`rm -rf ${at(path)}`] : []),
        `mv -fT ${at(`${staging}/${path}`)} ${at(path)}`,
      ]),
    gone: [...unwanted].filter((path) => !foldersAbove(path).some((above) => unwanted.has(above))),
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

/** Folders in which only another user may rename and remove: the program ran as that one before. */
const foreignFolders = (found: ReadonlyMap<string, Entry>, { path: root, owner }: Entry): Entry[] =>
  [...found]
    .filter(([, entry]) => isFolder(entry) && entry.owner !== owner)
    .map(([path]) => ({ path: `${root}/${path}`, owner, mode: 0o755 }));

const scriptEntry = (lines: readonly string[]): Entry => ({
  path: switchScript.slice(1),
  owner: '0:0',
  mode: 0o644,
  content: ['set -eu', ...lines, ''].join('\n'),
});

const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;

await asProgram(import.meta.main, deliver);
