/** A root file system in memory that is written as one tar: same entries, same bytes, whoever runs it. */
import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { readFile, readdir, stat } from 'node:fs/promises';
import { join, posix } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { Transform } from 'node:stream';
import { pack, type Pack } from 'tar-stream';

interface Attributes {
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
}

type Content =
  | { readonly type: 'directory' }
  | { readonly type: 'file'; readonly data: Buffer }
  | { readonly type: 'file'; readonly disk: string; readonly size: number }
  | { readonly type: 'symlink'; readonly target: string };

type Entry = Content & Required<Attributes>;

/** One stamp for all entries: a file's age says nothing here. */
const STAMP = new Date('2026-01-01T00:00:00Z');

/** As on every merged-/usr system; `/bin` of a busybox image is a plain folder, which no program can tell. */
const MERGED = /^\/(bin|sbin|lib|lib64)(?=\/|$)/;

export class Rootfs {
  readonly #entries = new Map<string, Entry>();

  /** Where a path really lies: merged /usr and links of this file system followed, but for the last part. */
  canonical(path: string): string {
    let real = posix.normalize(path).replace(MERGED, '/usr/$1');
    for (let hops = 0; hops < 8; hops++) {
      const parts = real.split('/');
      const at = parts.findIndex(
        (_, i) =>
          i > 0 &&
          i < parts.length - 1 &&
          this.#entries.get(parts.slice(0, i + 1).join('/'))?.type === 'symlink',
      );
      if (at < 0) break;
      const link = parts.slice(0, at + 1).join('/');
      const entry = this.#entries.get(link);
      if (entry?.type !== 'symlink') break;
      real = posix
        .resolve(posix.dirname(link), entry.target, ...parts.slice(at + 1))
        .replace(MERGED, '/usr/$1');
    }
    return real;
  }

  has(path: string): boolean {
    return this.#entries.has(this.canonical(path));
  }

  file(path: string, data: Buffer | string, attributes: Attributes = {}): void {
    this.#put(path, { type: 'file', data: Buffer.from(data) }, attributes, 0o644);
  }

  /** A file that stays on disk until it is written. */
  async diskFile(path: string, disk: string, attributes: Attributes = {}): Promise<void> {
    const { size } = await stat(disk);
    this.#put(path, { type: 'file', disk, size }, attributes, 0o755);
  }

  /** All plain files of a folder of this machine. */
  async folder(disk: string, path: string): Promise<void> {
    for (const item of await readdir(disk, { withFileTypes: true })) {
      const here = join(disk, item.name);
      const there = posix.join(path, item.name);
      if (item.isDirectory()) await this.folder(here, there);
      else this.file(there, await readFile(here));
    }
  }

  directory(path: string, attributes: Attributes = {}): void {
    this.#put(path, { type: 'directory' }, attributes, 0o755);
  }

  link(path: string, target: string): void {
    this.#put(path, { type: 'symlink', target }, {}, 0o777);
  }

  copy(source: string, path: string): void {
    const entry = this.#entries.get(this.canonical(source));
    if (entry === undefined) throw new Error(`${source} is not in the image's packages`);
    this.#entries.set(this.canonical(path), entry);
  }

  move(source: string, path: string): void {
    const to = this.canonical(path);
    const at = this.canonical(source);
    if (at === to && this.#entries.has(to)) return;
    this.copy(source, path);
    this.#entries.delete(at);
  }

  /** The contents of all files that were given in memory, in order of path. */
  contents(): Buffer[] {
    return [...this.#entries]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .flatMap(([, entry]) => ('data' in entry ? [entry.data] : []));
  }

  #put(path: string, content: Content, { mode, uid = 0, gid = 0 }: Attributes, usual: number): void {
    this.#entries.set(this.canonical(path), { ...content, mode: mode ?? usual, uid, gid });
  }

  /** Adds the folders above every entry, and `/bin` and its like where something lies below them. */
  #complete(): [string, Entry][] {
    const all = new Map(this.#entries);
    for (const path of this.#entries.keys())
      for (let up = posix.dirname(path); up !== '/'; up = posix.dirname(up))
        if (!all.has(up)) all.set(up, { type: 'directory', mode: 0o755, uid: 0, gid: 0 });
    for (const name of ['bin', 'sbin', 'lib', 'lib64'])
      if (all.has(`/usr/${name}`))
        all.set(`/${name}`, { type: 'symlink', target: `usr/${name}`, mode: 0o777, uid: 0, gid: 0 });
    return [...all].sort(([a], [b]) => (a < b ? -1 : 1));
  }

  async #write(to: Pack): Promise<void> {
    for (const [path, entry] of this.#complete()) {
      const { mode, uid, gid } = entry;
      const header = { name: path.slice(1), mode, uid, gid, mtime: STAMP, uname: '', gname: '' };
      if (entry.type === 'directory') to.entry({ ...header, name: `${header.name}/`, type: 'directory' });
      else if (entry.type === 'symlink') to.entry({ ...header, type: 'symlink', linkname: entry.target });
      else if ('data' in entry) to.entry(header, entry.data);
      else await pipeline(createReadStream(entry.disk), to.entry({ ...header, size: entry.size }));
    }
    to.finalize();
  }

  /** Writes the tar. @returns its digest, `sha256:...` */
  async save(file: string): Promise<string> {
    const tar = pack();
    const hash = createHash('sha256');
    const tap = new Transform({
      transform(chunk: Buffer, _encoding, done) {
        hash.update(chunk);
        done(null, chunk);
      },
    });
    await Promise.all([this.#write(tar), pipeline(tar, tap, createWriteStream(file))]);
    return `sha256:${hash.digest('hex')}`;
  }
}
