/**
 * Debian packages as a source of files: downloaded and read, never installed, with package lists of their own,
 * so that neither root nor the machine's own lists are touched.
 */
import { spawn } from 'node:child_process';
import { mkdir, readdir, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { join, posix } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { execa } from 'execa';
import { extract } from 'tar-stream';
import { RigError } from '../cache.ts';
import type { Rootfs } from './rootfs.ts';

const LISTS_MAX_AGE_MS = 7 * 24 * 3600 * 1000;

/** What a closure drags in and no program of ours reads at run time. */
const NOISE = new Set(
  (
    'base-files base-passwd debconf debianutils dpkg init-system-helpers libc-bin libc-l10n locales login lsb-base ' +
    'mawk netbase passwd perl-base readline-common sensible-utils sysvinit-utils tar tzdata ucf usrmerge libaudit-common ' +
    'libsemanage-common ca-certificates adduser openssl perl perl-modules-5.36 libperl5.36 libgdbm6 libgdbm-compat4 ' +
    'ssl-cert'
  ).split(' '),
);

const SKIPPED_PATHS =
  /^\/(etc|var|usr\/share\/(doc|man|locale|lintian|bug|bash-completion|perl5?|info|menu|pixmaps|icons|applications)|usr\/lib\/(tmpfiles\.d|sysusers\.d|systemd|modules-load\.d|sysctl\.d))(\/|$)/;

export class Debian {
  readonly #folder: string;

  /** @param folder for lists and packages; made on first use */
  constructor(folder: string) {
    this.#folder = folder;
  }

  #options(): string[] {
    return [
      ['Dir::State', join(this.#folder, 'state')],
      ['Dir::State::lists', join(this.#folder, 'lists')],
      ['Dir::State::status', '/dev/null'],
      ['Dir::Cache', join(this.#folder, 'cache')],
      ['APT::Sandbox::User', ''],
      ['Debug::NoLocking', '1'],
      ['APT::Install-Recommends', '0'],
    ].flatMap(([name, value]) => ['-o', `${name ?? ''}=${value ?? ''}`]);
  }

  /** Fetches the package lists, at most once a week. */
  async update(): Promise<void> {
    const stamp = join(this.#folder, 'lists-fetched');
    const age = await stat(stamp).then(
      (s) => Date.now() - s.mtimeMs,
      () => Infinity,
    );
    if (age < LISTS_MAX_AGE_MS) return;
    for (const name of ['state', 'lists/partial', 'cache/archives/partial', 'debs'])
      await mkdir(join(this.#folder, name), { recursive: true });
    await this.#run('apt-get', [...this.#options(), '-q', 'update']);
    await writeFile(stamp, '');
    await utimes(stamp, new Date(), new Date());
  }

  /** The packages and all that they depend on, without the noise. */
  async closure(packages: readonly string[], without: readonly string[]): Promise<string[]> {
    if (packages.length === 0) return [];
    const plan = await this.#run('apt-get', [...this.#options(), '-s', '-q', 'install', ...packages]);
    const names = [...plan.matchAll(/^Inst (\S+)/gm)].map(([, name = '']) => name);
    const left = new Set(without);
    return names.filter((name) => !NOISE.has(name) && !left.has(name)).sort();
  }

  /** Downloads what is not there yet. @returns the path of each package's file */
  async download(names: readonly string[]): Promise<Map<string, string>> {
    const folder = join(this.#folder, 'debs');
    const there = async (): Promise<Map<string, string>> =>
      new Map(
        (await readdir(folder))
          .filter((file) => file.endsWith('.deb'))
          .map((file) => [file.slice(0, file.indexOf('_')), join(folder, file)]),
      );
    const have = await there();
    const missing = names.filter((name) => !have.has(name));
    if (missing.length > 0) {
      // Fetched aside and renamed: a killed download never looks like a whole package.
      const aside = join(folder, `partial-${String(process.pid)}`);
      await mkdir(aside, { recursive: true });
      await this.#run('apt-get', [...this.#options(), '-q', 'download', ...missing], aside);
      for (const file of await readdir(aside)) await rename(join(aside, file), join(folder, file));
      await rm(aside, { recursive: true });
    }
    const all = await there();
    return new Map(
      names.map((name) => {
        const file = all.get(name);
        if (file === undefined) throw new RigError(`Debian package ${name} could not be downloaded`);
        return [name, file];
      }),
    );
  }

  /** Adds a package's files; `keep` chooses among them. */
  async unpack(
    deb: string,
    rootfs: Rootfs,
    keep: (path: string) => boolean = (path) => !SKIPPED_PATHS.test(path),
  ): Promise<void> {
    const child = spawn('dpkg-deb', ['--fsys-tarfile', deb], { stdio: ['ignore', 'pipe', 'inherit'] });
    const tar = child.stdout.pipe(extract());
    for await (const entry of tar) {
      const { name, type, mode, linkname } = entry.header;
      const path = posix.resolve('/', name);
      if (type === 'directory' || !keep(rootfs.canonical(path))) entry.resume();
      else if (type === 'symlink') {
        rootfs.link(path, linkname);
        entry.resume();
      } else if (type === 'link') {
        rootfs.copy(posix.resolve('/', linkname), path);
        entry.resume();
      } else rootfs.file(path, await buffer(entry), { mode: mode & 0o777 });
    }
  }

  /** A compiled locale, made by the machine's own `localedef` from Debian's sources. */
  async locale(name: string, localesDeb: string, rootfs: Rootfs): Promise<void> {
    const folder = join(this.#folder, `locale-${name}`);
    const done = await readdir(join(folder, name)).catch(() => []);
    if (done.length === 0) {
      const sources = join(folder, 'sources');
      await mkdir(sources, { recursive: true });
      await this.#run('dpkg-deb', ['-x', localesDeb, sources]);
      const [language = '', charset = ''] = name.split('.');
      const map = charset.toUpperCase() === 'UTF8' ? 'UTF-8' : charset;
      await this.#run(
        'localedef',
        ['--no-archive', '-c', '-i', language, '-f', map, join(folder, name)],
        folder,
        {
          I18NPATH: join(sources, 'usr/share/i18n'),
        },
      );
    }
    await rootfs.folder(join(folder, name), `/usr/lib/locale/${name}`);
  }

  async #run(
    command: string,
    args: string[],
    cwd = this.#folder,
    env: Record<string, string> = {},
  ): Promise<string> {
    const result = await execa(command, args, { cwd, env: { LC_ALL: 'C', ...env }, reject: false });
    if (result.failed)
      throw new RigError(
        `${command} ${args.filter((a) => !a.includes('=') && a !== '-o').join(' ')} failed: ` +
          (result.stderr || result.shortMessage || '').split('\n').slice(-3).join(' '),
      );
    return result.stdout;
  }
}
