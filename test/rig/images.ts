/**
 * The rig's images: made from their contracts, the built programs and Debian's packages, and loaded under the
 * official names and tags. No registry is involved.
 */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, mkdtemp, readFile, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { basename, join, posix } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import Docker from 'dockerode';
import { pack } from 'tar-stream';
import { imageTag, type ImageKey } from '../../configs/images.ts';
import { cacheFolder, RigError, type Progress } from './cache.ts';
import { contractFolder, contractOf, type Contract } from './images/contracts.ts';
import { Debian } from './images/debian.ts';
import { Rootfs } from './images/rootfs.ts';

/** Counts up when this file makes other images from the same contract. */
const MAKER = '2';
const KIND_LABEL = 'dev.taffrail.rig';
const HASH_LABEL = 'dev.taffrail.rig.hash';
const CREATED = '2026-01-01T00:00:00Z';
const NSSWITCH = 'passwd: files\ngroup: files\nhosts: files dns\n';
/** Read for single files, without what they depend on. */
const FILE_PACKAGES = ['busybox-static', 'ca-certificates', 'tzdata'] as const;

export interface ImagesResult {
  readonly built: ImageKey[];
  readonly loaded: ImageKey[];
  readonly unchanged: ImageKey[];
}

export interface ImagesOptions {
  /** Holds `images/`; default: the rig's folder (test/rig/cache.ts). */
  readonly cacheDir?: string;
}

/** A client for `unix:///path` or `tcp://host:port`. */
export function engineAt(dockerHost: string): Docker {
  const url = new URL(dockerHost);
  if (url.protocol === 'unix:') return new Docker({ socketPath: url.pathname });
  if (url.protocol === 'tcp:')
    return new Docker({ protocol: 'http', host: url.hostname, port: url.port || 2375 });
  throw new RigError(`The rig reaches its engine by unix:// or tcp://, not by ${dockerHost}.`);
}

/**
 * Sees to it that the engine has the named images.
 *
 * @param dockerHost `unix:///...` or `tcp://...` of the rig's own engine
 * @param binDirOf folder with the programs of a built part, named as in the contracts
 * @param names keys of configs/images.ts
 * @param progress told of each image that has to be made or loaded
 * @throws RigError with one sentence: a program is missing, a package cannot be had, or the engine refuses
 */
export async function ensureImages(
  dockerHost: string,
  binDirOf: (part: string) => string,
  names: readonly ImageKey[],
  progress: Progress = () => undefined,
  options: ImagesOptions = {},
): Promise<ImagesResult> {
  const cache = join(options.cacheDir ?? cacheFolder(), 'images');
  await mkdir(cache, { recursive: true });
  const engine = engineAt(dockerHost);
  const sums = await Sums.open(join(cache, 'sums.json'));
  const result: ImagesResult = { built: [], loaded: [], unchanged: [] };
  for (const [index, key] of names.entries()) {
    const tell = (detail: string): void => {
      progress({ step: `image ${imageTag(key)}`, index: index + 1, total: names.length, detail });
    };
    const contract = contractOf(key);
    const hash = await hashOf(contract, binDirOf, sums);
    if ((await hashInEngine(engine, key)) === hash) {
      result.unchanged.push(key);
      continue;
    }
    const folder = join(cache, `${key}-${hash}`);
    if (!(await exists(join(folder, 'config.json')))) {
      tell(`making: ${contract.rig.kind}, ${contract.rig.version}`);
      await make(contract, hash, folder, binDirOf, new Debian(join(cache, 'debian')));
      await removeOlder(cache, key, folder);
      result.built.push(key);
    }
    tell('loading');
    await load(engine, imageTag(key), folder);
    result.loaded.push(key);
  }
  await sums.save();
  return result;
}

const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );

/** The files of a part that the contract puts into the image, by their place there. */
function builtFiles(contract: Contract, binDirOf: (part: string) => string): Map<string, string> {
  const { part } = contract.rig;
  const files = contract.programs.filter(({ rig }) => rig !== 'none' && !rig.includes(':'));
  if (part === undefined || files.length === 0) return new Map();
  const folder = binDirOf(part);
  return new Map(files.map(({ path, rig }) => [path, join(folder, rig)]));
}

const ownFiles = (contract: Contract): [path: string, file: URL][] =>
  contract.programs
    .filter(({ rig }) => rig.startsWith('file:'))
    .map(({ path, rig }) => [path, new URL(rig.slice('file:'.length), contractFolder(contract.key))]);

