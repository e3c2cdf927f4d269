import { buffer } from 'node:stream/consumers';
import { Readable } from 'node:stream';
import { extract, pack } from 'tar-stream';

/** A file or folder of an archive. */
export interface Entry {
  /** Below the path at which the archive is unpacked. */
  path: string;
  /** uid:gid. */
  owner: string;
  mode: number;
  /** A file's content; undefined for a folder or a link. */
  content?: string;
  /** Where a link leads. */
  link?: string;
}

/** A tar archive. Entries are unpacked in their order. */
export async function archiveOf(entries: readonly Entry[]): Promise<Buffer> {
  const tar = pack();
  const whole = buffer(tar);
  for (const { path, owner, mode, content, link } of entries) {
    const [uid = 0, gid = 0] = owner.split(':').map(Number);
    // Programs compare contents; a time that differs with every run would only differ.
    const header = {
      name: path,
      uid,
      gid,
      mode,
      mtime: new Date(1_000_000_000_000),
      // tar-stream writes no more than that into its header, and says nothing.
      ...(Math.max(uid, gid) > 0o777777 && { pax: { uid: String(uid), gid: String(gid) } }),
    };
    if (link !== undefined) tar.entry({ ...header, type: 'symlink', linkname: link });
    else if (content === undefined) tar.entry({ ...header, name: `${path}/`, type: 'directory' });
    else tar.entry(header, content);
  }
  tar.finalize();
  return whole;
}

/** What is in an archive, by path. */
export async function entriesOf(archive: Buffer): Promise<Map<string, Entry>> {
  const found = new Map<string, Entry>();
  const tar = extract();
  Readable.from([archive]).pipe(tar);
  for await (const entry of tar) {
    const content = (await buffer(entry)).toString();
    const { name, uid, gid, mode, type, linkname } = entry.header;
    const pax = entry.header.pax as Readonly<Record<string, string>> | undefined;
    const path = name.replace(/\/$/, '');
    found.set(path, {
      path,
      owner: `${pax?.['uid'] ?? uid}:${pax?.['gid'] ?? gid}`,
      // Some engines write the file's type in front.
      mode: mode & 0o7777,
      ...(type === 'file' && { content }),
      ...(type !== 'file' && type !== 'directory' && { link: linkname || '' }),
    });
  }
  return found;
}