async function hashOf(contract: Contract, binDirOf: (part: string) => string, sums: Sums): Promise<string> {
  const hash = createHash('sha256').update(
    `${MAKER}\n${process.arch}\n${imageTag(contract.key)}\n${contract.text}`,
  );
  hash.update(contract.appletNames.join(' '));
  for (const [path, file] of ownFiles(contract)) hash.update(path).update(await readFile(file));
  for (const [path, file] of builtFiles(contract, binDirOf)) hash.update(path).update(await sums.of(file));
  return hash.digest('hex').slice(0, 16);
}

async function hashInEngine(engine: Docker, key: ImageKey): Promise<string | undefined> {
  try {
    const { Config } = await engine.getImage(imageTag(key)).inspect();
    return (Config as { Labels?: Record<string, string> | null }).Labels?.[HASH_LABEL];
  } catch (error) {
    if ((error as { statusCode?: number }).statusCode === 404) return undefined;
    throw error;
  }
}

async function make(
  contract: Contract,
  hash: string,
  folder: string,
  binDirOf: (part: string) => string,
  debian: Debian,
): Promise<void> {
  const rootfs = await rootfsOf(contract, binDirOf, debian);
  // Made aside and renamed: a killed run leaves nothing that looks whole.
  const aside = await mkdtemp(`${folder}-`);
  const layer = await rootfs.save(join(aside, 'layer.tar'));
  await writeFile(join(aside, 'config.json'), JSON.stringify(imageConfig(contract, hash, layer)));
  await rm(folder, { recursive: true, force: true });
  await rename(aside, folder);
}

async function rootfsOf(
  contract: Contract,
  binDirOf: (part: string) => string,
  debian: Debian,
): Promise<Rootfs> {
  const { rig, applets } = contract;
  const rootfs = new Rootfs();
  for (const { path, link } of contract.paths) if (link !== undefined) rootfs.link(path, link);
  const singles = FILE_PACKAGES.filter((name) => {
    if (name === 'busybox-static') return applets !== undefined;
    return name === 'tzdata' ? contract.zoneinfo !== undefined : contract.ca !== undefined;
  });
  const wanted = rig.packages.filter((name) => name !== 'busybox-static' && name !== 'locales');
  if (singles.length + wanted.length > 0) {
    await debian.update();
    const packages = await debian.closure(wanted, rig.without);
    const locales = rig.locale === undefined ? [] : ['locales'];
    const debs = await debian.download([...new Set([...packages, ...singles, ...locales])]);
    const deb = (name: string): string => debs.get(name) ?? '';
    for (const name of packages) await debian.unpack(deb(name), rootfs);
    if (contract.zoneinfo !== undefined)
      await debian.unpack(deb('tzdata'), rootfs, (path) => path.startsWith('/usr/share/zoneinfo/'));
    if (contract.ca !== undefined)
      rootfs.file(contract.ca.is, await bundleOf(debian, deb('ca-certificates')));
    if (applets !== undefined) await addBusybox(contract, rootfs, debian, deb('busybox-static'));
    if (rig.locale !== undefined) await debian.locale(rig.locale, deb('locales'), rootfs);
  }
  for (const { path, rig: source } of contract.programs) {
    const [how = '', what = ''] = source.split(/:(.*)/);
    if (how === 'debian') rootfs.move(what, path);
    else if (how === 'link') rootfs.link(path, what);
  }
  for (const [path, file] of ownFiles(contract)) rootfs.file(path, await readFile(file), { mode: 0o755 });
  for (const [path, file] of builtFiles(contract, binDirOf)) await rootfs.diskFile(path, file);
  for (const { path, owner, mode, text, link } of contract.paths) {
    if (link !== undefined) continue;
    const [uid = 0, gid = 0] = owner.split(':').map(Number);
    const attributes = { uid, gid, mode: parseInt(mode, 8) };
    if (text === undefined) rootfs.directory(path, attributes);
    else rootfs.file(path, text, attributes);
  }
  rootfs.file(
    '/etc/passwd',
    contract.accounts
      .map((a) => `${a.user}:x:${String(a.uid)}:${String(a.gid)}::${a.home}:${a.shell}\n`)
      .join(''),
  );
  rootfs.file('/etc/group', contract.groups.map((g) => `${g.group}:x:${String(g.gid)}:\n`).join(''));
  rootfs.file('/etc/nsswitch.conf', NSSWITCH);
  return rootfs;
}

async function addBusybox(contract: Contract, rootfs: Rootfs, debian: Debian, deb: string): Promise<void> {
  const dir = contract.applets?.dir ?? '/bin';
  await debian.unpack(deb, rootfs, (path) => path === '/usr/bin/busybox');
  rootfs.move('/usr/bin/busybox', posix.join(dir, 'busybox'));
  for (const name of contract.appletNames)
    if (!rootfs.has(posix.join(dir, name))) rootfs.link(posix.join(dir, name), 'busybox');
}

/** Debian makes the bundle when the package is installed; this is the same: all Mozilla certificates in order. */
async function bundleOf(debian: Debian, deb: string): Promise<Buffer> {
  const all = new Rootfs();
  await debian.unpack(deb, all, (path) => /^\/usr\/share\/ca-certificates\/.*\.crt$/.test(path));
  return Buffer.concat(all.contents());
}

function imageConfig(contract: Contract, hash: string, layer: string): unknown {
  const { config, rig } = contract;
  const keys = (lines: readonly { is: string }[]): Record<string, object> =>
    Object.fromEntries(lines.map(({ is }) => [is, {}]));
  return {
    architecture: process.arch === 'x64' ? 'amd64' : process.arch,
    os: 'linux',
    created: CREATED,
    config: {
      User: config.user?.is ?? '',
      Env: config.env.map(({ is }) => is),
      Entrypoint: config.entrypoint.is.length === 0 ? null : config.entrypoint.is,
      Cmd: config.cmd?.is ?? null,
      WorkingDir: config.workdir?.is ?? '',
      ExposedPorts: keys(config.ports),
      Volumes: config.volumes.length === 0 ? null : keys(config.volumes),
      ...(config.stopSignal && { StopSignal: config.stopSignal.is }),
      ...(config.healthcheck && { Healthcheck: { Test: config.healthcheck.is } }),
      Labels: { [KIND_LABEL]: rig.kind, [HASH_LABEL]: hash, [`${KIND_LABEL}.version`]: rig.version },
    },
    rootfs: { type: 'layers', diff_ids: [layer] },
    history: [{ created: CREATED, created_by: 'taffrail rig', comment: `${rig.kind}: ${rig.differs}` }],
  };
}

/** Streams a docker archive (config, layer, manifest) into the engine. */
async function load(engine: Docker, tag: string, folder: string): Promise<void> {
  const config = await readFile(join(folder, 'config.json'));
  const layer = join(folder, 'layer.tar');
  const { size } = await stat(layer);
  const id = createHash('sha256').update(config).digest('hex');
  const archive = pack();
  const write = async (): Promise<void> => {
    archive.entry({ name: `${id}.json` }, config);
    await pipeline(createReadStream(layer), archive.entry({ name: 'layer.tar', size }));
    const manifest = [{ Config: `${id}.json`, RepoTags: [tag], Layers: ['layer.tar'] }];
    archive.entry({ name: 'manifest.json' }, JSON.stringify(manifest));
    archive.finalize();
  };
  const [answer] = await Promise.all([engine.loadImage(Readable.from(archive)), write()]);
  await new Promise<void>((resolve, reject) => {
    engine.modem.followProgress(answer, (error: Error | null, lines: { error?: string }[]) => {
      const refused = error?.message ?? lines.find((entry) => entry.error !== undefined)?.error;
      if (refused === undefined) resolve();
      else reject(new RigError(`The engine refused the image ${tag}: ${refused}`));
    });
  });
}

/** Only the newest make of each image is kept. */
async function removeOlder(cache: string, key: ImageKey, keep: string): Promise<void> {
  for (const name of await readdir(cache))
    if (new RegExp(`^${key}-[0-9a-f]{16}$`).test(name) && name !== basename(keep))
      await rm(join(cache, name), { recursive: true, force: true });
}

/** Remembers the digests of built programs by path, size and time: reading half a gigabyte takes seconds. */
class Sums {
  readonly #file: string;
  readonly #known: Record<string, string>;
  #changed = false;

  private constructor(file: string, known: Record<string, string>) {
    this.#file = file;
    this.#known = known;
  }

  static async open(file: string): Promise<Sums> {
    const text = await readFile(file, 'utf8').catch(() => '{}');
    return new Sums(file, JSON.parse(text) as Record<string, string>);
  }

  async of(path: string): Promise<string> {
    const found = await stat(path).catch(() => undefined);
    if (found === undefined) throw new RigError(`The rig has not built ${path}.`);
    const id = `${path} ${String(found.size)} ${String(found.mtimeMs)}`;
    const known = this.#known[id];
    if (known !== undefined) return known;
    const hash = createHash('sha256');
    await pipeline(createReadStream(path), hash);
    this.#changed = true;
    return (this.#known[id] = hash.digest('hex'));
  }

  async save(): Promise<void> {
    if (!this.#changed) return;
    const aside = `${this.#file}.${String(process.pid)}`;
    await writeFile(aside, JSON.stringify(this.#known, null, 1));
    await rename(aside, this.#file);
  }
}
